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
  """Which generator, `config.generator`.

  Returns:
    name: one of NAMES. path: of a StyleGAN, '' = the shipped one. colors: what
    the ideal generator draws, 'legible' (any legible colour), or the mean
    colours of 'colored_mnist' or 'rgb_mnist'. color_shares: the probability of
    each mean colour, () = all equal; Table 2 has (0.999, 0.0005, 0.0005).
  """
  return ml_collections.ConfigDict(
    {'name': 'stylegan', 'path': '', 'colors': 'legible', 'color_shares': ()}
  )


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
    config: the fields of `default_config`; 'stylegan' reads `path`, 'ideal'
      the others.

  Raises:
    ValueError: Unknown name, or a corrupt or foreign file.
    FileNotFoundError: No file at `path`.
  """
  if config.name not in NAMES:
    raise ValueError(
      f'generator.name is {config.name!r}, expected one of {NAMES}'
    )
  if config.name == 'ideal':
    return ideal.default_generator(config.colors, config.color_shares)
  generator, params = stylegan.load(path(config))
  return stylegan.clipped(generator), params
