"""Generators, which decode latents to images, and their training.

  generator, params = generators.load(config.generator)

stylegan: StyleGAN v1 (its Haiku modules are in stylegan_modules). ideal: an
exact generator whose worst case is known. mixing: z_∥ and z_⊥. memory: the same
generator in less memory. gan: the losses and one training step; gan_training:
the training loop.

Public here: NAMES, check_named, check_shape, claim, default_config,
image_shape, load, load_stylegan, path, resized, stylegan_config.
"""

from advmix_jax.generators.load import (
  NAMES,
  check_named,
  check_shape,
  claim,
  default_config,
  image_shape,
  load,
  load_stylegan,
  path,
  resized,
  stylegan_config,
)

__all__ = [
  'NAMES',
  'check_named',
  'check_shape',
  'claim',
  'default_config',
  'image_shape',
  'load',
  'load_stylegan',
  'path',
  'resized',
  'stylegan_config',
]
