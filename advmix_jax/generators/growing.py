"""Progressive growing: what both players see as a network grows (Karras 2018).

Contents: level_at, at_level.
"""

import jax
import ml_collections
import numpy as np

from advmix_jax import ops


def level_at(
  config: ml_collections.ConfigDict, resolution: int, kimg: float
) -> tuple[int, float]:
  """Progressive growing: (level, blend) after `kimg` thousand images.

  lod = level + blend falls from log2(resolution / start_resolution) to 0. Each
  level is stable for `phase_kimg`, then the next one fades in over
  `phase_kimg`.

  Args:
    config: `config.gan`; reads start_resolution and phase_kimg.
    resolution: Pixels on a side of the full images, a power of two.
    kimg: Thousands of real images so far.

  Raises:
    ValueError: start_resolution is no size that the network has.
  """
  start = config.start_resolution or resolution
  sizes = tuple(2**n for n in range(2, resolution.bit_length()))
  if start not in sizes:
    raise ValueError(
      f'gan.start_resolution is {start}, expected 0 (no growing) or one of '
      f'{sizes}'
    )
  lod = float(resolution.bit_length() - start.bit_length())
  phase, rest = divmod(kimg, 2 * config.phase_kimg)
  lod -= phase + max(0.0, rest / config.phase_kimg - 1)
  lod = max(lod, 0.0)
  return int(lod), lod - int(lod)


def at_level(images: np.ndarray, level: int, blend: float) -> jax.Array:
  """Averages real images [B, H, W, C] down to the detail that a lod shows."""
  if level:
    images = ops.upscale2d(ops.downscale2d(images, 2**level), 2**level)
  if blend:
    coarser = 2 ** (level + 1)
    smooth = ops.upscale2d(ops.downscale2d(images, coarser), coarser)
    images = images + (smooth - images) * blend
  return images
