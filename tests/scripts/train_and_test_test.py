"""experiments/train_and_test.py: what its tests need is checked first."""

import types

import numpy as np
import pytest
from helpers import made_images, random_params, scripts

from advmix_jax import datasets, training
from advmix_jax.encoder import latents_file
from advmix_jax.evaluation import audits


@pytest.fixture
def config(tmp_path):
  """A config of made faces, a random generator, and latents of all images."""
  made_images.write_celeba(tmp_path)
  network = {'resolution': 64, 'fmaps': (8, 8, 8, 8, 8), 'split': 6}
  random_params.save_stylegan(tmp_path / 'generator.npz', network)
  config = training.default_config()
  config.method, config.classifier.name = 'nominal', 'linear'
  config.data = datasets.default_config('celeba')
  config.data.update(data_dir=str(tmp_path), cache_dir=str(tmp_path / 'cache'))
  config.generator.path = str(tmp_path / 'generator.npz')
  config.encoder.path = str(tmp_path / 'latents.npz')
  _write_latents(config, ('train', 'test'))
  return config


def _write_latents(config, splits, layers=10):
  images = [datasets.load(config.data, split).image for split in splits]
  images = np.concatenate(images)
  latents = np.random.default_rng(0).normal(size=(len(images), layers, 32))
  latents_file.save(config.encoder.path, latents, images=images, metadata={})


@pytest.fixture
def run(tmp_path, monkeypatch):
  """Runs the script; a training is the RuntimeError 'trains'."""

  def train(*_):
    raise RuntimeError('trains')

  monkeypatch.setattr(training, 'train_classifier', train)
  script = scripts.load('train_and_test', monkeypatch)

  def call(config, *, attack=True):
    script.CONFIG.value, script.ATTACK.value = config, attack
    script.WORKDIR.value = str(tmp_path / 'run')
    script.main([])

  yield call
  assert not (tmp_path / 'run').exists()  # No checkpoint, no config.json.


def test_what_fits_is_trained_on(config, run):
  with pytest.raises(RuntimeError, match='trains'):
    run(config)
  config.generator.path = config.encoder.path = '/nowhere/x.npz'
  with pytest.raises(RuntimeError, match='trains'):  # Nothing is mixed.
    run(config, attack=False)


def test_data_without_a_judge_are_attacked_without_audits(
  config, run, monkeypatch
):
  """As images of classes are, where no judge is named."""
  monkeypatch.setattr(audits, 'judge_fn', lambda *_, **__: None)
  with pytest.raises(RuntimeError, match='trains'):
    run(config)


@pytest.mark.parametrize('attack', [False, True])
def test_a_partition_without_test_images(config, run, tmp_path, attack):
  path = tmp_path / 'list_eval_partition.txt'
  path.write_text(path.read_text().replace(' 2\n', ' 1\n'))
  with pytest.raises(ValueError, match='no image of the test part'):
    run(config, attack=attack)


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('size', 32, r'makes images \(32, 32, 3\), expected \(64, 64, 3\)'),
    ('split', 12, 'generator.split is 12, expected 1 to 9.*generator.npz has'),
    ('path', '/nowhere/x.npz', '/nowhere/x.npz'),
  ],
)
@pytest.mark.parametrize('method', ['nominal', 'randmix'])
def test_a_generator_that_does_not_fit(
  config, run, method, field, value, message
):
  config.method, config.generator[field] = method, value
  with pytest.raises((ValueError, FileNotFoundError), match=message):
    run(config)


@pytest.mark.parametrize('method', ['nominal', 'randmix'])
def test_latents_of_other_images_or_layers(config, run, method):
  config.method = method
  _write_latents(config, ('train',))
  with pytest.raises(ValueError, match='no latents for 1 of 1 images'):
    run(config)
  _write_latents(config, ('train', 'test'), layers=8)
  with pytest.raises(ValueError, match=r'\(8, 32\), expected \(10, 32\)'):
    run(config)


@pytest.mark.parametrize('flag', ['attack', 'recolour'])
def test_a_finished_run_does_not_pass_for_one_with_more_tests(
  flag, tmp_path, monkeypatch
):
  script = scripts.load('train_and_test', monkeypatch)
  path = tmp_path / 'results.json'
  script._check_tests({'clean_accuracy': 1.0}, path)
  setattr(script, flag.upper(), types.SimpleNamespace(value=True))
  with pytest.raises(ValueError, match=f'was made without --{flag}, expected'):
    script._check_tests({'clean_accuracy': 1.0}, path)
  script._check_tests({'ladder': [], 'recolouring': {}}, path)
