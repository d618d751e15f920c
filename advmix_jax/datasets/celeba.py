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

Contents: ATTRIBUTES, SPLITS, default_config, load, describe, read_attributes,
read_partition.
"""

import os
import pathlib

import ml_collections
import numpy as np

from advmix_jax.datasets import framing, image_files, pixels
from advmix_jax.ops import area
from advmix_jax.types import Dataset

SPLITS = ('train', 'valid', 'test')
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
_IMAGES = ('img_align_celeba', 'img_align_celeba.zip')
_TFDS_HINT = 'pip install tensorflow-datasets tensorflow importlib_resources'


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'celeba'
  config.source = 'celeba'  # Or 'tfds'.
  config.data_dir = ''  # The folder of the files; needed for 'celeba'.
  config.attribute = 'Smiling'  # The label, one of ATTRIBUTES.
  config.resolution = 64  # Height and width of the images.
  config.num_train = 0  # First images kept of a split, 0 = all.
  config.num_valid = 0
  config.num_test = 0
  # Adds the mirror image of each training image, for generators.
  config.mirror = False
  # Decoded images are kept here; '': ~/.cache/advmix_jax/images.
  config.cache_dir = ''
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
  options = (
    ('attribute', config.attribute, ATTRIBUTES),
    ('source', config.source, SOURCES),
    ('split', split, SPLITS),
  )
  for name, value, known in options:
    if value not in known:
      raise ValueError(
        f'data.{name} is {value!r}, expected one of {", ".join(known)}'
      )
  if config.resolution < 4:
    raise ValueError(f'data.resolution is {config.resolution}, expected >= 4')


def _read_files(config, split):
  """The images and attributes [N, 40] of a split of the official files."""
  if not config.data_dir:
    raise ValueError("data source 'celeba' needs data_dir, CelebA's folder")
  folder = pathlib.Path(os.path.expanduser(config.data_dir))
  if not folder.is_dir():
    raise FileNotFoundError(f'data_dir {str(folder)!r} is not a folder')
  attributes = read_attributes(_find(folder, 'list_attr_celeba.txt'))
  path = _find(folder, 'list_eval_partition.txt')
  part = SPLITS.index(split)
  names = [n for n, p in read_partition(path).items() if p == part]
  if not names:
    raise ValueError(f'{path}: no image of the {split} part (number {part})')
  names = _limited(config, split, names)
  missing = next((n for n in names if n not in attributes), None)
  if missing:
    raise ValueError(f'{path}: {missing} is not in list_attr_celeba.txt')
  with image_files.open_images(_find(folder, *_IMAGES)) as images:
    pictures = image_files.load(
      images,
      names,
      size=config.resolution,
      box_fn=framing.in_frame,
      mirror=config.mirror and split == 'train',
      cache_dir=config.cache_dir,
    )
  return pictures, np.stack([attributes[n] for n in names])


def _limited(config, split, names):
  """The first images of a split, as many as the config says."""
  limit = config[f'num_{split}']
  if not 0 <= limit <= len(names):
    raise ValueError(
      f'data.num_{split} is {limit}, expected 0 (all) to {len(names)}'
    )
  return names[: limit or None]


def _find(folder: pathlib.Path, *names: str) -> pathlib.Path:
  """The first of the names that is in one of the official folders."""
  places = [folder / f / n for f in _FOLDERS for n in names]
  for path in places:
    if path.exists():
      return path
  raise FileNotFoundError(
    f'{folder / names[0]}: no such file, expected it there'
    + (f', or {names[1]}' if len(names) > 1 else '')
  )


def _lines(path: pathlib.Path) -> list[str]:
  """The lines of a text file.

  Raises:
    ValueError: a web page, or not a text file.
  """
  try:
    text = path.read_text(encoding='ascii')
  except UnicodeDecodeError as error:
    raise ValueError(f'{path}: {error.reason}, expected a text file') from error
  if text.lstrip().lower().startswith(('<!doctype', '<html')):
    raise ValueError(f'{path}: is an HTML page; the download failed')
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
  if lines and ',' in lines[0]:
    raise ValueError(
      f'{path}: is a CSV file, expected the official text file, whose first '
      'line is the number of images'
    )
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
  return {row[0]: _attributes(path, row) for row in rows}


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
    ValueError: a line is not a name and a part.
  """
  path = pathlib.Path(path)
  parts = {}
  for number, line in enumerate(_lines(path), 1):
    row = line.split()
    if len(row) != 2 or row[1] not in ('0', '1', '2'):
      raise ValueError(
        f'{path}: line {number} is {line[:40]!r}, expected a file name and 0, '
        '1 or 2'
      )
    parts[row[0]] = int(row[1])
  return parts


def _read_tfds(config, split):
  """The images and attributes of `celeb_a` in tensorflow-datasets."""
  try:
    import tensorflow_datasets as tfds

    name = 'validation' if split == 'valid' else split
    data = tfds.load(
      'celeb_a', split=name, data_dir=config.data_dir or None, download=False
    )
    limit = config[f'num_{split}'] or len(data)
    rows = [_tfds_row(config, row) for row in tfds.as_numpy(data.take(limit))]
  except ImportError as error:  # TensorFlow itself may be missing, too.
    raise ValueError(
      f"data source 'tfds' is not installed ({error}): {_TFDS_HINT}"
    ) from error
  except Exception as error:  # Not prepared, full disk, ...
    reason = str(error).partition('\n')[0]
    raise ValueError(
      f"data source 'tfds' could not read celeb_a in data_dir "
      f'{config.data_dir!r}: {type(error).__name__}: {reason}'
    ) from error
  image, attributes = map(np.stack, zip(*rows, strict=True))
  if config.mirror and split == 'train':
    image = np.stack([image, image[:, :, ::-1]], axis=1)
  return image.reshape((-1, *image.shape[-3:])), attributes


def _tfds_row(config, row):
  image = row['image']
  box = framing.in_frame(*image.shape[:2])
  small = area.resize(image.astype(np.float32) / 255, box, config.resolution)
  values = [row['attributes'][name] for name in ATTRIBUTES]
  return pixels.to_uint8(small), np.array(values, np.int32)
