"""Loads the generator that a config names.

  generator, params = generators.load(config.generator)

Contents: NAMES, default_config, path, load.
"""

from __future__ import annotations

import pathlib

import ml_collections

from advmix_jax import types
from advmix_jax.generators import ideal, stylegan
from advmix_jax.runtime import shipped

NAMES = ('stylegan', 'ideal')


def default_config() -> ml_collections.ConfigDict:
  """Which generator: name, one of NAMES; path of a StyleGAN, '' = shipped."""
  return ml_collections.ConfigDict({'name': 'stylegan', 'path': ''})


def path(config: ml_collections.ConfigDict) -> pathlib.Path:
  """File of the StyleGAN that `config.path` names; '' is the shipped one."""
  return pathlib.Path(config.path or shipped.DATA / 'generator.npz')


def load(
  config: ml_collections.ConfigDict,
) -> tuple[types.Generator, types.Params]:
  """Returns the generator that `config` names, and its parameters.

  The images of a StyleGAN are clipped to [0, 1] here, so that all mixes stay in
  the range of real images.

  Args:
    config: `name`, one of NAMES, and for 'stylegan' the `path` of its file, ''
      for the shipped one.

  Raises:
    ValueError: Unknown name, or a corrupt or foreign file.
    FileNotFoundError: No file at `path`.
  """
  if config.name not in NAMES:
    raise ValueError(
      f'generator.name is {config.name!r}, expected one of {NAMES}'
    )
  if config.name == 'ideal':
    return ideal.default_generator()
  generator, params = stylegan.load(path(config))
  return stylegan.clipped(generator), params
