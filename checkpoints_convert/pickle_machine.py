"""A stack machine for pickles that can build data and nothing else.

A pickle is a program. Python's own unpickler imports and calls what the program
names. This machine knows only the opcodes that checkpoints need and the globals
of a Dialect. It never imports a global: each stands for a function of ours. Any
other opcode or global raises a one-line error that names it and its byte.

Memory stays below a small multiple of the file's size: arrays are views of the
file's bytes, containers are not copied, and both copies and steps are limited.

Contents: MAX_BYTES, MAX_STEPS, NETWORK, ORDERED_DICT, Global, Dialect, Object,
Array, execute, NVLABS.
"""

import math
import os
import pickletools
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tqdm

from advmix_jax.runtime.untrusted import need, show

MAX_BYTES = 2**32  # Per file; the largest official one has 0.35 GB.
MAX_STEPS = 200_000  # Opcodes per file; official files have a few thousand.
_LARGE = 2**26  # Files of this size or larger show a progress bar.
_MAX_AXES = 8

NETWORK = 'dnnlib.tflib.network.Network'
ORDERED_DICT = 'collections.OrderedDict'  # Its attributes are dropped.
_ARRAY = 'numpy.ndarray'
_DTYPES = ('f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'b1')


class Global(NamedTuple):
  """The name of a global in the file; it is not imported."""

  name: str


class Dialect(NamedTuple):
  """The globals that one kind of file may name."""

  calls: dict[str, Callable]  # Global -> what REDUCE does: f(machine, *args).
  names: tuple[str, ...]  # Globals that may be named but not called.
  # Maps a persistent id to a value; None: persistent ids are refused.
  persistent: Callable | None = None


class Object(NamedTuple):
  """A network under construction: BUILD appends the only state, a dict."""

  states: list


class Array(NamedTuple):
  """An array under construction: BUILD appends the only value."""

  values: list


class _Machine(NamedTuple):
  """The complete state of the stack machine."""

  stack: list
  marks: list  # Stack heights at MARK opcodes.
  memo: dict
  copied: list  # Bytes copied so far: one number, or empty.
  limit: int  # Of bytes copied.
  dialect: Dialect


def execute(file: BinaryIO, dialect: Dialect) -> Any:
  """Runs a pickle of protocol 2 to 5; leaves the file at the pickle's end.

  Args:
    file: Open file, positioned at the pickle's first byte.
    dialect: The globals that the pickle may name.

  Returns:
    The value that the pickle describes: dicts, lists, tuples, scalars, Array,
    Object, and values that functions of `dialect` return.

  Raises:
    ValueError: The program is cut off, malformed, or not allowed; the one-line
      message names the byte.
  """
  position = file.tell()
  size = file.seek(0, os.SEEK_END) - position
  file.seek(position)
  machine = _Machine([], [], {}, [], max(size, 2**16), dialect)
  bar = tqdm.tqdm(
    total=size,
    unit='B',
    unit_scale=True,
    desc='read',
    disable=size < _LARGE,
  )
  with bar:
    try:
      for step, (opcode, arg, position) in enumerate(pickletools.genops(file)):
        if step >= MAX_STEPS:
          raise ValueError(f'more than {MAX_STEPS} opcodes')
        if opcode.name not in _STEPS:
          raise ValueError(f'opcode {opcode.name} is not allowed')
        _STEPS[opcode.name](machine, arg)
        position = file.tell()  # For an error in parsing the next opcode.
        bar.update(position - bar.n)
    except (ValueError, OverflowError, struct.error, MemoryError) as e:
      reason = ' '.join(str(e).split())[:200]
      raise ValueError(f'refused at byte {position}: {reason}') from None
    except (TypeError, KeyError, IndexError) as e:
      raise ValueError(
        f'refused at byte {position}: malformed ({type(e).__name__})'
      ) from None
  if len(machine.stack) != 1 or machine.marks:
    raise ValueError(f'refused at byte {position}: the stack is not empty')
  return machine.stack[0]


def _pop(machine):
  floor = machine.marks[-1] if machine.marks else 0
  need(len(machine.stack) > floor, 'the stack is empty')
  return machine.stack.pop()


def _pop_mark(machine):
  need(machine.marks, 'no mark on the stack')
  start = machine.marks.pop()
  items = machine.stack[start:]
  del machine.stack[start:]
  return items


def _top(machine, kind):
  """The top value, left on the stack; it must be of type `kind`."""
  value = _pop(machine)
  machine.stack.append(value)
  need(
    type(value) is kind,
    f'expected a {kind.__name__}, got a {type(value).__name__.strip("_")}',
  )
  return value


def _protocol(machine, arg):
  del machine
  need(2 <= arg <= 5, f'protocol {arg}, expected 2 to 5')


def _push(machine, arg):
  machine.stack.append(arg)


def _tuple(count):
  def step(machine, arg):
    del arg
    items = [_pop(machine) for _ in range(count)]
    machine.stack.append(tuple(items[::-1]))

  return step


def _memoize(machine, arg):
  value = _pop(machine)
  machine.stack.append(value)
  machine.memo[len(machine.memo) if arg is None else arg] = value


def _get(machine, arg):
  need(arg in machine.memo, f'memo {arg} was never set')
  machine.stack.append(machine.memo[arg])


def _append(machine, items):
  _top(machine, list).extend(items)


def _set(machine, items):
  target = _top(machine, dict)
  need(len(items) % 2 == 0, 'a key without a value')
  for key, value in zip(items[::2], items[1::2], strict=True):
    need(type(key) is str, f'a key of type {type(key).__name__}')
    target[key] = value


def _name_global(machine, module, name):
  need(
    type(module) is str and type(name) is str,
    'a global that is not two strings',
  )
  full = f'{module}.{name}'
  if module.startswith('numpy._core.'):
    full = f'numpy.core.{full[12:]}'
  allowed = full in machine.dialect.calls or full in machine.dialect.names
  need(allowed, f'global {show(f"{module}.{name}")} is not allowed')
  machine.stack.append(Global(full))


def _stack_global(machine, arg):
  del arg
  name, module = _pop(machine), _pop(machine)
  _name_global(machine, module, name)


def _reduce(machine, arg):
  del arg
  args, function = _pop(machine), _pop(machine)
  need(
    type(function) is Global and type(args) is tuple,
    'REDUCE of something other than an allowed global',
  )
  calls = machine.dialect.calls
  need(function.name in calls, f'{function.name} must not be called')
  machine.stack.append(calls[function.name](machine, *args))


def _persistent(machine, arg):
  del arg
  need(machine.dialect.persistent, 'opcode BINPERSID is not allowed')
  machine.stack.append(machine.dialect.persistent(_pop(machine)))


def _new_object(machine, arg):
  del arg
  args, kind = _pop(machine), _pop(machine)
  need(kind == Global(NETWORK) and args == (), f'NEWOBJ of no bare {NETWORK}')
  machine.stack.append(Object([]))


def _build(machine, arg):
  del arg
  state, target = _pop(machine), _pop(machine)
  if type(target) is Object:
    need(type(state) is dict, 'the state of a network is no dict')
    need(not target.states, 'BUILD of a network twice')
    state.pop('build_module_src', None)
    target.states.append(state)  # No copy: a file can build any number.
  elif type(target) is Array:
    need(type(state) is tuple and len(state) == 5, 'no state of an array')
    _, shape, dtype, fortran, data = state
    need(not target.values, 'BUILD of an array twice')
    order = 'F' if fortran else 'C'
    target.values.append(_view(machine, data, dtype, shape, order))
  elif isinstance(target, np.dtype):
    _check_dtype_state(state)
  elif type(target) is dict and ORDERED_DICT in machine.dialect.calls:
    need(type(state) is dict, 'the attributes of a dict are no dict')
  else:
    raise ValueError(f'BUILD of a {type(target).__name__.strip("_")}')
  machine.stack.append(target)


def _check_dtype_state(state):
  """Allows only little-endian numbers: no fields, no subarrays, no flags."""
  need(type(state) is tuple and len(state) >= 5, 'no state of a dtype')
  need(
    all(x is None or type(x) in (int, str) for x in state),
    'a dtype with fields or metadata',
  )
  order, rest = state[1], state[2:]
  need(order in ('<', '|', '='), f'byte order {show(order)} of a dtype')
  plain = (None, None, None, -1, -1, 0)
  need(rest == plain[: len(rest)], 'a dtype with fields or flags')


def _make_dtype(machine, kind, align=False, copy=True):
  del machine, copy
  need(
    type(kind) is str and kind in _DTYPES,
    f'dtype {show(kind)}, expected one of {", ".join(_DTYPES)}',
  )
  need(not align, 'an aligned dtype')
  return np.dtype(f'<{kind}')


def _reconstruct(machine, kind, shape, code):
  del machine, shape, code
  need(
    kind == Global(_ARRAY), '_reconstruct of something other than numpy.ndarray'
  )
  return Array([])


def _count(machine, size):
  """Counts bytes that are taken beside those of the file itself."""
  machine.copied[:] = [sum(machine.copied) + size]
  need(
    machine.copied[0] <= machine.limit,
    'more copies than the size of the file allows',
  )


def _copy(machine, text):
  """Text of latin-1 characters as bytes; the total of copies is limited."""
  _count(machine, len(text))
  return text.encode('latin1')


def _push_value(machine, value):
  """Pushes a value; text may take four bytes where the file has one."""
  if type(value) is str:
    _count(machine, max(0, sys.getsizeof(value) - len(value) - 100))
  machine.stack.append(value)


def _encode(machine, text, encoding):
  need(
    type(text) is str and encoding in ('latin1', 'latin-1'),
    '_codecs.encode of something other than latin-1 text',
  )
  return _copy(machine, text)


def _view(machine, data, dtype, shape, order):
  """An array view of the file's bytes; their number must be exact."""
  data = _copy(machine, data) if type(data) is str else data
  need(type(data) in (bytes, bytearray), 'an array whose data is no bytes')
  need(isinstance(dtype, np.dtype), 'an array without a dtype')
  need(
    type(shape) is tuple
    and len(shape) <= _MAX_AXES
    and all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape),
    'an array whose shape is no short tuple of sizes',
  )
  size = math.prod(shape) * dtype.itemsize
  need(
    size == len(data),
    f'an array of shape {shape} needs {size} bytes, got {len(data)}',
  )
  need(order in ('C', 'F'), f'order {show(order)} of an array')
  return np.frombuffer(data, dtype).reshape(shape, order=order)


def _scalar(machine, dtype, data):
  return _view(machine, data, dtype, (), 'C')[()]


def _frombuffer(machine, data, dtype, shape, order):
  return Array([_view(machine, data, dtype, shape, order)])


NVLABS = Dialect(
  calls={
    'numpy.core.multiarray._reconstruct': _reconstruct,
    'numpy.core.multiarray.scalar': _scalar,
    'numpy.core.numeric._frombuffer': _frombuffer,
    'numpy.dtype': _make_dtype,
    '_codecs.encode': _encode,
  },
  names=(_ARRAY, NETWORK),
)

_VALUES = (
  'BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE '
  'BINUNICODE8 SHORT_BINSTRING BINSTRING SHORT_BINBYTES BINBYTES BINBYTES8 '
  'BYTEARRAY8'
)
_STEPS = {
  'PROTO': _protocol,
  'FRAME': lambda machine, arg: None,
  'STOP': lambda machine, arg: None,
  **dict.fromkeys(_VALUES.split(), _push_value),
  'NONE': lambda machine, arg: _push(machine, None),
  'NEWTRUE': lambda machine, arg: _push(machine, True),
  'NEWFALSE': lambda machine, arg: _push(machine, False),
  'EMPTY_DICT': lambda machine, arg: _push(machine, {}),
  'EMPTY_LIST': lambda machine, arg: _push(machine, []),
  'EMPTY_TUPLE': lambda machine, arg: _push(machine, ()),
  'MARK': lambda machine, arg: machine.marks.append(len(machine.stack)),
  'TUPLE': lambda machine, arg: _push(machine, tuple(_pop_mark(machine))),
  'TUPLE1': _tuple(1),
  'TUPLE2': _tuple(2),
  'TUPLE3': _tuple(3),
  'APPEND': lambda machine, arg: _append(machine, [_pop(machine)]),
  'APPENDS': lambda machine, arg: _append(machine, _pop_mark(machine)),
  'SETITEM': lambda machine, arg: _set(machine, _tuple_items(machine)),
  'SETITEMS': lambda machine, arg: _set(machine, _pop_mark(machine)),
  **dict.fromkeys(('MEMOIZE', 'BINPUT', 'LONG_BINPUT'), _memoize),
  **dict.fromkeys(('BINGET', 'LONG_BINGET'), _get),
  'GLOBAL': lambda machine, arg: _name_global(machine, *arg.split(' ', 1)),
  'STACK_GLOBAL': _stack_global,
  'REDUCE': _reduce,
  'BINPERSID': _persistent,
  'NEWOBJ': _new_object,
  'BUILD': _build,
}


def _tuple_items(machine):
  value, key = _pop(machine), _pop(machine)
  return [key, value]
