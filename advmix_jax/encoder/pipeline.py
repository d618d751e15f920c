"""Encodes a set of images to a file of latents, as a config describes.

  setting = pipeline.load_setting(config)
  w, errors = pipeline.encode_to_file(setting, images, 'latents.npz')
  curves = pipeline.compare_starts(setting, images[:100])

A setting holds what `algorithm1.encode` needs: the generator of
`config.generator.path` ('' = the shipped one), the learned start in the same
folder, and the perceptual network of `config.encoder.features` ('' = the VGG-16
that ships). The hashes of these files and the options are written to the file
of latents as provenance: they tell whether a config would make the same latents
today.

Contents: Setting, provenance, changed, start_name, average_config, config_for,
load_setting, encode_to_file, encode, compare_starts.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from advmix_jax import generators, types
from advmix_jax.datasets import pixels
from advmix_jax.encoder import (
  algorithm1,
  latents_file,
  learned_start,
  perceptual,
  shards,
)
from advmix_jax.generators import stylegan
from advmix_jax.runtime import files, hosts, locks

_SAYS, _USUAL = 'generator', 'encoder.npz'


class Setting(NamedTuple):
  """What Algorithm 1 needs in addition to images."""

  generator: types.Generator  # clipped by ops.clip_towards
  params: types.Params
  features_fn: algorithm1.FeaturesFn
  start_fn: algorithm1.StartFn | None  # None: the average latents
  config: ml_collections.ConfigDict  # of algorithm1.default_config
  provenance: dict[str, Any]
  parallel: str = 'pmap'  # How several devices share a batch; see parallel.py.


def provenance(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """All that latents depend on besides the images: options and file hashes.

  Args:
    config: reads `generator` and `encoder`.

  Returns:
    'encoder', the options; 'generator', 'features' and 'start', the SHA-256 of
    the files ('start' is None without a learned start); 'split', 'size' and
    'dtype' of the generator, where they aren't the file's own.

  Raises:
    FileNotFoundError, ValueError: a file is missing; the generator is corrupt.
  """
  options, path = config.encoder.to_dict(), generators.path(config.generator)
  for name in ('path', 'features'):  # Files; their hashes tell more.
    del options[name]
  start = None
  if config.encoder.start == 'network':
    start = files.file_hash(_checked_start(config))
  return {
    'encoder': options,
    'generator': files.file_hash(path),
    'features': files.file_hash(perceptual.path(config.encoder.features)),
    'start': start,
    **changed(config.generator),
  }


def changed(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """{name: value} of split, size and dtype, where the file has another one.

  Args:
    config: the section `generator`.

  Raises:
    FileNotFoundError, ValueError: the file is missing or corrupt.
  """
  usual = generators.default_config()
  names = ('split', 'size', 'dtype')
  fields = {n: config[n] for n in names if config[n] != usual[n]}
  if {'split', 'size'} & set(fields):
    generator, params = stylegan.load(generators.path(config))
    own = {'split': generator.split}
    own['size'] = generators.image_shape(generator, params)[0]
    fields = {n: v for n, v in fields.items() if v != own.get(n)}
  return fields


def start_name(generator: str | os.PathLike) -> str:
  """The name of a generator's learned start, a file in the same folder.

  That of face_generator.npz is face_encoder.npz: a folder may hold several. A
  generator whose name does not say that it is one has encoder.npz.
  """
  name = pathlib.Path(generator).name
  return name.replace('generator', 'encoder') if _SAYS in name else _USUAL


def _start_path(config):
  """The learned start: by its generator's name, or else encoder.npz."""
  generator = generators.path(config.generator)
  named = generator.with_name(start_name(generator))
  usual = generator.with_name(_USUAL)
  return usual if usual.exists() and not named.exists() else named


def _checked_start(config):
  """The path of the learned start; FileNotFoundError if there is none."""
  path = _start_path(config)
  if not path.exists():
    raise FileNotFoundError(
      f'{path}: no learned start for {generators.path(config.generator)}; '
      'train_encoder.py makes it, and encoder.start=average, '
      'encoder.start_steps=0, encoder.steps=100 need none'
    )
  return path


def average_config() -> ml_collections.ConfigDict:
  """Options without a learned start: docs/encoder.md measures these too."""
  config = algorithm1.default_config()
  config.update(start='average', start_steps=0, steps=100)
  return config


def config_for(
  path: str | os.PathLike, **fields: int
) -> ml_collections.ConfigDict:
  """A config that encodes with the generator of a file, '' = the shipped one.

  Algorithm 1 begins at the learned start beside the generator if there is one
  for it, else at the average latents, with more steps.

  Args:
    path: of the StyleGAN.
    **fields: further ones of `generators.default_config`, such as size=64.

  Returns:
    The sections `generator` and `encoder`, and `parallel`.
  """
  config = ml_collections.ConfigDict(
    {
      'generator': generators.default_config(),
      'encoder': algorithm1.default_config(),
      'parallel': 'pmap',
    }
  )
  config.generator.update(path=os.fspath(path), **fields)
  if not _has_start(config):
    config.encoder = average_config()
  return config


def _has_start(config):
  """Whether there is a learned start for this very generator and size."""
  start = _start_path(config)
  return start.exists() and learned_start.made_for(start) == (
    files.file_hash(generators.path(config.generator)),
    config.generator.size,
  )


def load_setting(config: ml_collections.ConfigDict) -> Setting:
  """Reads the networks that a config names.

  Args:
    config: reads `generator`, `encoder` and `parallel`.

  Raises:
    FileNotFoundError: a file is missing.
    ValueError: a file is corrupt or foreign, the learned start belongs to
      another generator, or the options are bad.
  """
  algorithm1.check(config.encoder)
  start_fn = None
  generator, params = generators.load_stylegan(config.generator)
  known = provenance(config)
  if config.encoder.start == 'network':
    start_fn = learned_start.load(
      _start_path(config),
      generator_hash=known['generator'],
      size=config.generator.size,
    )
  return Setting(
    generator=stylegan.clipped(generator, towards=True),
    params=params,
    features_fn=perceptual.load(config.encoder.features),
    start_fn=start_fn,
    config=config.encoder,
    provenance=known,
    parallel=config.parallel,
  )


def _arguments(setting: Setting) -> dict[str, Any]:
  return {
    'generator': setting.generator,
    'generator_params': setting.params,
    'features_fn': setting.features_fn,
    'rng': jax.random.key(0),
  }


def encode_to_file(
  setting: Setting, images: np.ndarray, path: str | os.PathLike
) -> tuple[np.ndarray, np.ndarray]:
  """Encodes images and writes their latents, keyed by the images' hashes.

  Finished batches are stored in the folder PATH.shards until the file is
  written. After a kill, the same call resumes and writes the same bytes.

  Args:
    setting: from `load_setting`.
    images: [N, H, W, 3], uint8 or floats in [0, 1].
    path: the file to write, atomically.

  Returns:
    Latents [N, L, D] as read back from the file, and errors [N]: those of the
    latents as Algorithm 1 found them, before the file rounds them to 8 bits.
  """
  folder = pathlib.Path(f'{os.fspath(path)}.shards')
  text = json.dumps(setting.provenance, sort_keys=True)
  with locks.hold(folder):
    found, errors = algorithm1.encode(
      images,
      config=setting.config,
      start_fn=setting.start_fn,
      keep=shards.make_shards(folder, setting=text),
      kind=setting.parallel,
      **_arguments(setting),
    )
    _write(setting, images, path, found, errors)
  if hosts.is_first():
    shutil.rmtree(folder, ignore_errors=True)
  return latents_file.load(path, images), errors


def _write(setting, images, path, found, errors):
  metadata = setting.provenance | {
    'num_images': len(images),
    'mean_squared_error': float(errors.mean()),
  }
  latents_file.save(path, found, images=images, metadata=metadata)


def encode(
  images: np.ndarray, config: ml_collections.ConfigDict
) -> tuple[np.ndarray, np.ndarray]:
  """Encodes images by Algorithm 1, with the generator that a config names.

  Args:
    images: [N, H, W, C], uint8 or floats in [0, 1].
    config: reads `generator`, `encoder` and `parallel`.

  Returns:
    Latents [N, L, D], and the mean squared error [N] of each reconstruction.

  Raises:
    FileNotFoundError, ValueError: as `load_setting`; or the images have another
      layout or range, or another size than the generator's.
  """
  images = pixels.check(images)
  setting = load_setting(config)
  generators.check_shape(
    setting.generator,
    setting.params,
    images.shape[1:],
    why='as yours',
    option='config.generator.size',
  )
  return algorithm1.encode(
    images,
    config=setting.config,
    start_fn=setting.start_fn,
    kind=setting.parallel,
    **_arguments(setting),
  )


def compare_starts(
  setting: Setting, images: np.ndarray
) -> dict[str, np.ndarray]:
  """Errors after each step, from each start.

  Args:
    setting: from `load_setting`.
    images: [N, H, W, 3], uint8 or floats in [0, 1].

  Returns:
    {'average': curve, 'network': curve}, where a curve [steps + 1] is the mean
    squared error; 'network' only if the setting has a learned start.
  """
  starts = {'average': None, 'network': setting.start_fn}
  return {
    name: algorithm1.error_curve(
      images, config=setting.config, start_fn=start, **_arguments(setting)
    )
    for name, start in starts.items()
    if name == 'average' or start is not None
  }
