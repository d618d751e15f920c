"""Whole files of every kind that is read, ways to damage them, and a verdict.

  data = hostile.damaged(rng, hostile.KINDS['npz'].make())
  fault = hostile.fault(hostile.KINDS['npz'], path)  # '' where it is refused

Contents: Kind, KINDS, damaged, fault.
"""

import functools
import gzip
import json
import math
import pathlib
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from advmix_jax import datasets, training
from advmix_jax.datasets import arrays, celeba, decoding, digits, label_table
from advmix_jax.encoder import latents_file
from advmix_jax.runtime import files, metrics, run_folder, untrusted
from checkpoints_convert import convert, convert_vgg, nvlabs_pickle, torch_file
from helpers import made_images, nvlabs_fixture

SECONDS = 10.0  # A small file that takes longer is a fault.
_SHAPES = {'x': (4, 3), 'y': (5,)}


class Kind(NamedTuple):
  """One kind of file."""

  suffix: str
  make: Callable[[], bytes]  # A whole file.
  read: Callable[[pathlib.Path], Any]  # Returns, or raises ValueError.


def _written(suffix, write):
  """The bytes that `write(path)` writes."""

  @functools.cache
  def make():
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / f'x{suffix}'
      write(path)
      return path.read_bytes()

  return make


def _arrays():
  return {name: np.ones(shape, 'f4') for name, shape in _SHAPES.items()}


def _save_npz(path):
  w = np.arange(6.0).reshape(2, 3)
  files.save_npz(path, {'a': {'w': w, 'b': np.ones(3)}}, {'kind': 'x'})


def _save_latents(path):
  images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
  w = np.random.default_rng(1).normal(size=(4, 3, 5))
  latents_file.save(path, w, images=images, metadata={})


def _save_pth(path):
  """As torch.save writes it, with opcodes of our own."""

  def text(value):
    return b'X' + struct.pack('<I', len(value)) + value

  items = b''
  shapes = [b'K\x04K\x03\x86K\x03K\x01\x86', b'K\x05\x85K\x01\x85']
  for key, (name, shape) in enumerate(zip(_SHAPES, shapes, strict=True)):
    size = math.prod(_SHAPES[name])
    storage = b'(' + text(b'storage') + b'ctorch\nFloatStorage\n'
    storage += text(b'%d' % key) + text(b'cpu') + b'K' + bytes([size]) + b'tQ'
    items += text(name.encode()) + b'ctorch._utils\n_rebuild_tensor_v2\n('
    items += storage + b'K\x00' + shape + b'\x89ccollections\nOrderedDict\n)RtR'
  data = b'\x80\x02ccollections\nOrderedDict\n)R(' + items + b'u.'
  with zipfile.ZipFile(path, 'w') as f:
    f.writestr('a/data.pkl', data)
    f.writestr('a/data/0', bytes(48))
    f.writestr('a/data/1', bytes(20))


def _save_h5(path):
  import h5py

  with h5py.File(path, 'w') as f:
    f['block1_conv1/kernel'] = np.ones((3, 3, 3, 64), 'f4')
    f['block1_conv1/bias'] = np.ones(64, 'f4')


def _read_h5(path):
  import h5py

  with untrusted.reading(path), h5py.File(path) as f:
    return convert_vgg._keras_layer(f, '1_1')


def _read_pickle(path):
  network = nvlabs_pickle.load(path)['D']
  with untrusted.reading(path):
    return convert.convert(network)


def _read_config(path):
  target = path.with_name('config.json')
  path.replace(target)
  return run_folder.load_workdir(path.parent, training.default_config())


def _read_metrics(path):
  path.replace(path.with_name('metrics.jsonl'))
  return metrics.read(path.parent)


def _config():
  values = run_folder.plain(training.default_config())
  return json.dumps(values).encode()


def _save_images(path):
  image = np.arange(96, dtype=np.uint8).reshape(2, 4, 4, 3)
  label = np.array([0, 1])
  arrays.save(
    path,
    train_image=image,
    train_label=label,
    test_image=image,
    test_label=label,
  )


def _read_images(path):
  config = datasets.default_config('arrays')
  config.path = str(path)
  return datasets.load(config, 'train')


def _image():
  return made_images.jpeg(made_images.picture(0, 24, 20))


def _read_image(path):
  square = decoding.whole_square
  return decoding.decode(path.read_bytes(), path.name, 8, square)


def _attributes():
  names = ' '.join(celeba.ATTRIBUTES)
  rows = [f'{i}.jpg' + ' -1  1' * 20 for i in range(3)]
  return '\n'.join(['3', names, *rows, '']).encode()


_LABELS = b'file,label,split\na.png,owl,train\nb.png,crow,test\n'
_IDX = struct.pack('>4I', 0x803, 5, 4, 3) + bytes(range(60))
_LINES = b'{"step": 1, "a": 0.5}\n{"step": 2, "a": 0.25, "b": 1e9}\n'
_RESULTS = b'{"method": "a", "list": [1, 2.5, {"deep": null}], "x": "y"}'

KINDS = {
  'pickle': Kind(
    '.pkl',
    lambda: nvlabs_fixture.dumps(nvlabs_fixture.critic(), 2),
    _read_pickle,
  ),
  'pth': Kind(
    '.pth',
    _written('.pth', _save_pth),
    lambda path: torch_file.load(path, _SHAPES),
  ),
  'h5': Kind('.h5', _written('.h5', _save_h5), _read_h5),
  'npz': Kind('.npz', _written('.npz', _save_npz), files.load_npz),
  'npz, packed': Kind(
    '.npz',
    _written('.npz', lambda path: np.savez_compressed(path, **_arrays())),
    lambda path: untrusted.read_arrays(path, _SHAPES, packed=True),
  ),
  'latents': Kind(
    '.npz',
    _written('.npz', _save_latents),
    lambda path: latents_file.load(path, np.zeros((1, 1, 1, 1), np.uint8)),
  ),
  'idx': Kind('', lambda: _IDX, lambda path: digits.read_idx(path, ndim=3)),
  'idx.gz': Kind(
    '.gz',
    lambda: gzip.compress(_IDX),
    lambda path: digits.read_idx(path, ndim=3),
  ),
  'json': Kind(
    '.json',
    lambda: _RESULTS,
    lambda path: untrusted.read_json(path, 'no results'),
  ),
  'metrics': Kind('.jsonl', lambda: _LINES, _read_metrics),
  'config': Kind('.json', _config, _read_config),
  'arrays': Kind('.npz', _written('.npz', _save_images), _read_images),
  'jpeg': Kind('.jpg', _image, _read_image),
  'labels': Kind('.csv', lambda: _LABELS, label_table.read),
  'attributes': Kind('.txt', _attributes, celeba.read_attributes),
  'partition': Kind(
    '.txt', lambda: b'a.jpg 0\nb.jpg 2\n', celeba.read_partition
  ),
}

_NUMBERS = [0, 1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
_WORDS = [
  b'nan',
  b'-1',
  b'1e999',
  b'"/../.."',
  b'[]',
  b'{}',
  b'null',
  b'[' * 99,
]


def _flip(rng, data, at):
  data[at] = rng.integers(256)


def _cut(rng, data, at):
  del data[at:]


def _drop(rng, data, at):
  del data[at : at + rng.integers(1, 9)]


def _repeat(rng, data, at):
  data[at:at] = data[at : at + rng.integers(1, 99)]


def _number(rng, data, at):
  value = int(rng.choice(np.array(_NUMBERS, np.uint64)))
  size = int(rng.choice([1, 2, 4, 8]))
  order = str(rng.choice(['little', 'big']))
  data[at : at + size] = (value % 256**size).to_bytes(size, order)


def _word(rng, data, at):
  word = _WORDS[rng.integers(len(_WORDS))]
  data[at : at + rng.integers(9)] = word


_WAYS = (_flip, _flip, _flip, _number, _number, _drop, _repeat, _word, _cut)


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
  """The bytes after one to six random damages."""
  changed = bytearray(data)
  for _ in range(rng.integers(1, 7)):
    way = _WAYS[rng.integers(len(_WAYS))]
    way(rng, changed, int(rng.integers(len(changed) or 1)))
    if not changed:
      changed.append(0)
  return bytes(changed)


def fault(kind: Kind, path: pathlib.Path) -> str:
  """Reads a damaged file; says what is wrong with the answer, or ''."""
  started = time.monotonic()
  try:
    kind.read(path)
    line = ''
  except ValueError as e:
    line = str(e)
    if not line or not line.isprintable() or len(line) > 500:
      return f'no short line: {line[:200]!r}'
    if 'MemoryError' in line or 'Unable to allocate' in line:
      return f'out of memory: {line}'
  except BaseException as e:
    return f'{type(e).__name__}: {e}'
  seconds = time.monotonic() - started
  return f'{seconds:.0f} seconds' if seconds > SECONDS else ''
