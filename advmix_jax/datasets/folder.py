"""Any folder or zip archive of images, with a CSV of labels.

  config = datasets.default_config('folder')
  config.data_dir = 'birds'          # Or birds.zip.
  config.labels = 'birds/labels.csv'
  train = datasets.load(config, 'train')

The CSV has one row per image and a header: `file,label,split`. A file is a path
inside data_dir; a label is any text, and the classes are the different labels
in alphabetical order; a split is train, valid or test. Images of any size and
format that Pillow reads are cut to their middle square and resized by area.

Contents: SPLITS, default_config, load, describe, read_labels.
"""

import csv
import os
import pathlib
from typing import NamedTuple

import ml_collections
import numpy as np

from advmix_jax.datasets import image_files, splits
from advmix_jax.types import Dataset

SPLITS = ('train', 'valid', 'test')
_COLUMNS = ('file', 'label', 'split')


class Row(NamedTuple):
  """One row of the CSV."""

  file: str
  label: str
  split: str


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'folder'
  config.data_dir = ''  # The folder or zip archive of the images.
  config.labels = ''  # The CSV; '': labels.csv in data_dir.
  config.update(image_files.default_fields())
  return config


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about the data: its name and folder."""
  return {
    'dataset': config.name,
    'folder': os.path.basename(os.path.abspath(config.data_dir)),
  }


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Reads one split of the images that the CSV names.

  Args:
    config: the fields of `default_config`.
    split: 'train', 'valid' or 'test'.

  Returns:
    Dataset; its classes are all labels of the CSV, whatever their split.

  Raises:
    ValueError: unknown split, a malformed CSV or image.
    FileNotFoundError: a file is not there.
  """
  splits.check(split, SPLITS)
  if not config.data_dir:
    raise ValueError("data 'folder' needs data_dir, the folder of the images")
  folder = pathlib.Path(os.path.expanduser(config.data_dir))
  path = pathlib.Path(os.path.expanduser(config.labels or folder))
  path = path if config.labels else path / 'labels.csv'
  rows = read_labels(path)
  names = sorted({row.label for row in rows})
  kept = [row for row in rows if row.split == split]
  if not kept:
    raise ValueError(f'{path}: no row of split {split!r}')
  kept = kept[splits.first(config, split, len(kept))]
  with image_files.open_images(folder) as images:
    files = [row.file for row in kept]
    pictures = image_files.load_split(images, files, config, split)
  label = np.array([names.index(row.label) for row in kept], np.int32)
  label = label.repeat(len(pictures) // len(label))
  return Dataset(pictures, label, len(names), {}, f'folder {folder.name}')


def read_labels(path: str | os.PathLike) -> list[Row]:
  """Reads the CSV of labels.

  Raises:
    FileNotFoundError: no such file.
    ValueError: another header, an incomplete row, a file named twice, or fewer
      than two labels.
  """
  path = pathlib.Path(path)
  try:
    with open(path, encoding='utf-8-sig', newline='') as f:
      header, *rows = list(csv.reader(f)) or [[]]
  except FileNotFoundError as error:
    raise FileNotFoundError(
      f'{path}: no such file, expected a CSV with the columns '
      f'{",".join(_COLUMNS)}'
    ) from error
  except (csv.Error, UnicodeDecodeError) as error:
    raise ValueError(f'{path}: {error}, expected a CSV in UTF-8') from error
  if tuple(header) != _COLUMNS:
    raise ValueError(
      f'{path}: first line is {",".join(header)[:60]!r}, expected '
      f'{",".join(_COLUMNS)!r}'
    )
  found = [_row(path, number, row) for number, row in enumerate(rows, 2) if row]
  _check(path, found)
  return found


def _row(path, number, row):
  if len(row) != len(_COLUMNS) or not all(row) or row[2] not in SPLITS:
    raise ValueError(
      f'{path}: line {number} is {",".join(row)[:60]!r}, expected a file, a '
      f'label and one of {", ".join(SPLITS)}'
    )
  return Row(*row)


def _check(path, rows):
  seen = set()
  for row in rows:
    if row.file in seen:
      raise ValueError(f'{path}: {row.file!r} is there twice')
    seen.add(row.file)
  labels = {row.label for row in rows}
  if len(labels) < 2:
    raise ValueError(f'{path}: {len(labels)} different labels, expected >= 2')
