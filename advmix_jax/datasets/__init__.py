"""Data sets: labelled images, one file per source.

  train = datasets.load(config.data, 'train')  # a types.Dataset
  order = datasets.epoch_batches((seed, epoch), len(train.label), 64)

Images are uint8 on the host; `take` makes a batch of them floats.

Public here: NAMES, default_config, load, describe; REPAINTABLE, Repaintable,
load_repaintable; epoch_batches, shuffled, endless_batch, environment, first,
in_batches, take; to_float, to_uint8.
"""

import ml_collections

from advmix_jax.datasets import arrays, celeba, colored_mnist, folder
from advmix_jax.datasets.batches import (
  endless_batch,
  environment,
  epoch_batches,
  first,
  in_batches,
  shuffled,
  take,
)
from advmix_jax.datasets.pixels import to_float, to_uint8
from advmix_jax.datasets.repaint import (
  REPAINTABLE,
  Repaintable,
  load_repaintable,
)
from advmix_jax.types import Dataset

# Which file makes the data set of a name.
_MODULES = {
  'colored_mnist': colored_mnist,
  'rgb_mnist': colored_mnist,
  'celeba': celeba,
  'folder': folder,
  'arrays': arrays,
}
NAMES = tuple(_MODULES)

__all__ = [
  'NAMES',
  'REPAINTABLE',
  'Repaintable',
  'default_config',
  'describe',
  'endless_batch',
  'environment',
  'epoch_batches',
  'shuffled',
  'first',
  'in_batches',
  'load',
  'load_repaintable',
  'take',
  'to_float',
  'to_uint8',
]


def _module(name: str):
  if name not in _MODULES:
    raise ValueError(
      f'data.name is {name!r}, expected {" or ".join(map(repr, NAMES))}'
    )
  return _MODULES[name]


def default_config(name: str = 'colored_mnist') -> ml_collections.ConfigDict:
  """The fields of a data set and their defaults (`config.data`).

  Args:
    name: one of NAMES.

  Raises:
    ValueError: unknown name.
  """
  config = _module(name).default_config()
  config.name = name  # A module may make several data sets.
  return config


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Returns the training or test set that `config.data` describes.

  Args:
    config: `name`, one of NAMES, and the fields of that data set's
      `default_config`.
    split: 'train' or 'test'; CelebA and folders may have 'valid', too.

  Raises:
    ValueError: unknown name or split, or a bad option.
    FileNotFoundError: the files of the source are not there.
  """
  module = _module(config.name)
  if missing := sorted({*module.default_config()} - {*config}):
    raise ValueError(
      f'data.name is {config.name!r}, whose fields {", ".join(missing)} are '
      f'missing: begin with default_config({config.name!r}), or with a config '
      'file of it'
    )
  return module.load(config, split)


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about its data set: JSON values."""
  return _module(config.name).describe(config)
