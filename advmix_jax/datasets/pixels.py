"""Images as 8-bit numbers on the host, and as floats in a batch.

A data set in 8 bits takes a quarter of the memory. `to_float(to_uint8(x))` is x
to the bit where x is a multiple of 1/255, and within half a step elsewhere.

Contents: to_uint8, to_float.
"""

import numpy as np


def to_uint8(images: np.ndarray) -> np.ndarray:
  """Rounds floats in [0, 1] to 0..255; uint8 images stay as they are.

  Halfway values, which a colour of 0.5 makes often, go down on every machine:
  the bias is larger than rounding errors of float32.
  """
  images = np.asarray(images)
  if images.dtype == np.uint8:
    return images
  return np.floor(255 * images + np.float32(0.49)).astype(np.uint8)


def to_float(images: np.ndarray) -> np.ndarray:
  """uint8 0..255 to float32 in [0, 1]; floats become float32 unscaled."""
  images = np.asarray(images)
  if images.dtype != np.uint8:
    return images.astype(np.float32, copy=False)
  return images.astype(np.float32) / np.float32(255)
