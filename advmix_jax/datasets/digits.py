"""Readers of MNIST: every source yields the same `Digits`.

  embedded  the first 10,000 training and 2,000 test digits, in the package
  idx       a folder with the four official IDX files, gzipped or not
  tfds      tensorflow-datasets, from a prepared or downloadable data_dir

    from advmix_jax.datasets import digits
    train = digits.load_digits('embedded', 'train', limit=100)
    full = digits.load_digits('idx', 'train', data_dir='mnist')

Nothing here knows of colours: `colored_mnist` paints the digits. Readers check
what they read, and a bad file ends in one line that names it.

Contents: Digits, load_digits, find_idx, idx_hash, read_idx, SOURCES, SPLITS,
NUM_CLASSES, MNIST_HASH.
"""

import gzip
import hashlib
import io
import math
import os
import pathlib
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from advmix_jax.datasets import from_tfds
from advmix_jax.runtime import untrusted

NUM_CLASSES = 10
SPLITS = ('train', 'test')
# `idx_hash` of the official files.
MNIST_HASH = 'b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a'
EMBEDDED_PATH = pathlib.Path(__file__).parent.parent / 'data' / 'digits.npz'

_IDX_PREFIX = {'train': 'train', 'test': 't10k'}
_RATIO = 8  # Gzip packs images of digits by about 5.
# IDX magic numbers: two zero bytes, type 8 (unsigned byte), number of axes.
_IDX_MAGIC = {1: 0x00000801, 3: 0x00000803}


class Digits(NamedTuple):
  """Grey digits as MNIST stores them, in the source's own order."""

  image: np.ndarray  # [N, 28, 28] uint8, 0 is the background
  label: np.ndarray  # [N] int32 in [0, 10)
  source: str  # 'embedded', 'idx' or 'tfds'
  split: str = 'train'  # 'train' or 'test'; colours differ between splits


def load_digits(
  source: str,
  split: str,
  *,
  data_dir: str | os.PathLike | None = None,
  limit: int | None = None,
) -> Digits:
  """Reads one split of MNIST.

  Args:
    source: a key of `SOURCES`.
    split: 'train' or 'test'.
    data_dir: the folder of 'idx' (required) or 'tfds' (None or '': its own
      default); 'embedded' needs none.
    limit: keep the first `limit` digits; None or 0 keeps all.

  Returns:
    Digits with N = limit, or all of the source.

  Raises:
    ValueError: unknown source or split, a limit below 0 or above what the
      source holds, a malformed file, or a missing package.
    FileNotFoundError: a file or folder is not there.
  """
  if source not in SOURCES:
    raise ValueError(f'unknown data source {source!r}, expected {_or(SOURCES)}')
  if split not in SPLITS:
    raise ValueError(f'unknown split {split!r}, expected {_or(SPLITS)}')
  image, label = SOURCES[source](split, data_dir or None)
  _check(image, label, f'{source} {split}')
  if not 0 <= (limit or 0) <= len(image):
    raise ValueError(
      f'limit is {limit}, expected 0 (all) to {len(image)}, the {split} digits'
      f' that data source {source!r} holds'
    )
  keep = slice(limit or None)
  return Digits(image[keep], label[keep].astype(np.int32), source, split)


def _read_embedded(split: str, data_dir) -> tuple[np.ndarray, np.ndarray]:
  """Reads the digits in the package; `data_dir` is not used."""
  del data_dir
  image, label = untrusted.read_arrays(
    EMBEDDED_PATH,
    {f'{split}_image': None, f'{split}_label': None},
    packed=True,
    fault='damaged; experiments/assets/bundle_digits.py makes it',
  ).values()
  return image, label


def _read_idx_folder(split: str, data_dir) -> tuple[np.ndarray, np.ndarray]:
  """Reads the images and labels of `split` from a folder of IDX files."""
  if data_dir is None:
    raise ValueError("data source 'idx' needs data_dir, the IDX files' folder")
  images, labels = find_idx(data_dir, split)
  image, label = read_idx(images, ndim=3), read_idx(labels, ndim=1)
  if len(image) != len(label):
    raise ValueError(
      f'{labels}: holds {len(label)} labels, expected {len(image)}, the number'
      f' of images in {os.path.basename(images)}'
    )
  return image, label


def find_idx(data_dir: str | os.PathLike, split: str) -> tuple[str, str]:
  """Paths of a split's images and labels in a folder of IDX files.

  Raises:
    FileNotFoundError: the folder or one of the two files is not there.
  """
  data_dir = os.path.expanduser(data_dir)  # No shell expands --dir=~/mnist.
  if not os.path.isdir(data_dir):
    raise FileNotFoundError(f'data_dir {data_dir!r} is not a folder')
  prefix = _IDX_PREFIX[split]
  images = _find(data_dir, f'{prefix}-images', 'idx3-ubyte')
  return images, _find(data_dir, f'{prefix}-labels', 'idx1-ubyte')


def idx_hash(data_dir: str | os.PathLike) -> str:
  """SHA-256 of what the four IDX files of a folder hold, gzipped or not.

  Returns:
    64 hexadecimal digits; `MNIST_HASH` for MNIST.

  Raises:
    FileNotFoundError: as `find_idx`.
    ValueError: gzip damage.
  """
  digest = hashlib.sha256()
  for split in SPLITS:
    for path in find_idx(data_dir, split):
      digest.update(_gunzip(pathlib.Path(path).read_bytes(), path))
  return digest.hexdigest()


def _find(data_dir: str, stem: str, kind: str) -> str:
  """Path of an IDX file in `data_dir`; some unpackers turn '-idx' to '.idx'."""
  names = [f'{stem}{dot}{kind}{gz}' for gz in ('', '.gz') for dot in '-.']
  for name in names:
    if os.path.isfile(os.path.join(data_dir, name)):
      return os.path.join(data_dir, name)
  raise FileNotFoundError(
    f'{os.path.join(data_dir, names[0])}: no such file, expected it there,'
    ' plain or with .gz'
  )


def read_idx(path: str | os.PathLike, *, ndim: int) -> np.ndarray:
  """Reads an IDX file of unsigned bytes, gzipped or not (by its content).

  Args:
    path: the file.
    ndim: number of axes that the file must have, 1 (labels) or 3 (images).

  Returns:
    uint8 array of `ndim` axes.

  Raises:
    ValueError: gzip damage, wrong magic number, or a length that differs from
      what the header promises.
  """
  data = _gunzip(pathlib.Path(path).read_bytes(), path)
  header = 4 + 4 * ndim
  if len(data) < header:
    raise ValueError(
      f'{path}: truncated, {len(data)} bytes, expected a header of {header}'
    )
  magic, *shape = (int(n) for n in np.frombuffer(data, '>u4', count=1 + ndim))
  if magic != _IDX_MAGIC[ndim]:
    raise ValueError(
      f'{path}: magic number 0x{magic:08x}, expected 0x{_IDX_MAGIC[ndim]:08x}'
      f' (IDX, unsigned bytes, {ndim} axes)'
    )
  found, expected = len(data) - header, math.prod(shape)
  if found != expected:
    state = 'truncated' if found < expected else 'too long'
    raise ValueError(
      f'{path}: {state}, {found} bytes after the header, expected {expected}'
      f' for the shape {tuple(shape)} in the header'
    )
  return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _gunzip(data: bytes, path: str | os.PathLike) -> bytes:
  """Unpacks `data` if it begins like gzip, else returns it as it is."""
  if data[:2] != b'\x1f\x8b':
    return data
  limit = untrusted.budget(len(data), _RATIO)
  try:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
      unpacked = file.read(limit + 1)
  except (EOFError, OSError, zlib.error) as error:
    raise ValueError(
      f'{path}: truncated or corrupt gzip ({error}), expected a whole file'
    ) from error
  if len(unpacked) > limit:
    raise ValueError(f'{path}: unpacks to more than {limit} bytes')
  return unpacked


def _read_tfds(split: str, data_dir) -> tuple[np.ndarray, np.ndarray]:
  """Reads MNIST through tensorflow-datasets, in its own (shuffled) order."""
  with from_tfds.reading('mnist', data_dir) as tfds:
    data = tfds.load('mnist', split=split, data_dir=data_dir, batch_size=-1)
    data = tfds.as_numpy(data)
  return data['image'][..., 0], data['label']


def _check(image: np.ndarray, label: np.ndarray, name: str) -> None:
  """Raises ValueError unless the arrays are digits of 28x28 with labels."""
  if image.shape[1:] != (28, 28) or image.dtype != np.uint8 or not len(image):
    raise ValueError(
      f'{name}: images are {image.dtype} {image.shape}, expected uint8'
      ' (N, 28, 28) with N > 0'
    )
  if label.shape != (len(image),):
    raise ValueError(
      f'{name}: labels have shape {label.shape}, expected ({len(image)},)'
    )
  if label.max() >= NUM_CLASSES or label.min() < 0:
    raise ValueError(
      f'{name}: labels from {label.min()} to {label.max()}, expected 0 to 9'
    )


def _or(names) -> str:
  """'a', 'b' or 'c'."""
  *first, last = (repr(name) for name in names)
  return ', '.join(first) + f' or {last}'


Reader = Callable[[str, str | None], tuple[np.ndarray, np.ndarray]]

SOURCES: dict[str, Reader] = {
  'embedded': _read_embedded,
  'idx': _read_idx_folder,
  'tfds': _read_tfds,
}
