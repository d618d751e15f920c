"""Claims about advmix_jax/evaluation/leaks.py."""

import ml_collections
import numpy as np
import pytest
from helpers import random_params

from advmix_jax import datasets, generators, types
from advmix_jax.evaluation import leaks
from advmix_jax.generators import stylegan


def _images(*levels):
  return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])


def _set(image, split):
  label = np.zeros(len(image), np.int32)
  return types.Dataset(image, label, 2, {}, split)


def _config(path, data):
  sections = {'data': data, 'generator': generators.default_config()}
  config = ml_collections.ConfigDict(sections)
  config.generator.path = str(path)
  return config


def _data(**fields):
  data = datasets.default_config('folder')
  data.update(data_dir='photos/birds', **fields)
  return data


@pytest.fixture
def generator(tmp_path):
  """Path of a generator whose file says that it has seen birds."""
  path = random_params.save_stylegan(
    tmp_path / 'generator.npz', {'resolution': 8, 'fmaps': (8, 8), 'split': 2}
  )
  config, params = stylegan._load(path, stylegan.GENERATOR_KIND)
  training = {'data': _data(split_seed=1).to_dict()}
  stylegan.save(path, config, params, training=training)
  return path


def test_test_images_that_are_training_images_are_counted():
  """Images are compared by their pixels, whatever their place and label."""
  train, test = _images(1, 2, 3, 3), _images(3, 9, 1, 8, 3)
  assert leaks.shared(train, test) == 3
  assert leaks.shared(_images(1), _images(2)) == 0


def test_a_generator_of_another_made_split_is_named(generator):
  config = _config(generator, _data(split_seed=1))
  assert leaks.other_split(config) == ''
  config.data.split_seed = 4
  assert 'data.split_seed=1, here 4' in leaks.other_split(config)
  config.data.data_dir = 'photos/cats'  # Other images have another split.
  assert leaks.other_split(config) == ''
  assert leaks.other_split(_config('', datasets.default_config())) == ''
  assert leaks.other_split(_config('', _data())) == ''  # What ships: digits.


def test_both_are_warnings(generator, capsys):
  train, test = _set(_images(1, 2), 'train'), _set(_images(5, 2), 'test')
  leaks.warn(_config(generator, _data()), train, test)
  lines = capsys.readouterr().out.splitlines()
  assert lines[0] == (
    'warning: 1 of 2 test images are training images, too, pixel by pixel'
  )
  assert lines[1].startswith(f'warning: {generator}: the generator was trained')
  assert len(lines) == 2
