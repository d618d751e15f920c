"""Finds or makes the latents of a data set.

  latents = lookup.load_latents(config, dataset, generator, params, workdir)

Latents are looked up by the hash of their images. A file that
config.encoder.path names has to fit. Without a path, latents_train.npz and
latents_test.npz in the generator's folder are tried first, then the file in
WORKDIR/latents; a file is used if it fits the images, the generator and the
options of Algorithm 1. If none fits, Algorithm 1 makes the latents and they are
written to WORKDIR/latents; what is printed says which file beside the generator
has other options. The encoder of the ideal generator is exact and needs no
file.

Contents: load_latents, misfit, check_file, made_as.
"""

from __future__ import annotations

import os
import pathlib

import jax
import ml_collections
import numpy as np

from advmix_jax import datasets, generators, types
from advmix_jax.datasets import image_hash
from advmix_jax.encoder import latents_file, pipeline
from advmix_jax.generators import ideal
from advmix_jax.runtime import files, run_folder

_BESIDE = ('latents_train.npz', 'latents_test.npz')
# Mean squared errors above this share of the images' variance are said; those
# of the digits and faces that we encoded are 0.03 to 0.12.
_BADLY = 0.2
_SOME = 1000  # Images of which the variance is taken.


def load_latents(
  config: ml_collections.ConfigDict,
  dataset: types.Dataset,
  generator: types.Generator,
  params: types.Params,
  workdir: str | os.PathLike,
) -> np.ndarray:
  """Returns the latents [N, L, D] that encode the dataset's images.

  Args:
    config: reads `generator`, `encoder` and `parallel`.
    dataset: N images.
    generator: decodes the latents.
    params: its parameters.
    workdir: run folder, where new latents are written.

  Raises:
    FileNotFoundError: no file at config.encoder.path, or one that Algorithm 1
      needs is missing.
    ValueError: that file lacks some of the images, is of another generator, or
      is corrupt; or the images have another size than the generator's.
  """
  _check_size(config, dataset, generator, params)
  if config.generator.name == 'ideal':
    return _ideal(dataset.image, generator, params)
  if config.encoder.path:
    found = latents_file.load(config.encoder.path, dataset.image)
    _check_generator(config, found.shape[1:], generator)
    return found
  name = f'{image_hash.set_name(dataset.image)}.npz'
  cache = pathlib.Path(workdir) / 'latents' / name
  wanted = pipeline.provenance(config)
  at_hand = _at_hand(config, dataset.image, wanted, cache)
  if at_hand is not None:
    path, found, error = at_hand
  else:
    setting = pipeline.load_setting(config)
    print(
      f'encoding {len(dataset.image)} images, whose latents are not here yet'
    )
    for line in _other_options(config, wanted):
      print(line)
    found, errors = pipeline.encode_to_file(setting, dataset.image, cache)
    path, error = cache, float(errors.mean())
  if words := misfit(dataset.image, error):
    print(f'warning: {path}: {words}')
  return found


def _ideal(images, generator, params):
  """The latents of the ideal generator, which draws coloured digits alone."""
  images = datasets.to_float(images)
  found = np.asarray(ideal.encode(images))
  decoded = jax.jit(generator.synthesize)(params, found[:_SOME])
  error = float(np.square(decoded - images[:_SOME]).mean())
  if words := misfit(images, error):
    print(f'warning: the ideal generator: {words}')
  return found


def misfit(images: np.ndarray, error: float) -> str:
  """Says that what latents decode to is far from their images, '' if it isn't.

  Args:
    images: [N, H, W, C], uint8 or floats in [0, 1].
    error: the mean squared error of the reconstructions.
  """
  variance = datasets.to_float(images[:_SOME]).var(axis=0).mean()
  if not error > _BADLY * variance > 0:  # 0: there is one image.
    return ''
  return (
    f'the reconstructions have a mean squared error of {error:.4f}, the images '
    f'a variance of {variance:.4f}; mixes will not look like your images. More '
    'encoder.steps or a better generator may help'
  )


def check_file(
  config: ml_collections.ConfigDict, dataset: types.Dataset
) -> None:
  """Checks all that `load_latents` can fail on, without encoding anything.

  Args:
    config: as for `load_latents`.
    dataset: N images.

  Raises:
    FileNotFoundError: no file at config.encoder.path, or one that Algorithm 1
      needs is missing.
    ValueError: that file lacks some of the images, is corrupt or of another
      generator; the generator's images have another size; or, without a path,
      what Algorithm 1 needs is corrupt or of another generator.
  """
  generator, params = generators.load(config.generator)
  _check_size(config, dataset, generator, params)
  if config.generator.name == 'ideal':
    return
  if config.encoder.path:
    shape = latents_file.check(config.encoder.path, dataset.image)
    _check_generator(config, shape, generator)
  elif _at_hand(config, dataset.image, pipeline.provenance(config)) is None:
    pipeline.load_setting(config)  # What Algorithm 1 may need.


def _check_size(config, dataset, generator, params):
  """Raises ValueError if the generator's images have another size."""
  shape = dataset.image.shape[1:]
  if config.generator.name == 'ideal':
    made = generators.image_shape(generator, params)
    if made != shape:
      raise ValueError(
        f'the generator makes images {made}, the data set has {shape}; '
        "generator.name is 'ideal', which is for coloured digits alone"
      )
    return
  generators.check_shape(
    generator,
    params,
    shape,
    why='as the data set has',
    option='--config.generator.size',
  )


def _check_generator(config, shape, generator):
  """Raises ValueError unless the named file's latents are the generator's.

  Latents of one shape may still be of another generator: the file says of
  which, if it has provenance.
  """
  path = config.encoder.path
  layers = (generator.num_layers, generator.dlatent_size)
  if shape != layers:
    raise ValueError(
      f'{path}: latents of shape {shape}, expected {layers} for this generator'
    )
  source = generators.path(config.generator)
  known = latents_file.load_metadata(path).get('generator')
  wanted = files.file_hash(source)
  if known not in (None, wanted):
    raise ValueError(
      f'{path}: latents of another generator, SHA-256 {str(known)[:12]}, '
      f'expected {wanted[:12]}, that of {source}'
    )


def _beside(config):
  """Where the latents of a generator usually are."""
  path = generators.path(config.generator)
  return [path.with_name(name) for name in _BESIDE]


def _at_hand(config, images, wanted, *further):
  """Latents of these images that were made as wanted; None if there are none.

  Returns:
    (path, latents, error) of the file beside the generator, or of a further
    one. The error is the mean squared one that the file notes; 0: none.
  """
  for path in (*_beside(config), *further):
    if (found := made_as(path, images, wanted)) is not None:
      return path, *found
  return None


def made_as(
  path: str | os.PathLike, images: np.ndarray, wanted: dict[str, object]
) -> tuple[np.ndarray, float] | None:
  """The latents [N, L, D] and the error in a file; None if it does not fit.

  Args:
    path: of the file.
    images: [N, H, W, C] whose latents it should have.
    wanted: the provenance that it should have, `pipeline.provenance`.
  """
  try:
    metadata = latents_file.load_metadata(path)
    if _differences(metadata, wanted):
      return None
    error = metadata.get('mean_squared_error')
    found = latents_file.load(path, images)
  except (FileNotFoundError, ValueError):
    return None
  return found, error if isinstance(error, float) else 0.0


def _differences(metadata, wanted):
  """{field: what the file has} of all that it has not as wanted."""
  # The last three may be on one side only.
  names = {*wanted, 'split', 'size', 'dtype'}
  ours, theirs = (
    run_folder.flat({name: side.get(name) for name in names})
    for side in (wanted, metadata)
  )
  return {
    name: theirs.get(name)
    for name in sorted({*ours, *theirs})
    if theirs.get(name) != ours.get(name)
  }


def _other_options(config, wanted):
  """Says of each file beside the generator how its latents were made."""
  for path in _beside(config):
    try:
      others = _differences(latents_file.load_metadata(path), wanted)
    except (FileNotFoundError, ValueError):
      continue
    if others and 'generator' not in others:
      options = ', '.join(
        f'{name}={str(value)[:12]}' for name, value in others.items()
      )
      yield f'{path} was made with {options}'
