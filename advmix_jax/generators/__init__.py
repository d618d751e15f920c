"""Generators: what decodes latents to images, and how they are trained.

  generator, params = generators.load(config.generator)

stylegan: StyleGAN v1 (its modules are in stylegan_modules). ideal: exact
generators with a known worst case. mixing: z_∥ and z_⊥. gan: losses and one
step of training; gan_training: the loop around it.

Public here: NAMES, default_config, load, path.
"""

from advmix_jax.generators.load import NAMES, default_config, load, path

__all__ = ['NAMES', 'default_config', 'load', 'path']
