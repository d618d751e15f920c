"""Grids of images as one picture, and PNG files.

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
  """Images in [0, 1] as 8-bit numbers, rounded as the official StyleGAN does.

  Args:
    images: Any shape; values outside [0, 1] are clipped, uint8 stays as it is.
  """
  images = np.asarray(images)
  if images.dtype == np.uint8:
    return images
  return np.clip(np.floor(images * 255 + 0.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray) -> np.ndarray:
  """Tiles images without gaps.

  Args:
    images: [rows, columns, H, W, C] uint8.

  Returns:
    [rows * H, columns * W, C] uint8.

  Raises:
    ValueError: another number of axes, or numbers that aren't uint8.
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
    path: The file; replaced where it exists.
    image: [H, W, C] uint8, of one channel (grey) or three.
    scale: How often each pixel is repeated in both directions.
  """
  image = image.repeat(scale, axis=0).repeat(scale, axis=1)
  picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
  files.write_atomically(path, lambda f: picture.save(f, 'png'))
