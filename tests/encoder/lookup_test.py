"""Claims about advmix_jax/encoder/lookup.py."""

import hashlib
import shutil

import ml_collections
import numpy as np
import pytest
from helpers import random_params

from advmix_jax import datasets, generators, training, types
from advmix_jax.datasets import colored_mnist, image_hash
from advmix_jax.datasets.digits import load_digits
from advmix_jax.encoder import algorithm1, latents_file, lookup, pipeline
from advmix_jax.generators import ideal
from advmix_jax.runtime import files, shipped


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  """Path of a random generator of 8x8 images."""
  path = tmp_path_factory.mktemp('release') / 'generator.npz'
  fields = {'resolution': 8, 'fmaps': (8, 8), 'split': 2}
  return random_params.save_stylegan(path, fields)


def _config(path, latents_path='', **options):
  config = ml_collections.ConfigDict(
    {
      'generator': generators.default_config(),
      'encoder': algorithm1.default_config(),
      'parallel': 'pmap',
    }
  )
  config.generator.path = str(path)
  config.encoder.update(path=str(latents_path), start='average', **options)
  return config


def _dataset(n=5):
  image = np.random.default_rng(0).uniform(size=(n, 8, 8, 3))
  zeros = np.zeros(n, np.int32)
  return types.Dataset(datasets.to_uint8(image), zeros, 10, {}, 'test')


def _latents(n=5, size=32):
  return np.random.default_rng(1).normal(size=(n, 4, size)).astype(np.float32)


def _load(config, workdir, data=None):
  generator, params = generators.load(config.generator)
  data = data or _dataset()
  return lookup.load_latents(config, data, generator, params, workdir)


def test_the_ideal_encoder_is_exact():
  config = ml_collections.ConfigDict({'generator': generators.default_config()})
  config.generator.name = 'ideal'
  digits = load_digits('embedded', 'test', limit=4)
  data = colored_mnist.make(digits, sigma=0.0, seed=0, biased=False)
  generator, params = generators.load(config.generator)
  w = lookup.load_latents(config, data, generator, params, '/nowhere')
  want = datasets.to_float(data.image)
  np.testing.assert_array_equal(w, ideal.encode(want))
  # A digit in 8 bits is a grey one times a colour up to half a step each.
  image = generator.synthesize(params, w)
  np.testing.assert_allclose(image, want, atol=2 / 255)


def _ideal_on(image):
  """What the ideal generator makes of images that are no digits."""
  config = ml_collections.ConfigDict({'generator': generators.default_config()})
  config.generator.name = 'ideal'
  zeros = np.zeros(len(image), np.int32)
  data = types.Dataset(datasets.to_uint8(image), zeros, 2, {}, 'test')
  lookup.check_file(config, data)
  _load(config, '/nowhere', data)


def test_the_ideal_generator_says_that_images_are_no_digits(capsys):
  _ideal_on(np.random.default_rng(0).uniform(size=(6, 32, 32, 3)))
  assert 'warning: the ideal generator: the reconstructions have a mean' in (
    capsys.readouterr().out
  )
  message = r"images \(32, 32, 3\), the data set has \(16, 16, 3\).*'ideal'"
  with pytest.raises(ValueError, match=message):
    _ideal_on(np.zeros((6, 16, 16, 3)))


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


@pytest.mark.parametrize('named', [{}, {'split': 2}, {'size': 8}], ids=str)
def test_latents_beside_the_generator_are_found(named, release, tmp_path):
  """Also where a flag names the split or the size that the file has."""
  path = shutil.copy(release, tmp_path / 'generator.npz')
  data, config = _dataset(), _config(path)
  latents_file.save(
    tmp_path / 'latents_train.npz',
    _latents(),
    images=data.image,
    metadata=pipeline.provenance(config),
  )
  config.generator.update(named)
  got = _load(config, tmp_path / 'run')
  # 8-bit numbers: half a step of the widest dimension.
  np.testing.assert_allclose(got, _latents(), atol=6 / 255)


@pytest.mark.parametrize(
  'change',
  [
    {'generator': hashlib.sha256(b'other').hexdigest()},
    {'features': hashlib.sha256(b'other').hexdigest()},
    {'encoder': {'steps': 1}},
    {'split': 3},
    {'size': 16},
    {'dtype': 'bfloat16'},
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


def test_what_is_encoded_anew_says_which_options_differ(
  release, tmp_path, capsys
):
  path = shutil.copy(release, tmp_path / 'generator.npz')
  data, config = _dataset(), _config(path, steps=2)
  latents_file.save(
    tmp_path / 'latents_test.npz',
    _latents(),
    images=data.image,
    metadata=pipeline.provenance(_config(path, steps=3)),
  )
  _load(config, tmp_path / 'run')
  lines = capsys.readouterr().out.splitlines()
  assert f'{tmp_path / "latents_test.npz"} was made with encoder.steps=3' in (
    lines
  )


@pytest.mark.parametrize('share, warned', [(0.1, False), (0.3, True)])
def test_latents_that_fit_badly_are_said(
  share, warned, release, tmp_path, capsys
):
  """Images at random: their variance is that of the uniform law, 1/12."""
  path = shutil.copy(release, tmp_path / 'generator.npz')
  data, config = _dataset(500), _config(path)
  latents_file.save(
    tmp_path / 'latents_train.npz',
    _latents(500),
    images=data.image,
    metadata=pipeline.provenance(config) | {'mean_squared_error': share / 12},
  )
  _load(config, tmp_path / 'run')
  assert ('warning: ' in capsys.readouterr().out) == warned


def test_a_named_file_must_fit_images_and_generator(release, tmp_path):
  data, path = _dataset(), tmp_path / 'own.npz'
  latents_file.save(path, _latents(), images=data.image, metadata={})
  got = _load(_config(release, path), tmp_path)
  # 8-bit numbers: half a step of the widest dimension.
  np.testing.assert_allclose(got, _latents(), atol=6 / 255)
  other = data._replace(image=255 - data.image)
  with pytest.raises(ValueError, match='no latents for 5 of 5 images'):
    _load(_config(release, path), tmp_path, other)
  latents_file.save(path, _latents(size=7), images=data.image, metadata={})
  with pytest.raises(ValueError, match=r'shape \(4, 7\), expected \(4, 32\)'):
    _load(_config(release, path), tmp_path)
  with pytest.raises(ValueError, match=r'shape \(4, 7\), expected \(4, 32\)'):
    lookup.check_file(_config(release, path), data)
  with pytest.raises(FileNotFoundError, match='none.npz'):
    _load(_config(release, tmp_path / 'none.npz'), tmp_path)


def _named(path, data, generator_path):
  """Writes latents made with a generator's file; returns their path."""
  metadata = pipeline.provenance(_config(generator_path))
  latents_file.save(path, _latents(), images=data.image, metadata=metadata)
  return path


def test_a_named_file_of_another_generator_is_refused(release, tmp_path):
  data = _dataset()
  fields = {'resolution': 8, 'fmaps': (8, 8), 'split': 2}
  other = random_params.save_stylegan(tmp_path / 'o.npz', fields, note='other')
  config = _config(release, _named(tmp_path / 'w.npz', data, other))
  message = f'another generator.*{files.file_hash(other)[:12]}, expected'
  with pytest.raises(ValueError, match=message):
    _load(config, tmp_path)
  with pytest.raises(ValueError, match=message):
    lookup.check_file(config, data)


def test_options_do_not_make_it_another_generator(release, tmp_path):
  data = _dataset()
  config = _config(release, _named(tmp_path / 'w.npz', data, release))
  config.generator.update(split=3, dtype='bfloat16')
  lookup.check_file(config, data)
  # 8-bit numbers: half a step of the widest dimension.
  np.testing.assert_allclose(_load(config, tmp_path), _latents(), atol=6 / 255)


def test_a_learned_start_of_another_generator_is_found_before_it_is_needed(
  release, tmp_path
):
  path = shutil.copy(release, tmp_path / 'generator.npz')
  config = _config(path)
  lookup.check_file(config, _dataset())  # Needs no learned start.
  config.encoder.start = 'network'
  with pytest.raises(FileNotFoundError, match='encoder.npz'):
    lookup.check_file(config, _dataset())
  shutil.copy(shipped.DATA / 'encoder.npz', tmp_path)
  with pytest.raises(ValueError, match='encoder.npz: does not fit'):
    lookup.check_file(config, _dataset())


def test_nothing_of_algorithm_1_is_read_where_latents_are_at_hand(monkeypatch):
  monkeypatch.setattr(lookup.pipeline, 'load_setting', None)
  config = training.default_config()
  lookup.check_file(config, datasets.load(config.data, 'test'))


def test_the_shipped_generator_and_its_latents_belong_together():
  digest = files.file_hash(shipped.DATA / 'generator.npz')
  for name in ('latents_train.npz', 'latents_test.npz'):
    metadata = latents_file.load_metadata(shipped.DATA / name)
    assert metadata['generator'] == digest


def test_a_generator_of_images_of_another_size_is_refused(release, tmp_path):
  small = _dataset()._replace(image=_dataset().image[:, :4, :4])
  message = r'makes images \(8, 8, 3\), expected \(4, 4, 3\)'
  with pytest.raises(ValueError, match=message):
    _load(_config(release), tmp_path, small)
  with pytest.raises(ValueError, match=message):  # Before any training.
    lookup.check_file(_config(release), small)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('change', ['', 'images', 'options'])
def test_finished_latents_are_known_by_images_and_options(
  change, release, tmp_path
):
  config, images = _config(release), _dataset().image
  path, wanted = tmp_path / 'latents.npz', pipeline.provenance(config)
  assert lookup.made_as(path, images, wanted) is None  # There is no file.
  metadata = wanted | {'mean_squared_error': 0.25}
  latents_file.save(path, _latents(), images=images, metadata=metadata)
  if change == 'images':
    images = 255 - images
  if change == 'options':
    config.encoder.steps += 1
    wanted = pipeline.provenance(config)
  found = lookup.made_as(path, images, wanted)
  if change:
    assert found is None
    return
  latents, error = found
  np.testing.assert_array_equal(latents, latents_file.load(path, images))
  assert error == 0.25
