"""Claims about advmix_jax/inputs.py."""

import hashlib
import pathlib

import jax
import ml_collections
import numpy as np
import pytest

from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.datasets import image_hash
from advmix_jax.encoder import algorithm1, inputs, latents_file, pipeline
from advmix_jax.generators import ideal, stylegan
from advmix_jax.runtime import files


def _network():
  return stylegan.default_config().copy_and_resolve_references()


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  """Path of a random generator of 8x8 images."""
  config = _network()
  config.update({'resolution': 8, 'fmaps': (8, 8), 'split': 2})
  params = stylegan.make_generator(config).init(jax.random.key(0))
  path = tmp_path_factory.mktemp('release') / 'generator.npz'
  stylegan.save(path, config, params)
  return path


def _config(path, latents_path='', **options):
  config = ml_collections.ConfigDict(
    {
      'generator': {'name': 'stylegan', 'path': str(path)},
      'encoder': algorithm1.default_config(),
    }
  )
  config.encoder.update(path=str(latents_path), start='average', **options)
  return config


def _dataset(n=5):
  image = np.random.default_rng(0).uniform(size=(n, 8, 8, 3))
  zeros = np.zeros(n, np.int32)
  return datasets.Dataset(image.astype(np.float32), zeros, None, 'test')


def _latents(n=5, size=32):
  return np.random.default_rng(1).normal(size=(n, 4, size)).astype(np.float32)


def _load(config, workdir, data=None):
  generator, params = inputs.load_generator(config.generator)
  data = data or _dataset()
  return inputs.load_latents(config, data, generator, params, workdir)


def test_a_stylegan_is_clipped_to_the_range_of_images(release):
  generator, params = inputs.load_generator(_config(release).generator)
  raw, _ = stylegan.load(release)
  w = 30 * jax.random.normal(jax.random.key(1), (2, 4, 32))
  want = raw.synthesize(params, w)
  assert want.min() < 0 and want.max() > 1
  np.testing.assert_array_equal(
    generator.synthesize(params, w), np.clip(want, 0, 1)
  )
  parts = generator.coarse(params, w[:, :2])
  got = generator.fine(params, parts, w[:, 2:])
  np.testing.assert_allclose(got, np.clip(want, 0, 1), atol=1e-5)


def test_the_ideal_encoder_is_exact():
  config = ml_collections.ConfigDict({'generator': {'name': 'ideal'}})
  digits = datasets.load_digits('embedded', 'test', limit=4)
  data = datasets.colored_mnist(digits, sigma=0.0, seed=0, biased=False)
  generator, params = inputs.load_generator(config.generator)
  w = inputs.load_latents(config, data, generator, params, '/nowhere')
  np.testing.assert_array_equal(w, ideal.encode(data.image))
  image = generator.synthesize(params, w)
  np.testing.assert_allclose(image, data.image, atol=1e-6)


def test_latents_are_made_once_and_kept_in_the_workdir(
  release, tmp_path, monkeypatch
):
  calls = []

  def encode(setting, images, path):
    calls.append(path)
    metadata = pipeline.provenance(_config(release))
    latents_file.save(path, _latents(), images=images, metadata=metadata)
    return latents_file.load(path, images), np.zeros(len(images))

  monkeypatch.setattr(pipeline, 'load_setting', lambda config: None)
  monkeypatch.setattr(pipeline, 'encode_to_file', encode)
  first = _load(_config(release), tmp_path)
  again = _load(_config(release), tmp_path)
  np.testing.assert_array_equal(first, again)
  assert len(calls) == 1 and calls[0].parent == tmp_path / 'latents'


@pytest.mark.parametrize(
  'change',
  [
    {'generator': hashlib.sha256(b'other').hexdigest()},
    {'features': hashlib.sha256(b'other').hexdigest()},
    {'encoder': {'steps': 1}},
  ],
  ids=str,
)
def test_cached_latents_of_another_setting_are_not_taken(
  change, release, tmp_path, monkeypatch
):
  data = _dataset()
  name = f'{image_hash.set_name(data.image)}.npz'
  metadata = pipeline.provenance(_config(release)) | change
  latents_file.save(
    tmp_path / 'latents' / name,
    _latents(),
    images=data.image,
    metadata=metadata,
  )

  def encode(*_):
    raise RuntimeError('encodes again')

  monkeypatch.setattr(pipeline, 'load_setting', encode)
  with pytest.raises(RuntimeError, match='encodes again'):
    _load(_config(release), tmp_path)


def test_a_named_file_must_fit_images_and_generator(release, tmp_path):
  data, path = _dataset(), tmp_path / 'own.npz'
  latents_file.save(path, _latents(), images=data.image, metadata={})
  got = _load(_config(release, path), tmp_path)
  # 8-bit numbers: half a step of the widest dimension.
  np.testing.assert_allclose(got, _latents(), atol=6 / 255)
  other = data._replace(image=1 - data.image)
  with pytest.raises(ValueError, match='no latents for 5 of 5 images'):
    _load(_config(release, path), tmp_path, other)
  latents_file.save(path, _latents(size=7), images=data.image, metadata={})
  with pytest.raises(ValueError, match=r'shape \(4, 7\), expected \(4, 32\)'):
    _load(_config(release, path), tmp_path)
  with pytest.raises(FileNotFoundError, match='none.npz'):
    _load(_config(release, tmp_path / 'none.npz'), tmp_path)


def test_the_shipped_generator_and_its_latents_belong_together():
  shipped = pathlib.Path(pipeline.DATA)
  if not (shipped / 'latents_train.npz').exists():
    pytest.skip('no latents ship with this checkout')
  digest = files.file_hash(shipped / 'generator.npz')
  for name in ('latents_train.npz', 'latents_test.npz'):
    assert latents_file.load_metadata(shipped / name)['generator'] == digest


def test_an_unknown_generator_lists_the_valid_ones(tmp_path):
  config = ml_collections.ConfigDict({'name': 'vae', 'path': ''})
  with pytest.raises(ValueError, match="'vae', expected .*'stylegan', 'ideal'"):
    inputs.load_generator(config)
  config = _config(tmp_path / 'none.npz').generator
  with pytest.raises(FileNotFoundError, match='none.npz'):
    inputs.load_generator(config)
