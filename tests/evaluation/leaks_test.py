"""Claims about advmix_jax/evaluation/leaks.py."""

import numpy as np
import pytest
from helpers import one_line, random_params

from advmix_jax import generators
from advmix_jax.datasets import image_hash
from advmix_jax.evaluation import leaks
from advmix_jax.generators import stylegan


def _images(*levels):
  return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])


def _save(path, **metadata):
  """A generator's file with more metadata."""
  small = {'resolution': 8, 'fmaps': (8, 8), 'split': 2}
  path = random_params.save_stylegan(path, small)
  config, params = stylegan._load(path, stylegan.GENERATOR_KIND)
  stylegan.save(path, config, params, **metadata)
  return path


@pytest.fixture
def generator(tmp_path):
  """Path of a generator whose file says that it has seen images 1 and 2."""
  text = image_hash.to_text(_images(2, 1, 2))
  return _save(tmp_path / 'generator.npz', training_images=text)


def test_test_images_that_are_training_images_are_counted():
  """Images are compared by their pixels, whatever their place and label."""
  train, test = _images(1, 2, 3, 3), _images(3, 9, 1, 8, 3, 3)
  assert leaks.shared(train, test) == 4
  assert leaks.shared(test, train) == 3
  assert leaks.shared(_images(1), _images(2)) == 0


def test_a_generator_knows_its_training_images(generator, tmp_path):
  assert leaks.seen(generator, _images(1, 3, 2, 2)) == 3
  assert leaks.seen(generator, _images(1, 2) / np.float32(255)) == 2
  assert leaks.seen(generator, _images(3, 4)) == 0
  unknown = _save(tmp_path / 'converted.npz')
  assert leaks.seen(unknown, _images(1)) == 0


def test_what_no_training_wrote_is_refused_by_name(tmp_path):
  path = _save(tmp_path / 'odd.npz', training_images='?')
  message = one_line.error_of(leaks.seen, path, _images(1))
  assert message.startswith(f'{path}: corrupt (')


def test_both_are_warnings(generator, capsys):
  config = generators.default_config()
  config.path = str(generator)
  leaks.warn(config, _images(5, 2, 1), _images(1))
  assert capsys.readouterr().out.splitlines() == [
    'warning: 1 of 3 test images are training images, too, pixel by pixel',
    f'warning: 2 of 3 test images are among those that {generator} was trained '
    'on, pixel by pixel',
  ]
  leaks.warn(config, _images(5), _images(1))
  leaks.warn(config, _images(5))
  config.name = 'ideal'
  leaks.warn(config, _images(2))
  assert capsys.readouterr().out == ''
