"""Many image files, decoded and resized once, then read from a cache.

  with image_files.open_images('img_align_celeba.zip') as images:
    faces = image_files.load(images, names, size=64, box_fn=framing.in_frame)

The result is a read-only array on disk (a memory map): a data set may be larger
than the memory. The cache is keyed by the files (names, sizes, times), the box
and the size, so changed files are read again. Decoding runs in threads, because
Pillow decodes outside Python's lock; processes were no faster.

Contents: Images, check_resolution, default_fields, open_images, load_split,
load, mirrored.
"""

import collections
import concurrent.futures
import contextlib
import hashlib
import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import ml_collections
import numpy as np

from advmix_jax.datasets import decoding
from advmix_jax.ops import area
from advmix_jax.runtime import files, hosts, metrics, preemption, untrusted

MAX_BYTES = 2**26  # Of one image file.
_CHUNK = 256  # Images in memory at a time.
_MAC = '__MACOSX/'  # What macOS adds to archives, beside the files.
_DARK = 64  # Of 255: 14 bits in 16 have at most 63.
_DECODER = 4  # Changes whenever `decoding` makes other pixels of a file.


class Images(NamedTuple):
  """Image files of one folder or zip archive."""

  path: str
  read: Callable[[str], bytes]  # name -> the file's bytes
  stamp: Callable[[str], object]  # name -> changes when the file does
  names: Callable[[], list[str]]  # () -> all files, in order


def check_resolution(size: int) -> None:
  """Raises ValueError unless images can have this height and width."""
  if size < 4:
    raise ValueError(f'data.resolution is {size}, expected >= 4')


def default_fields() -> ml_collections.ConfigDict:
  """The fields that all data sets of image files have; for `load_split`."""
  fields = ml_collections.ConfigDict()
  fields.resolution = 64  # Height and width of the images.
  fields.num_train = 0  # First images kept of a split, 0 = all.
  fields.num_valid = 0
  fields.num_test = 0
  # Adds the mirror image of each training image, for generators.
  fields.mirror = False
  # Decoded images are kept here; '': ~/.cache/advmix_jax/images.
  fields.cache_dir = ''
  return fields


@contextlib.contextmanager
def open_images(path: str | os.PathLike) -> Iterator[Images]:
  """Opens a folder or a zip archive of images.

  In an archive, a file is found by its name in the archive's own folder of that
  name too: `img_align_celeba.zip` holds `img_align_celeba/000001.jpg`.

  Raises:
    FileNotFoundError: nothing is at `path`.
    ValueError: it is neither a folder nor a zip archive.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    yield Images(
      str(path),
      lambda name: _read_file(path, name),
      lambda name: _file_stamp(path, name),
      lambda: _files_below(path),
    )
    return
  if not path.exists():
    raise FileNotFoundError(f'{path}: no such file or folder')
  with contextlib.ExitStack() as stack:
    archive = _open_zip(stack, path)
    members = {i.filename: i for i in archive.infolist()}
    inside = f'{path.stem}/'
    names = [i.filename for i in members.values() if not i.is_dir()]
    shown = [n for n in names if not n.startswith(_MAC)]
    outer = inside if all(n.startswith(inside) for n in shown) else ''

    def find(name):
      info = members.get(name) or members.get(inside + name)
      if info is None:
        raise FileNotFoundError(f'{path}: has no {name}')
      if info.file_size > MAX_BYTES:
        raise ValueError(
          f'{path}: {name} unpacks to {info.file_size} bytes, expected at most '
          f'{MAX_BYTES}'
        )
      return info

    def read(name):
      try:
        return archive.read(find(name))
      except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise ValueError(f'{path}: {name}: {error}') from error

    yield Images(
      str(path),
      read,
      lambda name: (find(name).CRC, name),
      lambda: sorted(name.removeprefix(outer) for name in shown),
    )


def _open_zip(stack, path: pathlib.Path) -> zipfile.ZipFile:
  with open(path, 'rb') as f:
    start = f.read(64)
  if decoding.is_html(start):
    raise ValueError(
      f'{path}: is an HTML page, expected a zip archive; the download failed, '
      "often because of the server's daily limit"
    )
  try:
    return stack.enter_context(untrusted.open_zip(path, packed=True))
  except Exception as error:  # Parsers of hostile bytes raise any.
    reason = untrusted.first_line(error)
    raise ValueError(
      f'{path}: {reason}, expected a folder or a whole zip archive of images'
    ) from error


def _inside(folder: pathlib.Path, name: str) -> pathlib.Path:
  """The path of a file in the folder.

  Raises:
    ValueError: the name leads out of the folder.
  """
  if os.path.isabs(name) or '..' in pathlib.PurePath(name).parts:
    raise ValueError(f'{name!r}: leads out of {folder}, expected a file in it')
  return folder / name


def _files_below(folder: pathlib.Path) -> list[str]:
  """All files, also of folders that are links, but not to one around them."""
  found = []
  for parent, inner, names in os.walk(folder, onerror=_raise, followlinks=True):
    here = pathlib.Path(os.path.abspath(parent))
    around = {os.path.realpath(outer) for outer in (here, *here.parents)}
    inner[:] = [n for n in inner if os.path.realpath(here / n) not in around]
    found += [pathlib.Path(parent, name) for name in names]
  _print_lost(folder, found)
  found = (path for path in found if path.is_file())
  return sorted(path.relative_to(folder).as_posix() for path in found)


def _raise(error):
  """Of a folder that can't be read."""
  raise ValueError(f'{error.filename}: {error.strerror}') from error


def _print_lost(folder, paths):
  """Says how many images are links to nowhere, as those not fetched yet."""
  lost = sorted(
    path
    for path in paths
    if path.is_symlink()
    and not path.exists()
    and decoding.is_image_name(path.name)
    and not decoding.is_hidden(path.relative_to(folder).as_posix())
  )
  if lost:
    hosts.print_once(
      f'{folder}: {len(lost)} images are links that lead nowhere and are left '
      f'out, the first is {lost[0]}'
    )


def _file_stamp(folder: pathlib.Path, name: str) -> object:
  path = _inside(folder, name)
  try:
    status = path.stat()
  except OSError as error:
    raise FileNotFoundError(f'{path}: {error.strerror}') from error
  if status.st_size > MAX_BYTES:
    raise ValueError(
      f'{path}: has {status.st_size} bytes, expected at most {MAX_BYTES}'
    )
  # Archives set all times alike; the last one tells when that was done.
  return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, name)


def _read_file(folder: pathlib.Path, name: str) -> bytes:
  _file_stamp(folder, name)
  path = _inside(folder, name)
  if not path.is_file():
    raise ValueError(f'{path}: is a folder, expected an image')
  return path.read_bytes()


def load_split(
  images: Images,
  names: Sequence[str],
  config: ml_collections.ConfigDict,
  split: str,
  *,
  box_fn: Callable[[int, int], area.Box] = decoding.whole_square,
) -> np.ndarray:
  """`load` for a split of a data set, with the fields of `default_fields`."""
  check_resolution(config.resolution)
  return load(
    images,
    names,
    size=config.resolution,
    box_fn=box_fn,
    mirror=config.mirror and split == 'train',
    cache_dir=config.cache_dir,
  )


def load(
  images: Images,
  names: Sequence[str],
  *,
  size: int,
  box_fn: Callable[[int, int], area.Box] = decoding.whole_square,
  mirror: bool = False,
  cache_dir: str | os.PathLike = '',
) -> np.ndarray:
  """Decodes images, cuts each to a square and resizes it by area.

  Args:
    images: from `open_images`.
    names: of the files, in the order of the result.
    size: height and width of the result.
    box_fn: (height, width) -> the part that is kept, a top-level function.
    mirror: after each image comes its mirror image.
    cache_dir: where the result is kept; '': ~/.cache/advmix_jax/images.

  Returns:
    [N, size, size, 3] uint8, read-only; [2 N, ...] with mirror images.

  Raises:
    FileNotFoundError: a file is missing.
    ValueError: a file is damaged, too large or no image, or `box_fn` refuses.
  """
  key = _key(images, names, (size, mirror), box_fn)
  path = _cache_folder(cache_dir) / f'{key}.npy'
  shape = (len(names) * (1 + mirror), size, size, 3)
  for first in (True, False):  # Others may have a folder of their own.
    if first == hosts.is_first() and _cached(path, shape) is None:
      files.check_folder(path.parent, 'data.cache_dir=')
      files.write_atomically(
        path,
        lambda f: _write(f, images, names, shape, box_fn, mirror),
        everywhere=True,
      )
    hosts.barrier(f'images {key} {first}')
  return np.load(path, mmap_mode='r')


def _cache_folder(cache_dir):
  if cache_dir:
    return pathlib.Path(os.path.expanduser(cache_dir))
  base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
  return pathlib.Path(base) / 'advmix_jax' / 'images'


def _key(images, names, options, box_fn):
  """A name for the result: the hash of all that it depends on."""
  digest = hashlib.blake2b(digest_size=16)
  box = (box_fn.__name__, *box_fn(218, 178))
  of_all = (os.path.abspath(images.path), options, box, _DECODER)
  digest.update(repr(of_all).encode())
  for name in names:
    digest.update(repr(images.stamp(name)).encode())
  return digest.hexdigest()


def _cached(path, shape):
  """The array that an earlier call left, or None."""
  try:
    found = np.load(path, mmap_mode='r', allow_pickle=False)
  except (OSError, ValueError, EOFError):
    return None
  return found if found.shape == shape and found.dtype == np.uint8 else None


def mirrored(images: np.ndarray) -> np.ndarray:
  """Each image [N, H, W, C] and after it its mirror image: [2 N, H, W, C]."""
  pairs = np.stack([images, images[:, :, ::-1]], axis=1)
  return pairs.reshape(-1, *images.shape[1:])


def _write(f, images, names, shape, box_fn, mirror):
  """Writes the .npy file of all images, a few at a time."""
  header = {'descr': '|u1', 'fortran_order': False, 'shape': shape}
  np.lib.format.write_array_header_1_0(f, header)
  sizes = []  # (width, height); threads append in any order.
  most = 0  # The brightest level of all.

  def seen(height, width):
    sizes.append((width, height))
    return box_fn(height, width)

  def one(name):
    data = images.read(name)
    return decoding.decode(data, f'{images.path}: {name}', shape[1], seen)

  with (
    concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    metrics.progress(
      description='read images', total=len(names), unit='img'
    ) as bar,
  ):
    for start in range(0, len(names), _CHUNK):
      preemption.check()
      chunk = np.stack(list(pool.map(one, names[start : start + _CHUNK])))
      most = max(most, int(chunk.max()))
      f.write((mirrored(chunk) if mirror else chunk).tobytes())
      bar.update(len(chunk))
  for line in _about_sizes(images.path, collections.Counter(sizes), shape[1]):
    print(line)
  if most < _DARK:
    print(
      f'{images.path}: the brightest level of all images is {most} of 255, as '
      'of 12 bits in files of 16; scale them first'
    )


def _about_sizes(path, sizes, size):
  """Says that images of several (width, height) become one, or are enlarged."""
  if len(sizes) > 1:
    low, high = min(sizes, key=math.prod), max(sizes, key=math.prod)
    yield (
      f'{path}: images of {len(sizes)} sizes, from {low[0]}x{low[1]} to '
      f'{high[0]}x{high[1]} pixels; each becomes {size}x{size}'
    )
  small = sum(count for wide, count in sizes.items() if min(wide) < size)
  if small:
    yield (
      f'{path}: {small} images are smaller than {size}x{size} and are '
      'enlarged; a smaller data.resolution keeps them sharp'
    )
