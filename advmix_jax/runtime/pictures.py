"""Image grids and PNG files.

  cells = pictures.to_uint8(images)  # [rows, columns, H, W, C]
  pictures.write_png('grid.png', pictures.grid(cells))

Contents: to_uint8, grid, write_png.
"""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from advmix_jax.runtime import files


def to_uint8(images: np.ndarray) -> np.ndarray:
  """Converts images in [0, 1] to uint8, rounded as in the official StyleGAN.

  Args:
    images: Any shape. Values outside [0, 1] are clipped; uint8 is unchanged.
  """
  images = np.asarray(images)
  if images.dtype == np.uint8:
    return images
  return np.clip(np.floor(images * 255 + 0.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray) -> np.ndarray:
  """Tiles images into one picture, without gaps.

  Args:
    images: [rows, columns, H, W, C] uint8.

  Returns:
    [rows * H, columns * W, C] uint8.

  Raises:
    ValueError: The number of axes is not 5, or the type is not uint8.
  """
  if images.ndim != 5 or images.dtype != np.uint8:
    raise ValueError(
      f'grid got {images.dtype} {images.shape}, expected uint8 '
      '[rows, columns, H, W, C]'
    )
  rows, columns, h, w, c = images.shape
  return images.transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)


def write_png(
  path: str | os.PathLike, image: np.ndarray, *, scale: int = 1
) -> None:
  """Writes one picture, atomically.

  Args:
    path: The file; replaced if it exists.
    image: [H, W, C] uint8, with one channel (grey) or three.
    scale: Each pixel becomes scale x scale pixels.
  """
  image = image.repeat(scale, axis=0).repeat(scale, axis=1)
  picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
  files.write_atomically(path, lambda f: picture.save(f, 'png'))
