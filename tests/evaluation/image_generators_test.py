"""Quality of generators of images: a perfect one reaches the floor."""

import jax
import numpy as np
import pytest
from helpers import row_generator

from advmix_jax.datasets import pixels
from advmix_jax.evaluation import attributes, image_generators
from advmix_jax.evaluation import judge as judges

PARAMS = {}


def _features(images):
  """Row means, their squares, and the whole: three 'activations'."""
  rows = images.mean(2, keepdims=True).swapaxes(1, 3)  # [B, 3, 1, 4]
  return [rows, rows**2, rows[..., :1]]


@pytest.fixture(scope='module')
def real():
  z = jax.random.normal(jax.random.key(5), (800, 8))
  generator = row_generator.make()
  images = generator.synthesize(PARAMS, generator.map(PARAMS, z))
  return pixels.to_uint8(np.asarray(images))


def _measure(real, generator, judge=None):
  return image_generators.measure(
    jax.random.key(0),
    generator,
    PARAMS,
    real=real,
    features_fn=jax.tree_util.Partial(_features),
    judge=judge,
  )


def test_a_perfect_generator_reaches_the_floor(real):
  record = _measure(real, row_generator.make())
  generated, floor = record['vgg']['generated'], record['vgg']['floor']
  assert record['num_images'] == 400 and floor['subset_size'] == 80
  for name in ('kid', 'density', 'coverage'):
    mean, (low, high) = floor[name]
    # Both are means of five values of one distribution.
    assert abs(generated[name][0] - mean) < 3 * (high - low)


def test_another_distribution_is_farther_away(real):
  plain = row_generator.make()
  dark = plain._replace(map=lambda p, z: plain.map(p, z) - 2)
  record = _measure(real, dark)
  generated, floor = record['vgg']['generated'], record['vgg']['floor']
  assert generated['kid'][1][0] > floor['kid'][1][1]
  assert generated['coverage'][1][1] < floor['coverage'][1][0]


def test_shares_of_attributes_are_those_of_both_sets(real, monkeypatch):
  def answer(judge, images):
    bright = pixels.to_uint8(images)[:, 0, 0] > 127  # [N, 3], all equal.
    probability = np.tile([0.95, 0.85], (len(images), 1))
    return bright[:, :2].astype(np.int32), probability

  monkeypatch.setattr(attributes, 'answer', answer)
  monkeypatch.setattr(judges, 'features', lambda judge, x: x.mean((2, 3)) + 1.0)
  judge = attributes.AttributeJudge(None, ('a', 'b'))
  record = _measure(real, row_generator.make(), judge)
  of_real = float((real[:, 0, 0, 0] > 127).mean())
  assert record['shares']['a'][1] == round(of_real, 4)
  # A fair coin, 400 times: five standard deviations.
  assert abs(record['shares']['a'][0] - 0.5) < 0.125
  # Sure is above 0.9: of every image, one answer of two.
  assert record['sure']['generated'][0] == record['sure']['real'][0] == 0.5
  assert set(record['judge']) == {'generated', 'floor'}


def test_a_feature_that_is_nearly_always_zero_does_not_decide():
  first = np.ones((100, 3))
  first[:, 2] = 0
  rare = np.ones((10, 3))
  _, scaled = image_generators._scaled(first, rare)
  # Sizes 1, 1, 0 and their mean, 2/3.
  np.testing.assert_allclose(scaled[0], [0.6, 0.6, 1.5])
