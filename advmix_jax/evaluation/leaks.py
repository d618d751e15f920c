"""Says where the test images are not fresh ones.

  leaks.warn(config.generator, test.image, train.image)

An accuracy on images that the classifier was trained on tells little, and so
do attacks with a generator that has seen them. Neither is an error: the user
may know. Images are compared pixel by pixel, at the size that is trained on.

Contents: warn, shared, seen.
"""

import os

import ml_collections
import numpy as np

from advmix_jax import generators
from advmix_jax.datasets import image_hash
from advmix_jax.runtime import files, hosts, untrusted


def warn(
  config: ml_collections.ConfigDict,
  test: np.ndarray,
  train: np.ndarray | None = None,
) -> None:
  """Prints what `shared` and `seen` find.

  Args:
    config: names the generator.
    test: the test images [N, H, W, C].
    train: those that the classifier was trained on; None: not known.

  Raises:
    FileNotFoundError, ValueError: the generator is missing or corrupt.
  """
  if train is not None and (count := shared(train, test)):
    _say(count, test, 'training images, too')
  if config.name != 'ideal':
    path = generators.path(config)
    if count := seen(path, test):
      _say(count, test, f'among those that {path} was trained on')


def _say(count, test, what):
  hosts.print_once(
    f'warning: {count} of {len(test)} test images are {what}, pixel by pixel'
  )


def shared(train: np.ndarray, test: np.ndarray) -> int:
  """How many test images [N, H, W, C] are among the training images."""
  return _count(image_hash.image_hashes(train), test)


def seen(path: str | os.PathLike, test: np.ndarray) -> int:
  """How many test images [N, H, W, C] a generator was trained on.

  Converted generators, and those of earlier versions, do not know: 0.

  Raises:
    FileNotFoundError, ValueError: `path` is missing or corrupt.
  """
  text = files.load_npz(path)[1].get('training_images', '')
  with untrusted.reading(path, 'corrupt'):
    return _count(image_hash.from_text(text), test)


def _count(hashes, test):
  if not len(hashes):
    return 0
  return int(np.isin(image_hash.image_hashes(test), hashes).sum())
