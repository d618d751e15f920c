"""Reads tensors of a PyTorch state dict without torch; runs no code in it.

  shapes = {'features.0.bias': (64,)}
  arrays = torch_file.load('vgg16-397923af.pth', shapes)

Reads both formats of `torch.save`: the zip archive of torch >= 1.6, and the
older sequence of pickles, in which torchvision's first weights still are.
pickle_machine runs the pickle and builds only data. Shapes are checked
first, and only the storages of the requested tensors are read.

Contents: load.
"""

import math
import os
import pathlib
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from advmix_jax.runtime import untrusted
from advmix_jax.runtime.untrusted import need, show
from checkpoints_convert import pickle_machine

_MAGIC = 0x1950A86A20F9469CFC6C  # First pickle of the older format.
_VERSION = 1001  # Second pickle.
_MAX_PICKLE = 2**26  # Bytes of data.pkl in a zip archive.
_DTYPES = {
  'torch.FloatStorage': np.dtype('<f4'),
  'torch.DoubleStorage': np.dtype('<f8'),
  'torch.HalfStorage': np.dtype('<f2'),
  'torch.LongStorage': np.dtype('<i8'),  # num_batches_tracked of batch norm
}


class _Storage(NamedTuple):
  """A contiguous sequence of numbers in the file."""

  key: str
  dtype: np.dtype
  size: int  # In numbers.


class _Tensor(NamedTuple):
  """A contiguous part of a storage."""

  storage: _Storage
  offset: int  # In numbers.
  shape: tuple[int, ...]


def load(
  path: str | os.PathLike, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
  """Reads some tensors of a state dict.

  Args:
    path: A file written by `torch.save(model.state_dict(), path)`.
    shapes: Shapes of the tensors to read, by name.

  Returns:
    Arrays of finite numbers, by name.

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: The file is corrupt, holds anything other than a state dict, or
      lacks a tensor of that name and shape; the message is one line.
  """
  path = pathlib.Path(path)
  with untrusted.reading(path), path.open('rb') as file:
    read = _read_zip if zipfile.is_zipfile(file) else _read_sequence
    file.seek(0)
    return read(file, shapes)


def _read_zip(file, shapes):
  with untrusted.open_zip(file) as archive:
    entries = {info.filename: info for info in archive.infolist()}
    pickles = [n for n in entries if n.endswith('/data.pkl')]
    need(len(pickles) == 1, f'{len(pickles)} entries data.pkl, expected 1')
    folder = pickles[0].removesuffix('data.pkl')
    need(entries[pickles[0]].file_size <= _MAX_PICKLE, 'data.pkl is too large')
    order = f'{folder}byteorder'
    little = order not in entries or archive.read(order) == b'little'
    need(little, 'numbers are not little-endian')
    with archive.open(pickles[0]) as f:
      state = pickle_machine.execute(f, _DIALECT)

    def read(storage):
      name = f'{folder}data/{storage.key}'
      need(name in entries, f'entry {show(name)} is missing')
      size = storage.size * storage.dtype.itemsize
      found = entries[name].file_size
      need(found == size, f'entry {show(name)} has {found} bytes, not {size}')
      return archive.read(name)

    return _arrays(state, shapes, read)


def _read_sequence(file, shapes):
  """Reads pickles (magic, version, system, state dict, keys), then storages."""
  start = file.read(1)
  need(start == b'\x80', 'neither a zip archive nor a pickle')
  file.seek(0)
  magic = pickle_machine.execute(file, _DIALECT)
  need(magic == _MAGIC, 'a pickle that torch.save did not write')
  version = pickle_machine.execute(file, _DIALECT)
  need(version == _VERSION, f'version {show(version)}, expected {_VERSION}')
  system = pickle_machine.execute(file, _DIALECT)
  little = type(system) is dict and system.get('little_endian') is True
  need(little, 'numbers are not little-endian')
  state = pickle_machine.execute(file, _DIALECT)
  keys = pickle_machine.execute(file, _DIALECT)
  need(type(keys) is list and all(type(k) is str for k in keys), 'no keys')
  places = _places(file, keys, _storages(state))

  def read(storage):
    need(storage.key in places, f'storage {show(storage.key)} is missing')
    file.seek(places[storage.key])
    return file.read(storage.size * storage.dtype.itemsize)

  return _arrays(state, shapes, read)


def _storages(state):
  """Storages of a state dict, by key."""
  tensors = state.values() if type(state) is dict else ()
  return {t.storage.key: t.storage for t in tensors if type(t) is _Tensor}


def _places(file, keys, storages):
  """Byte offset of each storage's numbers, which follow their count."""
  places, position = {}, file.tell()
  end = file.seek(0, os.SEEK_END)
  for key in keys:
    need(key in storages, f'storage {show(key)} belongs to no tensor')
    file.seek(position)
    (size,) = struct.unpack('<q', file.read(8))
    want = storages[key].size
    need(size == want, f'storage {show(key)} has {size} numbers, not {want}')
    places[key] = position + 8
    position = places[key] + size * storages[key].dtype.itemsize
    need(position <= end, f'storage {show(key)} is cut off')
  return places


def _arrays(state, shapes, read: Callable[[_Storage], bytes]):
  """Tensors of a state dict, each copied from its storage."""
  need(type(state) is dict, f'holds a {type(state).__name__}, no state dict')
  for name, shape in shapes.items():
    tensor = state.get(name)
    need(
      type(tensor) is _Tensor,
      f'no tensor {name!r} among {len(state)} entries, the first of them '
      f'{", ".join(show(key) for key in list(state)[:3]) or "none"}',
    )
    found = tensor.shape
    need(found == shape, f'{name} has shape {found}, expected {shape}')
  return {name: _array(name, state[name], read) for name in shapes}


def _array(name, tensor, read):
  numbers = np.frombuffer(read(tensor.storage), tensor.storage.dtype)
  need(len(numbers) == tensor.storage.size, f'{name} is cut off')
  stop = tensor.offset + math.prod(tensor.shape)
  array = numbers[tensor.offset : stop].reshape(tensor.shape).copy()
  untrusted.check_numbers(name, array)
  return array


def _storage(reference):
  """Storage of a persistent id ('storage', type, key, device, size, ...)."""
  need(
    type(reference) is tuple and len(reference) in (5, 6),
    'a persistent id that is no storage',
  )
  word, kind, key, _, size, *view = reference
  need(word == 'storage' and view in ([], [None]), 'a view of a storage')
  need(
    type(kind) is pickle_machine.Global and kind.name in _DTYPES,
    f'a storage other than {", ".join(_DTYPES)}',
  )
  need(type(key) is str and key.isdecimal(), 'a storage whose key is no number')
  need(type(size) is int and size >= 0, 'a storage without a size')
  return _Storage(key, _DTYPES[kind.name], size)


def _rebuild(machine, storage, offset, shape, strides, *rest):
  del machine, rest  # requires_grad, hooks, metadata
  need(type(storage) is _Storage, 'a tensor without a storage')
  for sizes in (shape, strides):
    need(
      type(sizes) is tuple
      and len(sizes) <= 8
      and all(type(n) is int and 0 <= n <= storage.size for n in sizes),
      'a tensor whose shape or strides are no short tuple of sizes',
    )
  need(type(offset) is int and offset >= 0, 'a tensor with a bad offset')
  size = math.prod(shape)
  need(offset + size <= storage.size, 'a tensor larger than its storage')
  need(len(strides) == len(shape), 'a tensor without one stride per axis')
  dense = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
  axes = zip(strides, dense, shape, strict=True)
  need(
    all(a == b for a, b, n in axes if n > 1),
    'a tensor that is not contiguous; save it with .contiguous()',
  )
  return _Tensor(storage, offset, shape)


def _parameter(machine, tensor, *rest):
  del machine, rest
  need(type(tensor) is _Tensor, 'a parameter that is no tensor')
  return tensor


def _ordered_dict(machine, pairs=()):
  """An empty dict; torch.save fills it by SETITEMS, without copies."""
  del machine
  need(pairs == (), 'an OrderedDict that is made from pairs')
  return {}


_DIALECT = pickle_machine.Dialect(
  calls={
    'torch._utils._rebuild_tensor': _rebuild,
    'torch._utils._rebuild_tensor_v2': _rebuild,
    'torch._utils._rebuild_parameter': _parameter,
    pickle_machine.ORDERED_DICT: _ordered_dict,
  },
  names=tuple(_DTYPES),
  persistent=_storage,
)
