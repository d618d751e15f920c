"""Loads the generator that a config names.

  generator, params = generators.load(config.generator)

Contents: NAMES, default_config, stylegan_config, path, check_named, claim,
load, load_stylegan, resized, image_shape, check_shape.
"""

from __future__ import annotations

import functools
import os
import pathlib

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import datasets, types
from advmix_jax.generators import ideal, memory, stylegan
from advmix_jax.ops import area
from advmix_jax.runtime import run_folder, shipped

NAMES = ('stylegan', 'ideal')


def default_config() -> ml_collections.ConfigDict:
  """Which generator, `config.generator`.

  Returns:
    name: one of NAMES. path: of a StyleGAN, '' = the shipped one. split: S, its
    number of coarse layers, as experiments/probe.py recommends; 0 = the file's.
    size: height and width to which its images are resized by area, for a
    generator of larger images than the data set; 0 = as they are. microbatch:
    images that its functions take at a time, 0 = all; remat: whether gradients
    compute style layers again; dtype: of the synthesis, 'float32' or
    'bfloat16'; these three save memory, see generators/memory.py. colors: what
    the ideal generator draws, 'legible' (any legible colour), or the mean
    colours of 'colored_mnist' or 'rgb_mnist'. color_shares: the probability of
    each mean colour, () = all equal; Table 2 has (0.999, 0.0005, 0.0005).
  """
  return ml_collections.ConfigDict(
    {
      'name': 'stylegan',
      'path': '',
      'split': 0,
      'size': 0,
      'microbatch': 0,
      'remat': False,
      'dtype': 'float32',
      'colors': 'legible',
      'color_shares': (),
    }
  )


def stylegan_config() -> ml_collections.ConfigDict:
  """The fields of `default_config` that a StyleGAN reads."""
  config = default_config()
  for name in ('name', 'colors', 'color_shares'):
    del config[name]
  return config


def path(config: ml_collections.ConfigDict) -> pathlib.Path:
  """File of the StyleGAN that `config.path` names; '' is the shipped one."""
  return pathlib.Path(config.path or shipped.DATA / 'generator.npz')


def check_named(
  config: ml_collections.ConfigDict,
  data_name: str,
  option: str = '--config.generator.path',
) -> None:
  """Raises ValueError where other images would get the generator of digits.

  Args:
    config: the fields of `default_config`.
    data_name: of the data set.
    option: what names a generator, for the error.
  """
  shipped_one = config.name == 'stylegan' and not config.path
  if shipped_one and data_name not in datasets.REPAINTABLE:
    raise ValueError(
      f'{option} is missing: images of {data_name!r} need a generator of such '
      'images, from train_stylegan.py; the one that ships draws digits'
    )


def claim(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  *,
  note: bool = True,
) -> None:
  """Notes in WORKDIR which file the StyleGAN is of.

  Args:
    config: the fields of `default_config`.
    workdir: the run's folder.
    note: whether to note it where nothing is noted yet; else it is checked.

  Raises:
    ValueError: The run in WORKDIR began with another file of the same path.
  """
  if config.name == 'stylegan':
    run_folder.claim_file(workdir, 'generator', path(config), note=note)


def load(
  config: ml_collections.ConfigDict,
) -> tuple[types.Generator, types.Params]:
  """Returns the generator that `config` names, and its parameters.

  The images of a StyleGAN are clipped to [0, 1] here, so that all mixes stay in
  the range of real images.

  Args:
    config: the fields of `default_config`; 'ideal' reads `colors` and
      `color_shares`, 'stylegan' the others.

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
  generator, params = load_stylegan(config)
  return stylegan.clipped(generator), params


def load_stylegan(
  config: ml_collections.ConfigDict,
) -> tuple[types.Generator, types.Params]:
  """The StyleGAN of `config`, with its split and size; images aren't clipped.

  Args:
    config: the fields of `default_config`; reads all but the ideal one's.

  Raises:
    ValueError, FileNotFoundError: as `load`; bad split, size, microbatch or
      dtype.
  """
  generator, params = stylegan.load(path(config), split=config.split)
  if config.size < 0:
    raise ValueError(f'generator.size is {config.size}, expected >= 0')
  if config.size:
    generator = resized(generator, config.size)
  plan = {name: config[name] for name in ('microbatch', 'remat', 'dtype')}
  return memory.planned(generator, **plan), params


@functools.lru_cache(maxsize=8)  # Always the same functions: compiled once.
def resized(generator: types.Generator, size: int) -> types.Generator:
  """The generator with its images resized by area to size x size pixels.

  Its latents stay as they are, so the same latents give the image in both
  sizes: an official generator of 1024x1024 serves a classifier of 64x64.
  """

  def resize(images):
    h, w = images.shape[1:3]
    return area.resize(images, area.Box(0, 0, h, w), size)

  return generator._replace(
    synthesize=lambda *a, **k: resize(generator.synthesize(*a, **k)),
    fine=lambda *a: resize(generator.fine(*a)),
  )


def image_shape(
  generator: types.Generator, params: types.Params
) -> tuple[int, ...]:
  """(H, W, C) of the images that a generator makes; computes none."""
  shape = (1, generator.num_layers, generator.dlatent_size)
  latents = jax.ShapeDtypeStruct(shape, jnp.float32)
  return jax.eval_shape(generator.synthesize, params, latents).shape[1:]


def check_shape(
  generator: types.Generator,
  params: types.Params,
  shape: tuple[int, ...],
  *,
  why: str,
  option: str,
) -> None:
  """Checks the size of a generator's images, and that it is grown.

  Computes none of them.

  Args:
    generator: any generator.
    params: its parameters.
    shape: (H, W, C) that its images need.
    why: it is expected, for the error: 'as the data set has'.
    option: what resizes its images, for the error: '--size'.

  Raises:
    ValueError: its images have another shape, or it still grows.
  """
  made = image_shape(generator, params)
  if made != shape:
    raise ValueError(
      f'the generator makes images {made}, expected {shape}, {why}; '
      f'{option}={shape[0]} resizes them, or name another generator'
    )
  _check_grown(generator, params)


def _check_grown(generator, params):
  """Raises ValueError for a network that still grows; computes nothing."""

  def mixed(params, w):
    x = generator.coarse(params, w[:, : generator.split])
    return generator.fine(params, x, w[:, generator.split :])

  shape = (1, generator.num_layers, generator.dlatent_size)
  jax.eval_shape(mixed, params, jax.ShapeDtypeStruct(shape, jnp.float32))
