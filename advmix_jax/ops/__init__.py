"""Fast array primitives: convolutions, resampling, norms.

A function with a fast algorithm of its own has a slow twin, `<name>_reference`;
tests compare the two. Import the norms from `ops.norms`.
"""

from advmix_jax.ops.conv import (
  conv2d,
  conv2d_downscale,
  conv2d_downscale_reference,
  upscale_conv2d,
  upscale_conv2d_reference,
)
from advmix_jax.ops.pointwise import clip_towards, clip_unit, leaky_relu
from advmix_jax.ops.resample import (
  blur2d,
  downscale2d,
  max_pool2d,
  max_pool2d_reference,
  upscale2d,
)
from advmix_jax.ops.winograd import winograd_conv2d

__all__ = [
  'blur2d',
  'clip_towards',
  'clip_unit',
  'conv2d',
  'conv2d_downscale',
  'conv2d_downscale_reference',
  'downscale2d',
  'leaky_relu',
  'max_pool2d',
  'max_pool2d_reference',
  'upscale2d',
  'upscale_conv2d',
  'upscale_conv2d_reference',
  'winograd_conv2d',
]
