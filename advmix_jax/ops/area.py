"""Area resizing: every new pixel is the mean of what it covers.

  small = area.resize(images, area.Box(38, 11, 194, 167), 64)  # [N, 64, 64, C]

Exact for any box and ratio, where a pixel is covered in part too. NumPy arrays
stay NumPy arrays, so that data sets need no compilation; under jax.jit it takes
traced images.

Contents: Box, weights, resize.
"""

from typing import NamedTuple

import jax
import numpy as np


class Box(NamedTuple):
  """A rectangle in pixels, with fractions: row 0.5 is the middle of row 0."""

  top: float
  left: float
  bottom: float
  right: float


def weights(length: int, start: float, stop: float, size: int) -> np.ndarray:
  """The matrix [size, length] that averages `start`..`stop` to `size` pixels.

  Args:
    length: pixels of the axis.
    start, stop: the part that is kept, 0 <= start < stop <= length.
    size: pixels of the result.

  Returns:
    float32; each row sums to 1.

  Raises:
    ValueError: the part is empty, or outside the axis.
  """
  if not 0 <= start < stop <= length:
    raise ValueError(
      f'part {start:g} to {stop:g} of an axis of {length} pixels, expected '
      f'0 <= start < stop <= {length}'
    )
  edges = np.linspace(start, stop, size + 1)
  low = np.maximum(edges[:-1, None], np.arange(length))
  high = np.minimum(edges[1:, None], np.arange(length) + 1)
  covered = np.maximum(high - low, 0)
  return (covered / covered.sum(1, keepdims=True)).astype(np.float32)


def resize(
  images: np.ndarray | jax.Array, box: Box, size: int
) -> np.ndarray | jax.Array:
  """Cuts out a box and resizes it to size x size pixels.

  Args:
    images: [..., H, W, C], floats of any range.
    box: the part that is kept, inside the images.
    size: height and width of the result.

  Returns:
    [..., size, size, C], floats.

  Raises:
    ValueError: the box is empty, or not inside the images.
  """
  h, w, _ = images.shape[-3:]
  images = _average(images, weights(h, box.top, box.bottom, size), -3)
  return _average(images, weights(w, box.left, box.right, size), -2)


def _average(images, matrix, axis):
  """Multiplies an axis by a matrix [size, length] of few numbers a row.

  A sum over those few: a matrix product in many threads at once, one for each
  image of a data set, takes ten times as long.
  """
  width = int((matrix > 0).sum(1).max())
  first = np.minimum((matrix > 0).argmax(1), matrix.shape[1] - width)
  rows = np.arange(len(matrix))
  shape = [1] * images.ndim
  shape[axis] = len(matrix)
  total = 0.0
  for i in range(width):
    weight = matrix[rows, first + i].reshape(shape)
    total = total + weight * images.take(first + i, axis)
  return total
