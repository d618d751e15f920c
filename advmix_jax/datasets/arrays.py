"""Images and labels in one .npz file, two arrays for each split.

  numpy.savez('cells.npz', train_image=..., train_label=..., test_image=...,
              test_label=...)

  config = datasets.default_config('arrays')
  config.path = 'cells.npz'
  train = datasets.load(config, 'train')

Images are uint8 [N, H, W, C], labels integers from 0 on; the largest label of
both splits says how many classes there are. A file may hold one split alone.

Contents: SPLITS, default_config, load, describe, save.
"""

import os
import pathlib

import ml_collections
import numpy as np

from advmix_jax.datasets import splits
from advmix_jax.runtime import files, untrusted
from advmix_jax.types import Dataset

SPLITS = ('train', 'test')


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'arrays'
  config.path = ''  # The .npz file.
  config.num_train = 0  # First images kept of a split, 0 = all.
  config.num_test = 0
  return config


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about the data: its name and file."""
  return {'dataset': config.name, 'file': pathlib.Path(config.path).name}


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Reads one split of the file.

  Args:
    config: the fields of `default_config`.
    split: 'train' or 'test'.

  Raises:
    ValueError: no path, a split that is unknown or not in the file, or arrays
      that are no images and labels.
    FileNotFoundError: there is no such file.
  """
  splits.check(split, SPLITS)
  if not config.path:
    raise ValueError("data 'arrays' needs path, an .npz file")
  path = pathlib.Path(os.path.expanduser(config.path))
  there = untrusted.array_names(path)
  kept = [s for s in SPLITS if s == split or f'{s}_image' in there]
  names = [f'{s}_{kind}' for s in kept for kind in ('image', 'label')]
  found = untrusted.read_arrays(path, dict.fromkeys(names), packed=True)
  for each in kept:
    _check(path, each, found[f'{each}_image'], found[f'{each}_label'])
  if len({found[f'{each}_image'].shape[1:] for each in kept}) > 1:
    raise ValueError(f'{path}: images of the two splits differ in shape')
  image, label = found[f'{split}_image'], found[f'{split}_label']
  keep = splits.first(config, split, len(image))
  classes = int(max(found[f'{s}_label'].max() for s in kept)) + 1
  return Dataset(
    image=image[keep],
    label=label[keep].astype(np.int32),
    num_classes=max(2, classes),
    groups={},
    source=f'arrays {path.name}',
  )


def _check(path, split, image, label):
  """Raises ValueError unless these are images and their labels."""
  if image.dtype != np.uint8 or image.ndim != 4 or not image.size:
    raise ValueError(
      f'{path}: {split}_image is {image.dtype} {image.shape}, expected uint8 '
      '(N, H, W, C), N > 0'
    )
  if label.dtype.kind not in 'iu' or label.shape != image.shape[:1]:
    raise ValueError(
      f'{path}: {split}_label is {label.dtype} {label.shape}, expected '
      f'{len(image)} integers'
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
