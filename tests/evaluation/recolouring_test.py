"""Exact recolouring, on classifiers whose accuracies are known."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from advmix_jax import datasets
from advmix_jax.evaluation import recolouring
from advmix_jax.generators import ideal
from advmix_jax.report import statistics


def _config(name='colored_mnist', **fields):
  config = ml_collections.ConfigDict({'data': datasets.default_config()})
  config.data.name = name
  config.eval = {'num_examples': 30, 'batch_size': 16} | fields
  config.parallel = 'pmap'
  return config


def _constant(params, image):
  """Names class `params` whatever the image shows."""
  return jax.nn.one_hot(jnp.full(len(image), params), 10)


def _reads_red(params, image):
  """Names class `params` in images without red, and its successor in others."""
  red = (image[..., 0].max((1, 2)) > 0).astype(int)
  return jax.nn.one_hot(params + red, 10)


def test_a_classifier_that_ignores_colour_is_as_good_in_all_of_them():
  record = recolouring.for_run(_config(), _constant, jnp.int32(1))
  data = datasets.load_repaintable(_config().data, 'test', count=30)
  share = (data.label == 1).mean()
  assert 0 < share < 1
  for name in ('recoloured', 'all_means', 'all_grid'):
    assert record[f'{name}_accuracy'] == pytest.approx(share)
    assert record['ci95'][name] == pytest.approx(
      statistics.wilson_interval(int((data.label == 1).sum()), 30)
    )
  assert record['accuracy_by_style'] == pytest.approx([share] * 10)
  assert record['num_images'] == 30
  # Nine of the ten mean colours are points of the grid, and count once.
  assert record['num_styles'] == 10 + len(ideal.color_grid(5)) - 9 == 118


def test_a_classifier_that_reads_colour_fails_in_the_worst_one():
  record = recolouring.for_run(
    _config('rgb_mnist', num_examples=0),
    _reads_red,
    jnp.int32(1),
    grid_size=2,
  )
  label = datasets.load_repaintable(_config('rgb_mnist').data, 'test').label
  one, two = (label == 1).mean(), (label == 2).mean()
  np.testing.assert_allclose(record['accuracy_by_style'], [two, one, one])
  assert record['recoloured_accuracy'] == pytest.approx((two + 2 * one) / 3)
  assert record['all_means_accuracy'] == record['all_grid_accuracy'] == 0
  assert record['num_images'] == len(label) == 2000


def test_logits_that_are_not_numbers_name_no_class():
  """Their argmax would be class 0, which some digits are of."""
  record = recolouring.for_run(
    _config(), lambda params, image: jnp.full((len(image), 10), jnp.nan), {}
  )
  assert record['recoloured_accuracy'] == record['all_grid_accuracy'] == 0


def test_measure_is_a_loop_over_images_and_styles():
  rng = np.random.default_rng(0)
  data = datasets.Repaintable(
    paint_fn=lambda style: np.arange(5)[:, None, None, None] * style,
    label=np.array([0, 1, 2, 0, 1]),
    num_classes=3,
    means=np.array([[1.0], [2.0]]),
  )
  logits = rng.normal(size=(9, 3))  # Of the pixel's value.
  found = recolouring.measure(
    lambda x: logits[x[:, 0, 0, 0].astype(int)], data, data.means
  )
  for n in range(5):
    for s, style in enumerate((1, 2)):
      assert found[n, s] == (logits[n * style].argmax() == data.label[n])


def test_the_grid_only_adds_failures():
  rng = np.random.default_rng(0)
  means, grid = rng.random((200, 3)) < 0.9, rng.random((200, 5)) < 0.9
  record = recolouring.summarise(means, grid)
  assert record['all_means_accuracy'] == means.all(1).mean()
  both = np.concatenate([means, grid], axis=1)
  assert record['all_grid_accuracy'] == both.all(1).mean()
  assert record['recoloured_accuracy'] == pytest.approx(means.mean())
  # One digit counts once in the interval, though it is seen in three colours.
  assert record['ci95']['recoloured'] == list(
    statistics.wilson_interval(round(means.sum() / 3), 200)
  )


def test_the_listing_names_each_accuracy_with_its_interval():
  record = recolouring.summarise(np.ones((4, 2), bool), np.zeros((4, 3), bool))
  assert recolouring.listing(record).splitlines() == [
    'One of 2 mean colours       100.0 [51.0, 100.0]',
    'All 2 mean colours          100.0 [51.0, 100.0]',
    'All of 5 colours            0.0 [0.0, 49.0]',
  ]
  (section,) = recolouring.sections(record)
  assert section.table[1:] == recolouring.rows(record)
  assert section.table[1] == ['One of 2 mean colours', '100.0 [51.0, 100.0]']


def test_other_data_have_no_known_change():
  assert recolouring.for_run(_config('faces'), _constant, 0) == {}
  assert recolouring.listing({}) == '' and recolouring.sections({}) == []
