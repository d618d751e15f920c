"""The latents of a data set: shipped, made before, or made now.

  latents = lookup.load_latents(config, dataset, generator, params, workdir)

Latents are looked up by the hash of their images. The file at
config.encoder.path has to fit. Without a path, the shipped files are taken if
they fit the images, the generator and the options of Algorithm 1, otherwise
those in WORKDIR/latents; otherwise Algorithm 1 makes them, and WORKDIR/latents
keeps them. The ideal generator's encoder is exact.

Contents: load_latents.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

import ml_collections
import numpy as np

from advmix_jax import datasets, types
from advmix_jax.datasets import image_hash
from advmix_jax.encoder import latents_file, pipeline
from advmix_jax.generators import ideal
from advmix_jax.runtime import shipped

_SHIPPED = ('latents_train.npz', 'latents_test.npz')


def load_latents(
  config: ml_collections.ConfigDict,
  dataset: types.Dataset,
  generator: types.Generator,
  params: types.Params,
  workdir: str | os.PathLike,
) -> np.ndarray:
  """Returns the latents [N, L, D] that encode the dataset's images.

  Args:
    config: Reads `generator` and `encoder`.
    dataset: N images.
    generator: What decodes the latents.
    params: Its parameters.
    workdir: Where latents made here are kept.

  Raises:
    FileNotFoundError: No file at config.encoder.path.
    ValueError: That file doesn't know some of the images, or doesn't fit the
      generator, or is corrupt.
  """
  if config.generator.name == 'ideal':
    return np.asarray(ideal.encode(datasets.to_float(dataset.image)))
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
  for path in (*(shipped.DATA / name for name in _SHIPPED), cache):
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
