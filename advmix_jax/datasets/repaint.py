"""The same images in any style: data sets whose real change is known.

The colour of a coloured digit is the change that methods should be robust to,
and it can be made exactly, without a generator:

  data = datasets.load_repaintable(config.data, 'test', count=500)
  red = data.paint_fn(np.array([1.0, 0.0, 0.0]))  # [500, 32, 32, 3] uint8

Contents: REPAINTABLE, Repaintable, load_repaintable.
"""

from collections.abc import Callable
from typing import NamedTuple

import ml_collections
import numpy as np

from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import NUM_CLASSES

REPAINTABLE = colored_mnist.NAMES  # Names of the data sets that can be.


class Repaintable(NamedTuple):
  """N images that can be painted in any style."""

  # style [F] -> [N, H, W, C] uint8, all images in this style
  paint_fn: Callable[[np.ndarray], np.ndarray]
  label: np.ndarray  # [N] int32
  num_classes: int  # K
  means: np.ndarray  # [S, F], the styles of the data set itself


def load_repaintable(
  config: ml_collections.ConfigDict, split: str, *, count: int = 0
) -> Repaintable:
  """Returns the first images that `datasets.load` returns, to be painted anew.

  A style is a colour, [3] in [0, 1]. At sigma = 0, the image of `load` is the
  one that is painted in the mean colour that the digit drew, to the bit.

  Args:
    config: `config.data`, of a data set in REPAINTABLE.
    split: 'train' or 'test'.
    count: how many images, the first ones; 0: all.

  Raises:
    ValueError: the data set isn't in REPAINTABLE, or a bad option.
    FileNotFoundError: the files of the source are not there.
  """
  means = colored_mnist.mean_colors(config.name)
  ink = colored_mnist.load_ink(config, split)
  image = ink.image[: count or None]

  def paint(color: np.ndarray) -> np.ndarray:
    colors = np.broadcast_to(np.float32(color), (len(image), 3))
    return colored_mnist.paint(image, colors)

  return Repaintable(paint, ink.label[: count or None], NUM_CLASSES, means)
