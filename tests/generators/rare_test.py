"""Claims about rare images: their weights, their draws, their scores."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tiny_gan
from scipy import stats

from advmix_jax import datasets, types
from advmix_jax.generators import gan, rare, stylegan

pytestmark = pytest.mark.usefixtures('compile_fast')


def _options(**fields):
  config = gan.default_config()
  config.update(rare_cap=8.0, batch_size=50, **fields)
  return config


def test_a_weight_is_the_ratio_of_densities_over_a_common_one():
  # Of log ratios 0 the median; e^1 and e^-1 beside it, and beyond the cap.
  scores = 0.5 + np.array([0.0, 0, 0, 1, -1, 5, -5])
  expected = [1, 1, 1, np.e, 1, 8, 1]
  np.testing.assert_allclose(rare.weights(scores, 8.0), expected, rtol=1e-6)


def test_where_all_scores_are_alike_all_images_are():
  np.testing.assert_array_equal(rare.weights(np.full(9, 3.0), 8.0), 1)


def test_images_are_drawn_as_often_as_their_weights_say():
  scores = jnp.log(jnp.asarray([1.0, 1, 1, 1, 2, 4]))
  index = rare.make_index(_options(), seed=0)
  drawn = np.concatenate([index(step, scores) for step in range(200)])
  counts = np.bincount(drawn, minlength=6)
  expected = 10_000 * np.array([1, 1, 1, 1, 2, 4]) / 10
  assert stats.chisquare(counts, expected).pvalue > 0.001  # Of a fixed seed.


def test_draws_depend_on_seed_and_step_alone():
  scores = jnp.log(jnp.asarray([1.0, 1, 1, 4]))
  index = rare.make_index(_options(rare_kimg=0.1), seed=3)  # Two steps.
  again = rare.make_index(_options(rare_kimg=0.1), seed=3)
  other = rare.make_index(_options(rare_kimg=0.1), seed=4)
  for step in (0, 1, 2, 7):
    np.testing.assert_array_equal(index(step, scores), again(step, scores))
    assert (index(step, scores) != other(step, scores)).any()
  assert (index(1, scores) != index(2, scores)).any()


def test_new_scores_are_read_when_a_period_begins():
  first, second = jnp.asarray([9.0, 0, 0, 0]), jnp.asarray([0.0, 0, 0, 9])
  index = rare.make_index(_options(rare_kimg=0.1), seed=0)  # Two steps.
  assert np.bincount(index(1, first), minlength=4).argmax() == 0
  assert np.bincount(index(2, second), minlength=4).argmax() == 3


def test_every_image_has_the_score_that_the_discriminator_gives_it():
  config = tiny_gan.config(1.0, batch_size=8)
  config.network.update(resolution=8, fmaps=(8, 4), split=2, label_size=3)
  config.network.mbstd_group_size = 1  # A score says nothing of the others.
  images = np.random.default_rng(0).integers(0, 256, (19, 8, 8, 3), np.uint8)
  data = types.Dataset(images, np.arange(19) % 3, 3, {}, 'test')
  params = tiny_gan.state(config).discriminator
  found = rare.make_scores(config.network, config.gan)(
    params, data, (0, 1), level=0, blend=0.0
  )
  discriminator = stylegan.make_discriminator(config.network)
  whole = datasets.take(types.Batch(data.image, data.label), np.arange(19))
  labels = jax.nn.one_hot(whole.label, 3)
  expected = discriminator.apply(params, whole.image, labels, 0, 0.0, 19)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  'fields, message',
  [
    ({'rare_cap': 1.0}, 'rare_cap is 1, expected 0 .* above 1'),
    ({'rare_cap': -5.0}, 'rare_cap is -5, expected 0 .* above 1'),
    ({'rare_cap': 9.0, 'rare_kimg': 0.0}, 'rare_kimg is 0, expected above 0'),
  ],
)
def test_values_without_a_meaning_are_refused(fields, message):
  config = gan.default_config()
  config.update(fields)
  with pytest.raises(ValueError, match=message):
    rare.check(config)
