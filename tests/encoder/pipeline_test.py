"""Claims about advmix_jax/encoding.py, with files of tiny networks."""

import shutil

import jax
import ml_collections
import numpy as np
import pytest
from helpers import random_params

from advmix_jax import generators
from advmix_jax.encoder import (
  algorithm1,
  latents_file,
  learned_start,
  perceptual,
  pipeline,
  shards,
)
from advmix_jax.generators import stylegan
from advmix_jax.runtime import files, shipped


def _vgg_params():
  rng, params, last = np.random.default_rng(0), {}, 3
  for i in range(3):
    for j in (1, 2):
      w = rng.normal(size=(3, 3, last, 2)).astype(np.float32) / 4
      params[f'vgg/conv{i + 1}_{j}'] = {'w': w, 'b': np.zeros(2, np.float32)}
      last = 2
  ones = np.ones(3, np.float32)
  return params | {'vgg': {'mean': ones / 2, 'std': ones / 2}}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """A data folder with a generator, its learned start and features."""
  folder = tmp_path_factory.mktemp('data')
  config = stylegan.default_config()
  config.update(
    resolution=16,
    fmaps=(4, 4, 4),
    dlatent_size=4,
    mapping_lrmul=1.0,
    split=4,
  )
  generator = stylegan.make_generator(config)
  path = folder / 'generator.npz'
  stylegan.save(path, config, random_params.draw(generator))
  perceptual.save(folder / 'vgg16.npz', _vgg_params(), {})
  _save_start(folder / 'encoder.npz', files.file_hash(path))
  return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
  """A copy of that folder, in the place of the one that ships."""
  shutil.copytree(made, tmp_path, dirs_exist_ok=True)
  monkeypatch.setattr(shipped, 'DATA', tmp_path)
  return tmp_path


def _save_start(path, generator_hash):
  config = learned_start.default_config()
  config.update(widths=(4, 4), hidden=4, sample_steps=0, steps=0, draws=50)
  config.batch_size = 4
  generator, params = stylegan.load(path.with_name('generator.npz'))
  start = learned_start.train(
    jax.random.key(0, impl='rbg'),
    _images(),
    path.parent / 'start',
    generator=generator,
    generator_params=params,
    features_fn=perceptual.load(path.with_name('vgg16.npz')),
    config=config,
    encoder_config=algorithm1.default_config(),
  )
  learned_start.save(path, start, {'generator': generator_hash})


def _images():
  return np.random.default_rng(1).random((5, 16, 16, 3), np.float32)


def _config(**changes):
  config = ml_collections.ConfigDict(
    {'generator': generators.default_config(), 'parallel': 'pmap'}
  )
  config.encoder = algorithm1.default_config()
  config.encoder.update(steps=2, batch_size=4, average_draws=20)
  config.encoder.update(changes)
  return config


def test_file_holds_what_was_found_and_how(folder):
  setting = pipeline.load_setting(_config())
  path = folder / 'out' / 'latents.npz'
  found, errors = pipeline.encode_to_file(setting, _images(), path)
  np.testing.assert_array_equal(latents_file.load(path, _images()), found)
  decoded = setting.generator.synthesize(setting.params, found)
  expected = algorithm1.pixel_error(decoded, _images())
  np.testing.assert_allclose(errors, expected, atol=1e-2)  # 8-bit latents.
  metadata = latents_file.load_metadata(path)
  assert metadata['encoder']['steps'] == 2
  assert metadata['generator'] == files.file_hash(folder / 'generator.npz')
  np.testing.assert_allclose(metadata['mean_squared_error'], errors.mean())


@pytest.mark.parametrize(
  'change, message',
  [
    (lambda x: 255 * x.astype(np.float32), 'up to 255: divide them by 255'),
    (lambda x: x.transpose(0, 3, 1, 2), 'channels first'),
    (lambda x: x[:, :8, :8], r'makes images \(16, 16, 3\), expected \(8, 8, 3'),
  ],
)
def test_images_of_another_range_or_size_are_named(folder, change, message):
  config = _config()
  with pytest.raises(ValueError, match=message):
    pipeline.encode(change(_images()), config)


def test_an_encoding_that_was_killed_goes_on_to_the_same_bytes(folder):
  setting = pipeline.load_setting(_config(start='average', batch_size=2))
  pipeline.encode_to_file(setting, _images(), folder / 'whole.npz')
  path, calls = folder / 'killed.npz', []

  class Killed(Exception):
    """As if the process died with one of three batches on disk."""

  def kill(*args, make=shards.make_shards, **kwargs):
    keep = make(*args, **kwargs)

    def save(*parts):
      keep.save(*parts)
      calls.append(parts[0])
      if len(calls) == 1:
        raise Killed

    return keep._replace(save=save)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(pipeline.shards, 'make_shards', kill)
    with pytest.raises(Killed):
      pipeline.encode_to_file(setting, _images(), path)
    assert not path.exists()
    pipeline.encode_to_file(setting, _images(), path)
  assert calls == [0, 2, 4]  # The first batch was not made again.
  assert path.read_bytes() == (folder / 'whole.npz').read_bytes()
  assert not (folder / 'killed.npz.shards').exists()


def test_provenance_tells_options_and_networks_apart(folder):
  start = _config(start='average')
  before = pipeline.provenance(start)
  assert pipeline.provenance(_config(start='average', steps=3)) != before
  moved = _config(start='average', path='latents.npz')
  assert pipeline.provenance(moved) == before  # No option of the descent.
  other = folder / 'other.npz'
  shutil.copy(folder / 'vgg16.npz', other)
  named = _config(start='average', features=str(other))
  assert pipeline.provenance(named) == before  # The same network.
  perceptual.save(other, _vgg_params(), {'other': 1})
  assert pipeline.provenance(named) != before
  perceptual.save(folder / 'vgg16.npz', _vgg_params(), {'other': 1})
  assert pipeline.provenance(start) != before


def test_both_starts_are_compared(folder):
  setting = pipeline.load_setting(_config())
  curves = pipeline.compare_starts(setting, _images())
  assert {name: len(y) for name, y in curves.items()} == {
    'average': 3,
    'network': 3,
  }
  assert curves['average'][0] != curves['network'][0]
  assert set(
    pipeline.compare_starts(setting._replace(start_fn=None), _images())
  ) == {'average'}


def test_start_of_another_generator_is_refused(folder):
  _save_start(folder / 'encoder.npz', 'f' * 64)
  with pytest.raises(ValueError, match='inverts generator ffffffffffff'):
    pipeline.load_setting(_config())
  assert pipeline.load_setting(_config(start='average')).start_fn is None


def test_missing_files_are_named(folder):
  (folder / 'encoder.npz').unlink()
  with pytest.raises(FileNotFoundError, match='encoder.npz'):
    pipeline.load_setting(_config())


@pytest.mark.parametrize(
  'generator, start',
  [
    ('generator.npz', 'encoder.npz'),
    ('runs/face_generator.npz', 'face_encoder.npz'),
    ('celebahq.npz', 'encoder.npz'),
  ],
)
def test_the_start_is_named_like_its_generator(generator, start):
  assert pipeline.start_name(generator) == start


def test_a_missing_start_says_how_to_make_it(folder):
  config = pipeline.config_for(copy_as_another(folder / 'own.npz'))
  config.encoder.start = 'network'
  (folder / 'encoder.npz').unlink()
  with pytest.raises(FileNotFoundError, match='no learned start for .*own.npz'):
    pipeline.load_setting(config)


def test_two_generators_in_a_folder_have_a_start_each(folder):
  own = copy_as_another(folder / 'own_generator.npz')
  config = pipeline.config_for(own)
  assert config.encoder.start == 'average'  # encoder.npz is of the other one.
  config.encoder.start = 'network'
  with pytest.raises(ValueError, match='it inverts generator'):
    pipeline.load_setting(config)
  _save_start(folder / 'own_encoder.npz', files.file_hash(own))
  assert pipeline.config_for(own).encoder.start == 'network'
  pipeline.load_setting(config)
  pipeline.load_setting(pipeline.config_for(folder / 'generator.npz'))


def copy_as_another(path):
  """The folder's generator in a file of other bytes, so of another hash."""
  params, metadata = files.load_npz(path.with_name('generator.npz'))
  files.save_npz(path, params, metadata | {'note': 'another file'})
  return path


@pytest.mark.parametrize('name', ['generator.npz', 'face_generator.npz'])
def test_both_generators_that_ship_can_be_inverted_at_once(name):
  setting = pipeline.load_setting(pipeline.config_for(shipped.DATA / name))
  assert setting.start_fn is not None and setting.provenance['start']


def test_descents_keep_the_gradient_of_a_pixel_that_should_come_back(folder):
  """Clipped to [0, 1]; only the descent that leads back passes."""
  setting = pipeline.load_setting(_config(start='average'))
  generator, params = setting.generator, setting.params
  raw = stylegan.load(folder / 'generator.npz')[0]
  shape = (4, generator.num_layers, generator.dlatent_size)
  w = 5 * jax.random.normal(jax.random.key(0), shape)
  outside = raw.synthesize(params, w) > 1
  assert outside.any()
  image, vjp = jax.vjp(lambda w: generator.synthesize(params, w), w)
  assert image.min() >= 0 and image.max() <= 1
  assert np.abs(vjp(1.0 * outside)[0]).max() > 0  # Descent darkens them.
  np.testing.assert_array_equal(vjp(-1.0 * outside)[0], 0)
