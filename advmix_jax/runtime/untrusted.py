"""Reads what others made: sizes and types are checked before the numbers.

A file of a few kilobytes can claim, or unpack to, any size. So every reader of
arrays goes through this module: what the headers promise must fit `budget`, the
expected shapes and the types of numbers, and only then memory is taken. No code
in a file is run. Each fault is a ValueError of one line that names the file.

  arrays = untrusted.read_arrays('features.npz', {'conv1_1_b': (64,)})

Contents: MARGIN, budget, need, show, first_line, first_names, printable,
check_file, reading, open_zip, array_names, read_arrays, check_type,
check_numbers, read_json, parse_json.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

# Deflate packs up to 1032 to 1, so small files need room of their own: the
# 70,000 digits of MNIST take 55 MB, whatever their file's size.
MARGIN = 2**27
_MAX_JSON = 2**24  # Characters; as Python's values they take up to 24 times it.
_STORED = (zipfile.ZIP_STORED,)
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def budget(size: int, ratio: int = 3) -> int:
  """Bytes that the numbers in a file of `size` bytes may take in memory."""
  return ratio * size + MARGIN


def need(condition: Any, message: str) -> None:
  """Raises ValueError with `message` if `condition` is false."""
  if not condition:
    raise ValueError(message)


def show(value: Any) -> str:
  """Short ASCII form of a string from the file; for others, the type's name."""
  return ascii(value[:80]) if type(value) is str else type(value).__name__


def first_line(error: BaseException, limit: int = 300) -> str:
  """Returns the first line of an error's message, printable and cut."""
  line = (str(error).strip().splitlines() or [type(error).__name__])[0]
  line = ''.join(c if c.isprintable() else '?' for c in line)
  return line if len(line) <= limit else line[: limit - 4] + ' ...'


def first_names(names: Sequence[str], most: int) -> str:
  """The first `most` names in one line, and dots where there are more."""
  return ', '.join(names[:most]) + ', ...' * (len(names) > most)


def printable(name: str) -> str:
  """The name of a file, with bytes that are no UTF-8 shown as \\udc..."""
  return name.encode(errors='backslashreplace').decode()


def check_file(path: str | os.PathLike, option: str = '') -> None:
  """Checks that there is a file; `option`, such as '--peer=', names it.

  Raises:
    FileNotFoundError: There is nothing.
    ValueError: There is a folder, or anything else but a file.
  """
  if not os.path.exists(path):
    raise FileNotFoundError(f'{option}{path}: no such file')
  if not os.path.isfile(path):
    kind = 'a folder' if os.path.isdir(path) else 'no regular file'
    raise ValueError(f'{option}{path}: is {kind}, expected a file')


@contextlib.contextmanager
def reading(path: str | os.PathLike, fault: str = 'refused') -> Iterator[None]:
  """Turns every error of its block into a ValueError, '{path}: {fault} (...)'.

  Parsers of hostile bytes raise errors of any type. What `check_file` raises
  stays as it is.
  """
  check_file(path)
  try:
    yield
  except Exception as e:
    raise ValueError(f'{path}: {fault} ({first_line(e)})') from e


@contextlib.contextmanager
def open_zip(
  file: str | os.PathLike | BinaryIO, *, packed: bool = False
) -> Iterator[zipfile.ZipFile]:
  """Opens a zip archive whose directory is sound.

  Args:
    file: Path, or a file open for reading.
    packed: Whether entries may be compressed, which can unpack to any size.

  Raises:
    ValueError: An entry is encrypted, compressed, there twice, or shares its
      bytes with another one.
  """
  with zipfile.ZipFile(file) as archive:
    entries = archive.infolist()
    for info in entries:
      if info.compress_type not in (_PACKED if packed else _STORED):
        raise ValueError(f'{info.filename!r} is compressed')
      if info.flag_bits & 1:
        raise ValueError(f'{info.filename!r} is encrypted')
      if info.compress_type == 0 and info.file_size != info.compress_size:
        raise ValueError(f'{info.filename!r} has two sizes')
    names = [info.filename for info in entries]
    if len(set(names)) != len(names):
      raise ValueError('an entry is there twice')
    total = sum(info.compress_size for info in entries)
    if total > os.fstat(archive.fp.fileno()).st_size:
      raise ValueError('its entries are larger than the file')
    yield archive


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
  """Entries by the names of their arrays."""
  return {i.filename.removesuffix('.npy'): i for i in archive.infolist()}


def array_names(path: str | os.PathLike) -> list[str]:
  """Names of the arrays in an .npz file; raises as `read_arrays`."""
  with reading(path), open_zip(path, packed=True) as archive:
    return list(_entries(archive))


def read_arrays(
  path: str | os.PathLike,
  shapes: Mapping[str, tuple[int, ...] | None] | None = None,
  *,
  packed: bool = False,
  fault: str = 'refused',
) -> dict[str, np.ndarray]:
  """Reads arrays of an .npz file: finite numbers, truth values, or text.

  Args:
    path: The file.
    shapes: Shapes of the arrays to read, by name; None is any. Without shapes,
      all arrays are read.
    packed: Whether arrays may be compressed.
    fault: Begins the error, see `reading`.

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: The file is corrupt, lacks an array, or one has another shape, a
      size beyond `budget`, another type, or a number that is not finite.
  """
  with reading(path, fault), open_zip(path, packed=packed) as archive:
    entries, total = _entries(archive), 0
    for name in entries if shapes is None else shapes:
      if name not in entries:
        raise ValueError(f'no {name} among {len(entries)} arrays')
      total += _check_header(
        archive, entries[name], name, (shapes or {}).get(name)
      )
    limit = budget(os.path.getsize(path))
    if total > limit:
      raise ValueError(f'holds {total} bytes of numbers, expected <= {limit}')
    return {
      name: _read_array(archive, entries[name], name)
      for name in (entries if shapes is None else shapes)
    }


def _check_header(archive, info, name, expected):
  """Bytes that an array takes; ValueError if its header lies."""
  with archive.open(info) as file:
    try:
      major, _ = np.lib.format.read_magic(file)
      read = getattr(np.lib.format, f'read_array_header_{major}_0')
      shape, _, dtype = read(file)
    except Exception as e:  # NumPy lets errors of Python's tokenizer through.
      raise ValueError(f'{name} has a bad header: {first_line(e)}') from e
    start = file.tell()
  check_type(name, dtype)
  if any(n < 0 for n in shape):
    raise ValueError(f'{name} has the shape {shape}')
  if expected is not None and shape != expected:
    raise ValueError(f'{name} has shape {shape}, expected {expected}')
  size = math.prod(shape) * dtype.itemsize
  if info.file_size != start + size:
    raise ValueError(
      f'{name} of shape {shape} needs {size} bytes, got '
      f'{info.file_size - start}'
    )
  return size


def _read_array(archive, info, name):
  with archive.open(info) as file:
    array = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):  # Reads to the end, where the sum is checked.
      raise ValueError(f'{name} is longer than its header says')
  check_numbers(name, array)
  return array


def check_type(name: str, dtype: np.dtype) -> None:
  """Raises ValueError for objects, records, dates and complex numbers."""
  if dtype.kind not in 'biufU' or dtype.itemsize > 8 and dtype.kind == 'f':
    raise ValueError(
      f'{name} is not a numeric array, but {str(dtype)[:40]}; expected real '
      'numbers of at most 64 bits'
    )


def check_numbers(name: str, array: np.ndarray) -> None:
  """Raises ValueError unless an array holds real, finite numbers, or text.

  Finite as 32-bit floats, in which all numbers are used.
  """
  check_type(name, array.dtype)
  if array.dtype.kind != 'f':
    return
  with np.errstate(over='ignore'):
    used = array.astype(np.float32, copy=False)
  if not np.isfinite(used).all():
    raise ValueError(f'{name} has numbers that are not finite in 32 bits')


def read_json(
  path: str | os.PathLike,
  fault: str,
  check_fn: Callable[[dict[str, Any]], Any] | None = None,
) -> dict[str, Any]:
  """Reads a file that holds one JSON object.

  Args:
    path: The file.
    fault: Begins the error, for example 'not the config of a run'.
    check_fn: Raises any error if the object is not what it should be.

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: It is too large, no JSON, or JSON of something else.
  """
  with reading(path, fault):
    need(os.path.getsize(path) <= _MAX_JSON, f'more than {_MAX_JSON} bytes')
    value = parse_json(pathlib.Path(path).read_text(encoding='utf-8'))
    if check_fn is not None:
      check_fn(value)
    return value


def parse_json(text: str) -> dict[str, Any]:
  """The JSON object that a text holds.

  Raises:
    ValueError: It is longer than 2**24, no JSON, or JSON of something else.
  """
  if len(text) > _MAX_JSON:
    raise ValueError(f'{len(text)} characters of JSON')
  try:
    value = json.loads(text)
  except RecursionError:
    raise ValueError('JSON that is nested too deep') from None
  if not isinstance(value, dict):
    raise ValueError(f'{text[:40].strip()} is no JSON object')
  return value
