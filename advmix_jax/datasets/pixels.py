"""Images as 8-bit numbers on the host, and as floats in a batch.

A data set in 8 bits takes a quarter of the memory. `to_float(to_uint8(x))` is x
to the bit where x is a multiple of 1/255, and within half a step elsewhere.

`check` recognises the faults that others' images have most: floats up to 255,
channels first.

Contents: check, to_uint8, to_float.
"""

import numpy as np

_CHANNELS = (1, 3)
_MOST_CHANNELS = 4
_ROUNDING = 1e-5  # How far outside [0, 1] floats may be.


def check(images: np.ndarray) -> np.ndarray:
  """Returns images [N, H, W, C], uint8 or floats in [0, 1], as NumPy.

  Raises:
    ValueError: They have another shape, type or range, or there are none.
  """
  images = np.asarray(images)
  expected = 'expected [N, H, W, C]'
  if images.ndim == 3:
    raise ValueError(
      f'images have shape {images.shape}, {expected}; grey ones are '
      'images[..., None]'
    )
  if images.ndim != 4 or not images.size:
    raise ValueError(f'images have shape {images.shape}, {expected}, N > 0')
  if images.shape[1] in _CHANNELS and images.shape[3] > _MOST_CHANNELS:
    raise ValueError(
      f'images have shape {images.shape}, channels first, {expected}: '
      'images.transpose(0, 2, 3, 1)'
    )
  if images.dtype != np.uint8:
    _check_range(images)
  return images


def _check_range(images):
  """Raises ValueError unless these are floats in [0, 1]."""
  if images.dtype.kind != 'f':
    raise ValueError(
      f'images are {images.dtype}, expected uint8, or floats in [0, 1]'
    )
  if not np.isfinite(images).all():
    raise ValueError('images have numbers that are not finite')
  low, high = float(images.min()), float(images.max())
  if low >= -_ROUNDING and high <= 1 + _ROUNDING:
    return
  hint = 'undo their normalisation'
  if low >= 0 and high <= 255:
    hint = 'floats up to 255: divide them by 255'
  elif low >= -1 and high <= 1:
    hint = 'from -1 to 1: (images + 1) / 2'
  raise ValueError(
    f'images are in [{low:.4g}, {high:.4g}], expected [0, 1]; {hint}'
  )


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
