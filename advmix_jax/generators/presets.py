"""Sizes of a StyleGAN for images of which nothing else is known.

  config.network.update(presets.network('auto', resolution=64, images=5000))

'small' has few channels: for a CPU, or for few images, which a large
discriminator would learn by heart. 'large' has the widths of the official
network up to 8x8, 64 maps at 64x64. 'auto' is 'large' from LARGE_FROM images
on, if JAX has found an accelerator. These sizes are ours; no paper has them.

Contents: PRESETS, LARGE_FROM, network.
"""

from typing import Any

PRESETS = ('', 'auto', 'small', 'large')
LARGE_FROM = 20_000  # Training images, without their mirror images.
# Widest layer, channels times pixels per side, z, w, mapping layers.
_SMALL = (128, 1024, 128, 64, 4)
_LARGE = (512, 4096, 512, 512, 8)
_LEAST = 8  # Channels.


def network(
  preset: str,
  *,
  resolution: int,
  images: int,
  accelerator: bool = False,
  grey: bool = False,
) -> dict[str, Any]:
  """The fields of `stylegan.default_config` that a preset decides.

  Args:
    preset: one of PRESETS; '' decides nothing.
    resolution: height and width of the images, a power of two from 32 on.
    images: how many training images there are, without their mirror images.
    accelerator: whether there is a GPU or TPU.
    grey: whether no image has a colour; the generator then draws none.

  Returns:
    resolution, grey, fmaps, latent_size, dlatent_size, mapping_fmaps,
    mapping_layers, and split: the last two resolutions are fine, until probe.py
    says better.

  Raises:
    ValueError: unknown preset, or a resolution that no StyleGAN has.
  """
  if preset not in PRESETS:
    raise ValueError(f'preset is {preset!r}, expected one of {PRESETS}')
  if not preset:
    return {}
  if resolution < 32 or resolution & (resolution - 1):
    raise ValueError(
      f'images are {resolution} pixels wide, expected a power of two from 32 '
      'on; --config.data.resolution=64 resizes them'
    )
  large = preset == 'large' or (
    preset == 'auto' and accelerator and images >= LARGE_FROM
  )
  widest, product, z, w, depth = _LARGE if large else _SMALL
  sizes = [2**n for n in range(2, resolution.bit_length())]
  return {
    'resolution': resolution,
    'grey': grey,
    'fmaps': tuple(max(_LEAST, min(widest, product // s)) for s in sizes),
    'latent_size': z,
    'dlatent_size': w,
    'mapping_fmaps': z,
    'mapping_layers': depth,
    'split': 2 * len(sizes) - 4,
  }
