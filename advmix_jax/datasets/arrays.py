"""Images and labels in one .npz file.

  numpy.savez('cells.npz', train_image=..., train_label=..., test_image=...,
              test_label=...)

  config = datasets.default_config('arrays')
  config.path = 'cells.npz'
  train = datasets.load(config, 'train')

Images are uint8 [N, H, W, 3], or grey, [N, H, W, 1] or [N, H, W], and then get
three equal channels. Labels are integers from 0 on; the largest label says how
many classes there are. A file may have a valid part too, or one part alone: of
train_image and train_label alone a stratified split is made (splits.make).
Rows that come class by class take turns (splits.order), so that the first
images are of all classes.

Contents: SPLITS, default_config, load, describe, save.
"""

import os
import pathlib

import ml_collections
import numpy as np

from advmix_jax.datasets import decoding, pixels, splits
from advmix_jax.ops import area
from advmix_jax.runtime import files, hosts, untrusted
from advmix_jax.types import Dataset

SPLITS = splits.SPLITS
_CHUNK = 256  # Images that are floats at a time.
_SHOWN = 20  # Classes that are printed.


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'arrays'
  config.path = ''  # The .npz file.
  # Height and width to which images are resized by area, from their middle
  # square; 0: as they are. A StyleGAN needs a power of two.
  config.resolution = 0
  config.num_train = 0  # First images kept of a split, 0 = all.
  config.num_valid = 0
  config.num_test = 0
  config.update(splits.made_fields())
  return config


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about the data: its name and file."""
  return {'dataset': config.name, 'file': pathlib.Path(config.path).name}


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Reads one split of the file.

  Args:
    config: the fields of `default_config`.
    split: 'train', 'valid' or 'test'.

  Raises:
    ValueError: no path, unknown split, one that the file doesn't have, or
      arrays that are no images and labels.
    FileNotFoundError: there is no such file.
  """
  splits.check(split, SPLITS)
  if not config.path:
    raise ValueError("data 'arrays' needs path, an .npz file")
  path = pathlib.Path(os.path.expanduser(config.path))
  found = _read(path, split)
  classes = max(2, int(max(label.max() for _, label in found.values())) + 1)
  hosts.print_once(_about_labels(path, found, classes))
  source = f'arrays {path.name}'
  if list(found) == ['train']:
    image, label = found['train']
    rows = np.flatnonzero(splits.make(label, config, source=path) == split)
    source += f', split: {splits.describe_made(config)}'
  else:
    image, label = found[split]
    rows = np.arange(len(image))
  order = splits.order(label[rows])
  rows = rows[order[splits.first(config, split, len(rows))]]
  return Dataset(
    image=_sized(image[rows], config.resolution),
    label=label[rows].astype(np.int32),
    num_classes=classes,
    groups={},
    source=source,
    names=tuple(map(str, rows)),
  )


def _read(path, split):
  """{split: (images [N, H, W, 3], labels [N])} of all that the file has."""
  known = set(untrusted.array_names(path))
  there = [s for s in SPLITS if {f'{s}_image', f'{s}_label'} & known]
  if not there:
    others = untrusted.first_names(sorted(known), 8) or 'no arrays'
    raise ValueError(
      f'{path}: has {others}, expected train_image and '
      'train_label, or those of test'
    )
  if split not in there and there != ['train']:
    raise ValueError(f'{path}: has no {split}_image, only {", ".join(there)}')
  names = [f'{s}_{kind}' for s in there for kind in ('image', 'label')]
  read = untrusted.read_arrays(path, dict.fromkeys(names), packed=True)
  found = {s: (read[f'{s}_image'], read[f'{s}_label']) for s in there}
  for each, (image, label) in found.items():
    _check(path, each, image, label)
  if len({image.shape[1:] for image, _ in found.values()}) > 1:
    raise ValueError(f'{path}: images of the splits differ in shape')
  return {s: (_colour(image), label) for s, (image, label) in found.items()}


def _about_labels(path, found, classes):
  """How many images each class has, in all parts together."""
  labels = np.concatenate([label for _, label in found.values()])
  count = np.bincount(labels, minlength=classes)
  shown = [f'{i} ({n})' for i, n in enumerate(count)]
  return f'{path}: classes (images) {untrusted.first_names(shown, _SHOWN)}'


def _colour(image):
  """Images with three channels; grey ones have them equal."""
  image = image if image.ndim == 4 else image[..., None]
  return np.broadcast_to(image, (*image.shape[:3], 3))


def _sized(image, size):
  """Middle squares of the images, resized by area; size 0: as they are."""
  if not size or image.shape[1:3] == (size, size):
    return np.ascontiguousarray(image)
  box = decoding.whole_square(*image.shape[1:3])
  parts = [
    pixels.to_uint8(area.resize(part / np.float32(255), box, size))
    for part in np.array_split(image, -(-len(image) // _CHUNK))
  ]
  return np.concatenate(parts)


def _check(path, split, image, label):
  """Raises ValueError unless these are images and their labels."""
  layout = image.ndim == 3 or image.ndim == 4 and image.shape[3] in (1, 3)
  if image.dtype != np.uint8 or not layout or not image.size:
    hint = ' (transpose(0, 2, 3, 1) of N, C, H, W)' * (image.shape[1:2] == (3,))
    raise ValueError(
      f'{path}: {split}_image is {image.dtype} {image.shape}, expected uint8 '
      f'(N, H, W, 3) or grey (N, H, W), N > 0{hint}'
    )
  if label.dtype.kind not in 'iu' or label.shape != image.shape[:1]:
    raise ValueError(
      f'{path}: {split}_label is {label.dtype} {label.shape}, expected '
      f'{len(image)} integers'
    )
  if image.max() == 1:
    raise ValueError(
      f'{path}: {split}_image has levels from 0 to {image.max()}, expected '
      '0 to 255'
    )
  if label.min() < 0 or label.max() >= len(label) + 1000:
    raise ValueError(
      f'{path}: {split}_label has {label.min()} to {label.max()}, expected '
      'classes from 0 on'
    )


def save(
  path: str | os.PathLike,
  *,
  train_image: np.ndarray,
  train_label: np.ndarray,
  test_image: np.ndarray,
  test_label: np.ndarray,
) -> None:
  """Writes such a file, atomically."""
  files.write_atomically(
    path,
    lambda f: np.savez(
      f,
      train_image=train_image,
      train_label=train_label,
      test_image=test_image,
      test_label=test_label,
    ),
  )
