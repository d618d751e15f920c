"""Says where the test images are not fresh ones.

  leaks.warn(config, train, test)

An accuracy on images that the classifier was trained on tells little, and so
do attacks with a generator that has seen them. Neither is an error: the user
may know.

Contents: warn, shared, other_split.
"""

import ml_collections
import numpy as np

from advmix_jax import datasets, generators, types
from advmix_jax.datasets import image_hash
from advmix_jax.runtime import files, hosts

_MADE = ('split_seed', 'valid_share', 'test_share')


def warn(
  config: ml_collections.ConfigDict, train: types.Dataset, test: types.Dataset
) -> None:
  """Prints what `shared` and `other_split` find.

  Args:
    config: of a run; reads `data` and `generator`.
    train: its training images.
    test: its test images.
  """
  if count := shared(train.image, test.image):
    hosts.print_once(
      f'warning: {count} of {len(test.label)} test images are training images, '
      'too, pixel by pixel'
    )
  if words := other_split(config):
    hosts.print_once(f'warning: {words}')


def shared(train: np.ndarray, test: np.ndarray) -> int:
  """How many test images [N, H, W, C] are among the training images."""
  hashes = map(image_hash.image_hashes, (test, train))
  return int(np.isin(*hashes).sum())


def other_split(config: ml_collections.ConfigDict) -> str:
  """Says that the generator was trained on another made split, '' if not.

  Args:
    config: reads `data` and `generator`.

  Raises:
    FileNotFoundError, ValueError: the generator is missing or corrupt.
  """
  if 'split_seed' not in config.data or config.generator.name == 'ideal':
    return ''
  path = generators.path(config.generator)
  theirs = _trained_on(path, config.data)
  if theirs is None:
    return ''
  differ = [
    f'data.{name}={theirs[name]}, here {config.data[name]}'
    for name in _MADE
    if theirs[name] != config.data[name]
  ]
  if not differ:
    return ''
  return (
    f'{path}: the generator was trained on another split of these images '
    f'({"; ".join(differ)}), and so on test images; where the data have parts '
    'of their own, this means nothing'
  )


def _trained_on(path, data):
  """The generator's config of these data; None if it is of others."""
  training = files.load_npz(path)[1].get('training')
  fields = training.get('data') if isinstance(training, dict) else None
  if not isinstance(fields, dict) or set(fields) != set(data):
    return None
  theirs = ml_collections.ConfigDict(fields)
  same = datasets.describe(theirs) == datasets.describe(data)
  return theirs if same and theirs.name == data.name else None
