"""Repainted digits are those of the data set, in another colour."""

import numpy as np
import pytest

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist


@pytest.mark.parametrize('name', datasets.REPAINTABLE)
def test_the_colour_that_was_drawn_gives_the_same_bits(name):
  config = datasets.default_config()
  config.update(name=name, num_test=60)
  data = datasets.load_repaintable(config, 'test', count=50)
  test = datasets.load(config, 'test')
  np.testing.assert_array_equal(data.label, test.label[:50])
  assert data.num_classes == test.num_classes
  drawn = test.groups['color'][:50]
  assert len(np.unique(drawn)) == len(data.means)
  for i, mean in enumerate(data.means):
    painted = data.paint_fn(mean)
    np.testing.assert_array_equal(
      painted[drawn == i], test.image[:50][drawn == i]
    )


def test_without_a_count_all_digits_are_painted():
  config = datasets.default_config()
  config.num_test = 7
  data = datasets.load_repaintable(config, 'test')
  white = data.paint_fn(np.ones(3))
  assert white.shape == (7, 32, 32, 3) and len(data.label) == 7
  ink = colored_mnist.load_ink(config, 'test').image
  np.testing.assert_array_equal(white[:, 2:-2, 2:-2, 0], ink)


def test_data_without_known_colours_are_refused():
  config = datasets.default_config()
  config.name = 'faces'
  with pytest.raises(ValueError, match="'faces', expected colored_mnist or"):
    datasets.load_repaintable(config, 'test')
