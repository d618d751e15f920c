"""Generators, which decode latents to images, and their training.

  generator, params = generators.load(config.generator)

stylegan: StyleGAN v1 (its Haiku modules are in stylegan_modules). ideal: an
exact generator whose worst case is known. mixing: z_∥ and z_⊥. gan: the losses
and one training step; gan_training: the training loop.

Public here: NAMES, default_config, image_shape, load, load_stylegan, path,
resized.
"""

from advmix_jax.generators.load import (
  NAMES,
  default_config,
  image_shape,
  load,
  load_stylegan,
  path,
  resized,
)

__all__ = [
  'NAMES',
  'default_config',
  'image_shape',
  'load',
  'load_stylegan',
  'path',
  'resized',
]
