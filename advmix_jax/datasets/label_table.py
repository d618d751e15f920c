"""A CSV that labels images: `file,label,split` or `file,label`.

Contents: PARTS, Row, part_of, read, parse, check, by_parts.
"""

import csv
import io
import os
import pathlib
import posixpath
from collections.abc import Sequence
from typing import NamedTuple

from advmix_jax.datasets import splits

_COLUMNS = ('file', 'label', 'split')
# Folders that hold a part of the data, by what they are usually called.
PARTS = {
  'train': 'train',
  'training': 'train',
  'val': 'valid',
  'valid': 'valid',
  'validation': 'valid',
  'test': 'test',
  'testing': 'test',
}


class Row(NamedTuple):
  """One image."""

  file: str
  label: str
  split: str  # '': none is given.


def part_of(name: str) -> str:
  """The part that a folder or a split of this name is; '': none."""
  return PARTS.get(name.lower(), '')


def read(path: str | os.PathLike) -> list[Row]:
  """Reads the CSV of labels.

  Raises:
    FileNotFoundError: no such file.
    ValueError: another header, an incomplete row, a file named twice, or fewer
      than two labels.
  """
  try:
    data = pathlib.Path(path).read_bytes()
  except (FileNotFoundError, IsADirectoryError) as error:
    kind = 'is a folder' if pathlib.Path(path).is_dir() else 'no such file'
    raise FileNotFoundError(
      f'{path}: {kind}, expected a CSV with the columns {",".join(_COLUMNS)}'
    ) from error
  return parse(data, path)


def parse(data: bytes, path: str | os.PathLike) -> list[Row]:
  """The rows of a CSV; `path` is for errors, which `read` lists."""
  try:
    text = io.StringIO(data.decode('utf-8-sig'), newline='')
    header, *rows = list(csv.reader(text)) or [[]]
  except (csv.Error, UnicodeDecodeError) as error:
    raise ValueError(f'{path}: {error}, expected a CSV in UTF-8') from error
  header = [name.strip() for name in header]
  if tuple(header) not in (_COLUMNS, _COLUMNS[:2]):
    raise ValueError(
      f'{path}: first line is {",".join(header)[:60]!r}, expected '
      f'{",".join(_COLUMNS)!r} or {",".join(_COLUMNS[:2])!r}'
    )
  width = len(header)
  found = [
    _row(path, number, row, width) for number, row in enumerate(rows, 2) if row
  ]
  check(path, found)
  return found


def _row(path, number, row, width):
  file, label, part = (*row, '', '', '')[:3]
  split = part_of(part.strip())
  blank = not all(field.strip() for field in row)
  if len(row) != width or blank or part and not split:
    splits_too = f' and one of {", ".join(splits.SPLITS)}' if width == 3 else ''
    raise ValueError(
      f'{path}: line {number} is {",".join(row)[:60]!r}, expected a file, a '
      f'label{splits_too}'
    )
  return Row(file, label.strip(), split)


def check(path: str | os.PathLike, rows: Sequence[Row]) -> None:
  """Raises ValueError for a file named twice, or fewer than two labels."""
  seen = set()
  for row in rows:
    file = posixpath.normpath(row.file)
    if file in seen:
      raise ValueError(f'{path}: {row.file!r} is there twice')
    seen.add(file)
  labels = {row.label for row in rows}
  if len(labels) < 2:
    raise ValueError(f'{path}: {len(labels)} different labels, expected >= 2')


def by_parts(rows: Sequence[Row]) -> list[Row]:
  """Rows without a split, each with the part that its folder is called.

  Only where all lie in folders called like parts (train/, test/), in several;
  otherwise they stay as they are.
  """
  tops = [posixpath.normpath(row.file).partition('/')[0] for row in rows]
  parts = [part_of(top) for top in tops]
  if not all(parts) or len(set(parts)) < 2:
    return list(rows)
  pairs = zip(rows, parts, strict=True)
  return [row._replace(split=part) for row, part in pairs]
