"""CelebA (Liu et al. 2015): faces with 40 attributes (Section 5.2).

  config = datasets.default_config('celeba')
  config.data_dir = 'celeba'
  train = datasets.load(config, 'train')
  train.label              # [N], 1 where the person smiles
  train.groups['Male']     # [N], any other attribute

`source='celeba'` reads the official layout: `img_align_celeba/` or
`img_align_celeba.zip`, `list_attr_celeba.txt` and `list_eval_partition.txt`, in
data_dir or in its folders Img, Anno and Eval. Images may have any size with the
proportions of the 178x218 frame; framing.py says which part is used.
`source='tfds'` reads `celeb_a` by tensorflow-datasets, from a prepared
data_dir. CelebA's images are for non-commercial research only.

Contents: ATTRIBUTES, SPLITS, default_config, load, describe, check_folder,
partition_path, attributes_path, images_path, read_attributes, read_partition.
"""

import os
import pathlib
from collections.abc import Sequence

import ml_collections
import numpy as np

from advmix_jax.datasets import (
  decoding,
  framing,
  from_tfds,
  image_files,
  pixels,
  splits,
)
from advmix_jax.ops import area
from advmix_jax.types import Dataset

SPLITS = splits.SPLITS  # In the order of the official partition's numbers.
SOURCES = ('celeba', 'tfds')
_NAMES = """
  5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs
  Big_Lips Big_Nose Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows
  Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones
  Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin
  Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
  Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace
  Wearing_Necktie Young"""
ATTRIBUTES = tuple(_NAMES.split())

_FOLDERS = ('', 'Img', 'Anno', 'Eval')  # Of the official download.
_START = 200  # Characters of a file by which a CSV is known.
_IMAGES = ('img_align_celeba', 'img_align_celeba.zip')


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'celeba'
  config.source = 'celeba'  # Or 'tfds'.
  config.data_dir = ''  # The folder of the files; needed for 'celeba'.
  config.attribute = 'Smiling'  # The label, one of ATTRIBUTES.
  config.update(image_files.default_fields())
  return config


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about the data: its name and attribute."""
  return {'dataset': config.name, 'attribute': config.attribute}


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Reads one split, with one attribute as the label.

  Args:
    config: the fields of `default_config`.
    split: 'train', 'valid' or 'test'.

  Returns:
    Dataset of two classes, 1 where the image has the attribute. `groups` has
    all 40 attributes, 0 or 1.

  Raises:
    ValueError: unknown attribute, source or split, or a malformed file.
    FileNotFoundError: a file is not there.
  """
  _check(config, split)
  read = _read_files if config.source == 'celeba' else _read_tfds
  image, attributes = read(config, split)
  attributes = attributes.repeat(len(image) // len(attributes), axis=0)
  return Dataset(
    image=image,
    label=attributes[:, ATTRIBUTES.index(config.attribute)],
    num_classes=2,
    groups={name: attributes[:, i] for i, name in enumerate(ATTRIBUTES)},
    source=config.source,
  )


def _check(config, split):
  splits.check(split, SPLITS)
  for name, known in (('attribute', ATTRIBUTES), ('source', SOURCES)):
    if config[name] not in known:
      raise ValueError(
        f'data.{name} is {config[name]!r}, expected one of {", ".join(known)}'
      )
  image_files.check_resolution(config.resolution)


def _read_files(config, split):
  """The images and attributes [N, 40] of a split of the official files."""
  folder = _folder(config.data_dir)
  by_split, attributes = _read_lists(folder, (split,))
  names = by_split[split]
  names = names[splits.first(config, split, len(names))]
  with image_files.open_images(images_path(folder)) as images:
    pictures = image_files.load_split(
      images, names, config, split, box_fn=framing.in_frame
    )
  return pictures, np.stack([attributes[n] for n in names])


def check_folder(
  data_dir: str | os.PathLike, needed: Sequence[str] = SPLITS
) -> None:
  """Checks a folder of the official layout without decoding its images.

  Args:
    data_dir: Of `list_attr_celeba.txt` and the other files.
    needed: The splits that have to have images.

  Raises:
    FileNotFoundError, ValueError: as `load`, but for errors in single images.
  """
  folder = _folder(data_dir)
  _read_lists(folder, needed)
  with image_files.open_images(images_path(folder)):
    pass


def _read_lists(folder, needed):
  """({split: names of its images}, {name: attributes [40]})."""
  attributes = read_attributes(attributes_path(folder))
  path = partition_path(folder)
  parts = read_partition(path)
  return {s: _names_of(path, parts, attributes, s) for s in needed}, attributes


def _folder(data_dir) -> pathlib.Path:
  if not data_dir:
    raise ValueError("data source 'celeba' needs data_dir, CelebA's folder")
  folder = pathlib.Path(os.path.expanduser(data_dir))
  if not folder.is_dir():
    raise FileNotFoundError(f'data_dir {str(folder)!r} is not a folder')
  return folder


def partition_path(data_dir: str | os.PathLike) -> pathlib.Path:
  """The list of all images and their parts: which data set this folder holds.

  Raises:
    FileNotFoundError: there is no such folder or list.
    ValueError: no folder is given, or the list is a CSV.
  """
  return _find(_folder(data_dir), 'list_eval_partition.txt')


def attributes_path(data_dir: str | os.PathLike) -> pathlib.Path:
  """The list of the attributes; errors as `partition_path`."""
  return _find(_folder(data_dir), 'list_attr_celeba.txt')


def images_path(data_dir: str | os.PathLike) -> pathlib.Path:
  """The folder or zip archive of the images; errors as `partition_path`."""
  return _find(_folder(data_dir), *_IMAGES)


def _names_of(path, parts, attributes, split):
  """The images of a split; both files have to have the same images."""
  part = SPLITS.index(split)
  names = [n for n, p in parts.items() if p == part]
  if not names:
    raise ValueError(f'{path}: no image of the {split} part (number {part})')
  if lost := sorted(parts.keys() ^ attributes.keys()):
    place = path.name if lost[0] in attributes else 'list_attr_celeba.txt'
    raise ValueError(
      f'{path}: has {len(parts)} images and list_attr_celeba.txt '
      f'{len(attributes)}, expected the same ones; {lost[0]} is not in {place}'
    )
  return names


def _find(folder: pathlib.Path, *names: str) -> pathlib.Path:
  """The first of the names that is in one of the official folders."""
  places = [folder / f / n for f in _FOLDERS for n in names]
  for path in places:
    if path.exists():
      return path
  for path in places:
    if path.suffix == '.txt' and path.with_suffix('.csv').exists():
      raise ValueError(
        f'{path.with_suffix(".csv")}: is a CSV file, expected the official '
        f'text file {path.name}'
      )
  raise FileNotFoundError(
    f'{folder / names[0]}: no such file, expected it there'
    + (f', or {names[1]}' if len(names) > 1 else '')
  )


def _lines(path: pathlib.Path) -> list[str]:
  """The lines of a text file.

  Raises:
    ValueError: a web page, a CSV, or not a text file.
  """
  try:
    text = path.read_text(encoding='utf-8-sig')
  except UnicodeDecodeError as error:
    raise ValueError(f'{path}: {error.reason}, expected a text file') from error
  if decoding.is_html(text.encode()):
    raise ValueError(f'{path}: is an HTML page; the download failed')
  if ',' in text[:_START]:
    raise ValueError(
      f'{path}: is a CSV file, expected the official text file, whose words '
      'are divided by spaces'
    )
  return text.splitlines()


def read_attributes(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads list_attr_celeba.txt.

  Its first line is the number of images, the second one has the names of the
  attributes, and every other one a file name and 40 numbers, 1 or -1.

  Returns:
    {file name: [40] int32, 0 or 1}, in the file's order.

  Raises:
    ValueError: another format, names or number of images.
  """
  path = pathlib.Path(path)
  lines = _lines(path)
  if len(lines) < 2 or not lines[0].strip().isdecimal():
    raise ValueError(
      f'{path}: first line is {(lines or [""])[0][:40]!r}, expected the number '
      'of images'
    )
  if tuple(lines[1].split()) != ATTRIBUTES:
    raise ValueError(
      f"{path}: second line is not the names of CelebA's 40 attributes"
    )
  rows = [line.split() for line in lines[2:] if line.strip()]
  if len(rows) != int(lines[0]):
    raise ValueError(
      f'{path}: has {len(rows)} images, expected {int(lines[0])}, the number '
      'in its first line'
    )
  _check_once(path, [row[0] for row in rows])
  return {row[0]: _attributes(path, row) for row in rows}


def _check_once(path, names):
  """Raises ValueError where an image has two rows."""
  seen = set()
  for name in names:
    if name in seen:
      raise ValueError(f'{path}: has two rows of {name}, expected one')
    seen.add(name)


def _attributes(path, row):
  if len(row) != 1 + len(ATTRIBUTES) or not {'1', '-1'}.issuperset(row[1:]):
    raise ValueError(
      f'{path}: row of {row[0]} has {len(row) - 1} values, expected 40, each '
      '1 or -1'
    )
  return np.array([v == '1' for v in row[1:]], np.int32)


def read_partition(path: str | os.PathLike) -> dict[str, int]:
  """Reads list_eval_partition.txt: {file name: 0 train, 1 valid, 2 test}.

  Raises:
    ValueError: a line is not a name and a part, or a name is there twice.
  """
  path = pathlib.Path(path)
  parts = []
  for number, line in enumerate(_lines(path), 1):
    row = line.split()
    if len(row) != 2 or row[1] not in ('0', '1', '2'):
      raise ValueError(
        f'{path}: line {number} is {line[:40]!r}, expected a file name and 0, '
        '1 or 2'
      )
    parts.append((row[0], int(row[1])))
  _check_once(path, [name for name, _ in parts])
  return dict(parts)


def _read_tfds(config, split):
  """The images and attributes of `celeb_a` in tensorflow-datasets."""
  folder = config.data_dir or None
  name = 'validation' if split == 'valid' else split
  with from_tfds.reading('celeb_a', folder) as tfds:
    data = tfds.load('celeb_a', split=name, data_dir=folder, download=False)
    data = data.take(splits.first(config, split, len(data)).stop)
    rows = [_tfds_row(config, row) for row in tfds.as_numpy(data)]
  image, attributes = map(np.stack, zip(*rows, strict=True))
  if config.mirror and split == 'train':
    image = image_files.mirrored(image)
  return image, attributes


def _tfds_row(config, row):
  image = row['image']
  box = framing.in_frame(*image.shape[:2])
  small = area.resize(image.astype(np.float32) / 255, box, config.resolution)
  values = [row['attributes'][name] for name in ATTRIBUTES]
  return pixels.to_uint8(small), np.array(values, np.int32)
