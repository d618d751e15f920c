"""What a run reads before it starts: its generator and its images' latents.

  generator, params = load_generator(config.generator)
  latents = load_latents(config, dataset, generator, params, workdir)

Files that ship with the project are in advmix_jax/data. Latents are looked up
by the hash of their images: those at config.encoder.path must fit; without a
path, the shipped ones are taken if they fit the images, the generator and the
options of Algorithm 1, else those in WORKDIR/latents, else Algorithm 1 makes
them and WORKDIR/latents keeps them. The ideal generator's encoder is exact.

Contents: load_generator, load_latents.
"""

from __future__ import annotations

import functools
import os
import pathlib
from typing import Any

import ml_collections
import numpy as np

from advmix_jax import types
from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.datasets import image_hash
from advmix_jax.encoder import latents_file, pipeline
from advmix_jax.generators import ideal, stylegan

GENERATORS = ('stylegan', 'ideal')
_SHIPPED = ('latents_train.npz', 'latents_test.npz')


def load_generator(
  config: ml_collections.ConfigDict,
) -> tuple[types.Generator, types.Params]:
  """Returns the generator that `config` names, and its parameters.

  A StyleGAN's images are clipped to [0, 1] here, so that no mix leaves the
  range of real images. The ideal generator draws its colours uniformly from
  all legible ones.

  Args:
    config: `name`, one of GENERATORS, and for 'stylegan' the `path` of a
      release, '' being the shipped one.

  Raises:
    ValueError: Unknown name, or a corrupt or foreign file.
    FileNotFoundError: No file at `path`.
  """
  if config.name not in GENERATORS:
    raise ValueError(
      f'generator.name is {config.name!r}, expected one of {GENERATORS}'
    )
  if config.name == 'ideal':
    return _ideal()
  generator, params = stylegan.load(pipeline.generator_path(config))
  return stylegan.clipped(generator), params


@functools.cache  # The same functions are compiled once.
def _ideal():
  digits = datasets.load_digits('embedded', 'train', limit=10)
  bank = datasets.colored_mnist(digits, sigma=0.0, seed=0, biased=True)
  generator = ideal.make_generator(bank.image)
  return generator, generator.init(None)


def load_latents(
  config: ml_collections.ConfigDict,
  dataset: datasets.Dataset,
  generator: types.Generator,
  params: types.Params,
  workdir: str | os.PathLike,
) -> np.ndarray:
  """Returns the latents [N, L, D] that encode the dataset's images.

  Args:
    config: Reads `generator` and `encoder`.
    dataset: Images [N, H, W, C] in [0, 1].
    generator: What decodes the latents.
    params: Its parameters.
    workdir: Where latents made here are kept.

  Raises:
    FileNotFoundError: No file at config.encoder.path.
    ValueError: That file doesn't know some of the images, or doesn't fit the
      generator, or is corrupt.
  """
  if config.generator.name == 'ideal':
    return np.asarray(ideal.encode(dataset.image))
  layers = (generator.num_layers, generator.dlatent_size)
  if config.encoder.path:
    found = latents_file.load(config.encoder.path, dataset.image)
    if found.shape[1:] != layers:
      raise ValueError(
        f'{config.encoder.path}: latents of shape {found.shape[1:]}, expected '
        f'{layers} for this generator'
      )
    return found
  wanted = pipeline.provenance(config)
  name = f'{image_hash.set_name(dataset.image)}.npz'
  cache = pathlib.Path(workdir) / 'latents' / name
  for path in (*(pipeline.DATA / name for name in _SHIPPED), cache):
    found = _lookup(path, dataset.image, wanted)
    if found is not None:
      return found
  setting = pipeline.load_setting(config)
  print(f'encoding {len(dataset.image)} images, whose latents are not here yet')
  return pipeline.encode_to_file(setting, dataset.image, cache)[0]


def _lookup(
  path: pathlib.Path, images: np.ndarray, wanted: dict[str, Any]
) -> np.ndarray | None:
  """Latents from a file; None where there is none or it doesn't fit."""
  try:
    metadata = latents_file.load_metadata(path)
    if any(metadata.get(name) != value for name, value in wanted.items()):
      return None
    return latents_file.load(path, images)
  except (FileNotFoundError, ValueError):
    return None
