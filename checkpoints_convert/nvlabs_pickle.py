"""Reads NVlabs' StyleGAN v1 pickles as data; nothing in the file can run.

  networks = nvlabs_pickle.load('karras2019stylegan-ffhq-1024x1024.pkl')
  networks['Gs'].components['mapping'].variables['Dense0/weight']

pickle_machine runs the pickle and builds only data. The source code embedded in
every network is ignored.

Contents: Network, load, loads, describe.
"""

import io
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from advmix_jax.runtime.untrusted import check_file, need, show
from checkpoints_convert import pickle_machine

_MAX_PARTS = 10  # Components of a network; official ones have two.
_MAX_KWARGS = 10_000  # Characters of a network's kwargs; they have about 500.
_MOST_ITEMS = 100  # Of a list among them.
_SCALARS = (type(None), bool, int, float, str, np.generic)


class Network(NamedTuple):
  """The content of one pickled network; only its own variables."""

  name: str
  version: int
  build_func_name: str
  static_kwargs: dict[str, Any]  # Scalars, strings and flat lists of them.
  components: dict[str, Any]  # Name -> Network, one level deep.
  variables: dict[str, np.ndarray]  # Local name -> value.


def load(path: str | os.PathLike) -> dict[str, Network]:
  """Reads a pickle of one network, or of the tuple (G, D, Gs).

  Returns:
    Networks by name: 'G', 'D' and 'Gs', or the name of the single network.

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: The file is corrupt, or holds anything other than such networks.
      If the pickle itself is refused, the one-line message names the byte.
  """
  path = pathlib.Path(path)
  check_file(path)
  size = path.stat().st_size
  if size > pickle_machine.MAX_BYTES:
    raise ValueError(
      f'{path}: {size} bytes, expected at most {pickle_machine.MAX_BYTES}'
    )
  try:
    return loads(path.read_bytes())
  except ValueError as e:
    raise ValueError(f'{path}: {e}') from None


def loads(data: bytes) -> dict[str, Network]:
  """Like `load`, from the file's bytes; raises as `load`."""
  if data[:1] != b'\x80':
    found = data[:4].hex(' ') or 'nothing'
    raise ValueError(
      f'not a pickle of protocol 2 to 5: byte 0 starts with {found}, '
      'expected 80'
    )
  value = pickle_machine.execute(io.BytesIO(data), pickle_machine.NVLABS)
  if isinstance(value, pickle_machine.Object):
    network = _network(value, components=True)
    return {network.name: network}
  if type(value) is tuple and len(value) == 3:
    names = ('G', 'D', 'Gs')
    pairs = zip(names, value, strict=True)
    return {name: _network(item, components=True) for name, item in pairs}
  raise ValueError(
    f'holds a {type(value).__name__.strip("_")}, expected a '
    f'{pickle_machine.NETWORK} or a tuple of three'
  )


def _network(item, *, components):
  """Checks what BUILD made and returns it; components have no components."""
  need(
    type(item) is pickle_machine.Object,
    f'a {type(item).__name__} in place of a network',
  )
  need(item.states, 'a network without a state')
  state = item.states[0]
  needed = {'version', 'name', 'static_kwargs', 'variables'}
  missing = sorted(needed - set(state))
  need(not missing, f'a network without {", ".join(missing)}')
  need(state['version'] in (2, 3), 'a network of a version other than 2 and 3')
  for key, kind in [('name', str), ('static_kwargs', dict)]:
    need(type(state[key]) is kind, f"a network's {key} is no {kind.__name__}")
  parts = state.get('components') or {}
  need(type(parts) is dict, "a network's components are no dict")
  need(components or not parts, 'a component that has components')
  need(len(parts) <= _MAX_PARTS, f'{len(parts)} components')
  function = state.get('build_func_name', '')
  need(type(function) is str, "a network's build_func_name is no string")
  return Network(
    name=state['name'],
    version=int(state['version']),
    build_func_name=function,
    static_kwargs=_kwargs(state['static_kwargs']),
    components={k: _network(v, components=False) for k, v in parts.items()},
    variables=_variables(state['variables']),
  )


def _kwargs(items):
  """Kwargs as plain JSON; what one text repeats counts each time."""
  length = sum(len(key) + _length(value) for key, value in items.items())
  need(
    length <= _MAX_KWARGS, f'kwargs of {length} characters, not {_MAX_KWARGS}'
  )
  return {key: _plain(key, value) for key, value in items.items()}


def _length(value):
  """About how long a value is as text; anything but text and lists: 20."""
  if type(value) in (list, tuple) and len(value) >= _MOST_ITEMS:
    return _MAX_KWARGS + 1  # Not counted, for many may name the same list.
  if type(value) in (list, tuple):
    return sum(len(x) if type(x) is str else 20 for x in value)
  return len(value) if type(value) is str else 20


def _plain(key, value):
  """A kwarg as plain JSON: a scalar, or a flat list of scalars."""
  if type(value) in (list, tuple) and len(value) < _MOST_ITEMS:
    items = [_plain(key, x) if isinstance(x, _SCALARS) else [] for x in value]
    need([] not in items, f'kwarg {show(key)} is no flat list')
    return items
  need(isinstance(value, _SCALARS), f'kwarg {show(key)} is no plain value')
  value = value.item() if isinstance(value, np.generic) else value
  finite = type(value) is not float or math.isfinite(value)
  need(finite, f'kwarg {show(key)} is {value}, expected a finite number')
  return value


def _variables(pairs):
  need(type(pairs) is list, "a network's variables are no list")
  found = {}
  for pair in pairs:
    need(
      type(pair) is tuple and len(pair) == 2 and type(pair[0]) is str,
      'a variable that is no pair of a name and a value',
    )
    name, value = pair
    if type(value) is pickle_machine.Array:
      need(value.values, f'variable {show(name)} is an array without data')
      value = value.values[0]
    need(
      isinstance(value, np.ndarray | np.generic),
      f'variable {show(name)} is no array',
    )
    need(name not in found, f'variable {show(name)} is there twice')
    found[name] = np.asarray(value)
  return found


def describe(networks: dict[str, Network]) -> str:
  """Lists networks, kwargs, variables and shapes as text for `--inspect`."""
  lines = []
  for key, network in networks.items():
    parts = [(key, network)]
    parts += [(f'{key}.{k}', part) for k, part in network.components.items()]
    for name, part in parts:
      lines.append(
        f'{ascii(name)[1:-1]}: {ascii(part.build_func_name)[1:-1]}, '
        f'version {part.version}, {len(part.variables)} variables'
      )
      lines += [
        f'  {ascii(k)[1:-1]} = {ascii(v)}'
        for k, v in part.static_kwargs.items()
      ]
      lines += [
        f'  {ascii(k)[1:-1]:<32} {v.dtype} {list(v.shape)}'
        for k, v in part.variables.items()
      ]
  return '\n'.join(lines)
