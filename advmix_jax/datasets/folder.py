"""Any folder or zip archive of images, labelled by a CSV or by folders.

  config = datasets.default_config('folder')
  config.data_dir = 'birds'          # Or birds.zip.
  train = datasets.load(config, 'train')

Where data_dir has a labels.csv, or `labels` names a CSV, it has one row per
image and a header: `file,label,split` or `file,label`. A file is a path inside
data_dir, a label is any text, a split is train, valid or test. Without a CSV
each folder in data_dir is a class, birds/owl/1.jpg is an owl, or a part with a
folder for each class, birds/train/owl/1.jpg.

The classes are the different labels in alphabetical order, 10 before 2. Numbers
in a CSV are the classes themselves if they leave few gaps, and else in order.
Which class is which is printed.

Without splits a stratified one is made (splits.make). Rows that come class by
class take turns (splits.order), so that the first images are of all classes.
Images of any size are cut to their middle square and resized by area; grey ones
get three equal channels. decoding.FORMATS has the formats. Without a CSV, files
that don't end so are left out, which is printed, and so are hidden files and
folders.

Contents: SPLITS, default_config, load, describe, by_folder.
"""

import collections
import os
import pathlib
import posixpath
import re

import ml_collections
import numpy as np

from advmix_jax.datasets import decoding, image_files, label_table, splits
from advmix_jax.runtime import hosts, untrusted
from advmix_jax.types import Dataset

SPLITS = splits.SPLITS
_LABELS = 'labels.csv'
_SHOWN = 20  # Classes that are printed.


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'folder'
  config.data_dir = ''  # The folder or zip archive of the images.
  # The CSV; '': labels.csv in data_dir, or else the names of its folders.
  config.labels = ''
  config.update(image_files.default_fields())
  config.update(splits.made_fields())
  return config


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about the data: its name and folder."""
  return {
    'dataset': config.name,
    'folder': os.path.basename(os.path.abspath(config.data_dir)),
  }


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Reads one split of the images.

  Args:
    config: the fields of `default_config`.
    split: 'train', 'valid' or 'test'.

  Returns:
    Dataset; its classes are all labels, whatever their split.

  Raises:
    ValueError: unknown split, a malformed CSV or image, too few images.
    FileNotFoundError: a file is not there.
  """
  splits.check(split, SPLITS)
  if not config.data_dir:
    raise ValueError("data 'folder' needs data_dir, the folder of the images")
  folder = pathlib.Path(os.path.expanduser(config.data_dir))
  with image_files.open_images(folder) as images:
    rows, names, made = _rows(config, folder, images)
    hosts.print_once(_about_classes(folder, names))
    kept = [row for row in rows if row.split == split]
    if not kept:
      known = ', '.join(sorted({row.split for row in rows}))
      raise ValueError(
        f'{folder}: no image of split {split!r}, only of {known}'
      )
    kept = [kept[i] for i in splits.order([row.label for row in kept])]
    kept = kept[splits.first(config, split, len(kept))]
    lacking = sorted({r.label for r in rows} - {r.label for r in kept})
    if lacking:
      some = untrusted.first_names(lacking, _SHOWN)
      hosts.print_once(f'{folder}: no image of {some} in {split}')
    files = [row.file for row in kept]
    pictures = image_files.load_split(images, files, config, split)
  label = np.array([names.index(row.label) for row in kept], np.int32)
  times = len(pictures) // len(label)  # Two, with mirror images.
  return Dataset(
    pictures,
    label.repeat(times),
    len(names),
    {},
    f'folder {folder.name}{made}',
    tuple(name for name in files for _ in range(times)),
    tuple(names),
  )


def _rows(config, folder, images):
  """All images, each with a split, the classes, and words on a made split."""
  table = _table(config, folder, images)
  rows = table or by_folder(images)
  labels = {row.label for row in rows}
  # Folders as torchvision's ImageFolder has them.
  names = _numbered(folder, labels) if table else sorted(labels)
  if rows[0].split:
    return rows, names, ''
  files = _as_written(rows) if table else _short(rows)
  parts = splits.make(
    [row.label for row in rows], config, source=folder, names=files
  )
  pairs = zip(rows, parts.tolist(), strict=True)
  made = f', split: {splits.describe_made(config)}'
  return [row._replace(split=part) for row, part in pairs], names, made


def _as_written(rows):
  """The files' names in a table: another folder changes no name."""
  return [posixpath.normpath(row.file) for row in rows]


def _short(rows):
  """The files' names without the folder in which all of them lie."""
  names = _as_written(rows)
  outer = posixpath.commonpath([posixpath.dirname(name) for name in names])
  return [posixpath.relpath(name, outer or '.') for name in names]


def _numbered(source, labels):
  """The labels of a table in the order of the classes; '': a class without.

  Numbers are the classes themselves, if at least half of these are there.

  Raises:
    ValueError: two labels are one number, such as 1 and 01.
  """
  if not all(label.isdecimal() and label.isascii() for label in labels):
    return sorted(labels)
  place = {int(label): label for label in sorted(labels)}
  count = max(place) + 1
  if twins := sorted(labels - {*place.values()}):
    raise ValueError(
      f'{source}: labels {twins[0]!r} and {place[int(twins[0])]!r} are the '
      'same number'
    )
  if count > 2 * len(labels):
    return sorted(labels, key=lambda label: (int(label), label))
  return [place.get(i, '') for i in range(count)]


def _about_classes(folder, names):
  numbered = [f'{i} {name}' for i, name in enumerate(names) if name]
  return f'{folder}: classes {untrusted.first_names(numbered, _SHOWN)}'


def _table(config, folder, images):
  """The rows of the CSV, or [] where there is none."""
  path = pathlib.Path(os.path.expanduser(config.labels or folder))
  path = path if config.labels else path / _LABELS
  if config.labels or path.exists():
    rows = label_table.read(path)
  else:
    rows = _archived(images, path)
  if not rows:
    return rows
  _print_unlisted(images, rows)
  if rows[0].split or not (parted := label_table.by_parts(rows))[0].split:
    return rows
  hosts.print_once(f'{path}: has no column split, the folders are the parts')
  return parted


def _archived(images, path):
  """The rows of the table inside a zip archive; [] where there is none."""
  try:
    data = images.read(_LABELS)
  except FileNotFoundError:
    return []
  return label_table.parse(data, path)


def _print_unlisted(images, rows):
  """Says how many images the table does not list."""
  listed = {posixpath.normpath(row.file) for row in rows}
  names = filter(decoding.is_image_name, images.names())
  others = [name for name in names if name not in listed]
  if others:
    hosts.print_once(
      f'{images.path}: {len(others)} images are not in the table and are left '
      f'out, the first is {others[0]}'
    )


def by_folder(images: image_files.Images) -> list[label_table.Row]:
  """Labels each image by the folder that it lies in, the first of its path.

  Where these are all called like parts (train, val, test), they are the parts
  and the folders in them are the classes. Files that don't end like an image
  are left out, and so is a folder in which all the others lie: birds.zip may
  hold `my birds/owl/1.jpg`.

  Raises:
    ValueError: an image lies in no folder, there are fewer than two classes,
      a table of labels lies where it is not read, or parts such as train and
      test have another folder beside them.
  """
  found = [n for n in images.names() if not decoding.is_hidden(n)]
  names = list(filter(decoding.is_image_name, found))
  if not names:
    raise ValueError(f'{images.path}: has no images')
  if others := sorted({*found} - {*names}):
    _check_others(images.path, others)
    hosts.print_once(_about_others(images.path, others))
  outer = _outer(names)
  tops = {name[outer:].partition('/')[0] for name in names}
  parted = _parted(images.path, tops)
  rows = [_of_folder(images.path, name, outer, parted) for name in names]
  label_table.check(images.path, rows)
  if parted:
    _check_classes(images.path, rows)
  return rows


def _check_classes(path, rows):
  """Raises ValueError where parts hold parts, as train/train/owl/1.jpg."""
  labels = sorted({row.label for row in rows})
  if all(map(label_table.part_of, labels)):
    raise ValueError(
      f'{path}: the folders in the parts are {", ".join(labels)}, parts '
      'themselves; expected a folder for each class, train/owl/1.jpg'
    )


def _parted(path, tops):
  """Whether the folders at the top are parts of the data, not classes."""
  parts = set(filter(label_table.part_of, tops))
  others = sorted(tops - parts)
  if others and len(set(map(label_table.part_of, parts))) > 1:
    raise ValueError(
      f'{path}: {others[0]} lies beside {" and ".join(sorted(parts))}, '
      'expected parts of the data alone, or classes alone'
    )
  alike = list(filter(_like_parts, others))
  if len(set().union(*map(_like_parts, alike))) > 1:
    hosts.print_once(
      f'{path}: {" and ".join(alike)} are taken as classes; parts of the data '
      f'are folders called {", ".join(SPLITS)}'
    )
  return not others


def _like_parts(top):
  """The parts that a folder's name may stand for: seg_train, test-set."""
  words = re.split('[^a-z]+', top.lower())
  return set(map(label_table.part_of, words)) - {''}


def _check_others(path, names):
  """Raises ValueError if one of the files looks like the table of labels."""
  for name in names:
    if pathlib.PurePosixPath(name).name.lower() == _LABELS:
      raise ValueError(
        f'{path}: {name} is not read, expected {_LABELS} at the top, or '
        'data.labels with its path'
      )


def _about_others(path, names):
  """What is printed of files that don't end like an image."""
  ends = collections.Counter(
    pathlib.PurePosixPath(name).suffix.lower() or 'without an ending'
    for name in names
  )
  kinds = ', '.join(f'{count} {end}' for end, count in ends.most_common())
  return (
    f'{path}: {len(names)} files are left out ({kinds}), the first is '
    f'{names[0]}; images end as {", ".join(decoding.FORMATS)} files do'
  )


def _of_folder(path, name, outer, parted):
  inner, split = name[outer:], ''
  if parted:
    part, _, inner = inner.partition('/')
    split = label_table.part_of(part)
  label, slash, _ = inner.partition('/')
  if not slash:
    raise ValueError(
      f'{path}: {name} lies in no folder, expected a folder for each class, or '
      'a labels.csv'
    )
  return label_table.Row(name, label, split)


def _outer(names):
  """Length of the part of the names that is a folder around all classes.

  A folder that is called like a part of the data is none.
  """
  length = 0
  while len(tops := {n[length:].partition('/')[0] for n in names}) == 1:
    if label_table.part_of(tops.pop()):
      break
    inner = names[0].find('/', length) + 1
    if not all('/' in name[inner:] for name in names):
      break
    length = inner
  return length
