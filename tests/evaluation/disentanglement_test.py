"""The measures of a generator, on generators whose measures are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits
from advmix_jax.evaluation import disentanglement, judge
from advmix_jax.generators import ideal, stylegan
from advmix_jax.runtime import shipped


def _dataset(limit, biased):
  digits = load_digits('embedded', 'train', limit=limit)
  return colored_mnist.make(digits, sigma=0.0, seed=0, biased=biased)


COLORS = disentanglement.Style(
  measure_fn=colored_mnist.ink_color,
  tolerance=0.15,
  prototypes=colored_mnist.COLOR_MEANS,
)


def _bank():
  """Coloured digits as floats."""
  return datasets.to_float(_dataset(200, True).image)


def _judge():
  return judge.load(view_fn=colored_mnist.brightness)


def test_an_exact_generator_keeps_shape_and_takes_the_donors_colour():
  generator = ideal.make_generator(_bank(), colors=colored_mnist.COLOR_MEANS)
  record = disentanglement.measure(
    jax.random.key(0),
    generator,
    generator.init(None),
    _judge(),
    COLORS,
    num_mixes=200,
    batch_size=100,
  )
  # The judge reads 8 bits of grey; the donor's ink may be thinner: its mean
  # colour differs by the share of half-covered pixels, below 0.15 for most.
  assert record['label_follows'][0] == 1.0
  assert record['style_follows'][0] > 0.9
  # Nothing is unsure here, so the condition changes little.
  sure, (low, high) = record['label_follows_if_confident']
  assert sure == 1.0 and low < 1 and high == 1
  assert record['confident'][0] > 0.95 and record['mixes_confident'][0] > 0.95
  assert record['style_distance'] < 0.15
  assert min(record['labels']) > 0 and min(record['styles']) > 0


def test_shares_are_those_of_labels_and_drawn_colours():
  data = _dataset(300, False)
  found = disentanglement.shares(_judge(), COLORS, data.image)
  labels = np.bincount(data.label, minlength=10) / 300
  styles = np.bincount(data.groups['color'], minlength=10) / 300
  # The judge was trained on these digits; thin ink may look like another mean.
  np.testing.assert_allclose(found['labels'], labels, atol=0.01)
  np.testing.assert_allclose(found['styles'], styles, atol=0.02)


def test_the_largest_deviation_is_signed():
  def find(*shares):
    found = disentanglement.largest_deviation(*shares, 1000)
    return found['index'], found['deviation']

  assert find([0.2, 0.5, 0.3], [0.3, 0.3, 0.4]) == (1, 0.2)
  assert find([0.7, 0.3], [0.69, 0.31])[1] == pytest.approx(0.01)
  assert find([0.0, 0.6, 0.4], [0.3, 0.4, 0.3]) == (0, -0.3)


def test_exact_draws_deviate_as_their_binomial_says():
  """Of two halves, |k / n - 1/2| is about normal, of deviation 1 / (2 sqrt n).

  Its mean is sqrt(2 / pi) and its 95% quantile 1.96 deviations; 2,000 trials,
  in steps of 1 / n, are within a twentieth of both.
  """
  found = disentanglement.largest_deviation([0.5, 0.5], [0.5, 0.5], 10_000)
  expected = np.array([(2 / np.pi) ** 0.5, 1.96]) / 200
  np.testing.assert_allclose(found['by_chance'], expected, rtol=0.05)


def test_draws_are_the_same_in_any_number():
  generator = ideal.make_generator(_bank(), colors=colored_mnist.COLOR_MEANS)
  params, rng = generator.init(None), jax.random.key(0)
  many = disentanglement.draw(rng, generator, params, 25, batch_size=10)
  few = disentanglement.draw(rng, generator, params, 12, batch_size=10)
  assert many.shape == (25, 32, 32, 3)
  np.testing.assert_array_equal(few, many[:12])
  assert len({image.tobytes() for image in many}) > 20  # Of 200 in 10 colours.


def test_a_generator_that_ignores_fine_latents_shows_one_colour():
  generator = ideal.make_generator(_bank(), colors=colored_mnist.COLOR_MEANS)
  params = generator.init(None)

  def deaf(params, w, rng=None):
    red = jnp.zeros_like(w[:, generator.split :]).at[..., 0].set(1.0)
    w = jnp.concatenate([w[:, : generator.split], red], axis=1)
    return generator.synthesize(params, w)

  record = disentanglement.measure(
    jax.random.key(0),
    generator._replace(synthesize=deaf),
    params,
    _judge(),
    COLORS,
    num_mixes=100,
    batch_size=100,
  )
  assert record['styles'][0] == 1.0  # All red, the donors too.
  assert record['style_follows'][0] > 0.9 and max(record['labels']) < 0.5


def test_the_generator_that_ships_separates_shape_and_colour():
  generator, params = stylegan.load(shipped.DATA / 'generator.npz')
  record = disentanglement.measure(
    jax.random.key(1), generator, params, _judge(), COLORS, num_mixes=500
  )
  # docs/generator.md has 97.5 and 97.8% on 2,000 mixes; here the share that 500
  # mixes fall short of in one case of a hundred.
  assert record['style_follows'][0] >= 0.955
  assert record['label_follows'][0] >= 0.96
  # 9 to 11% there; four standard errors of 500 draws are 0.05.
  for shares in (record['labels'], record['styles']):
    assert min(shares) >= 0.03 and max(shares) <= 0.18


def _measured(synthesize, monkeypatch, num_mixes):
  """Mixes of a pixel of two channels: a shape and a style, uniform in [0, 1].

  Args:
    synthesize: (params, latents [B, 2, 1]) -> [B, 1, 1, 2].
    monkeypatch: gives a judge that names 1 where the shape is above one half,
      and is sure there alone.
    num_mixes: how many.
  """

  def name(found, images):
    bright = images[:, 0, 0, 0] > 0.5
    return bright.astype(np.int32), np.where(bright, 0.95, 0.85)

  monkeypatch.setattr(judge, 'name', name)
  monkeypatch.setattr(judge, 'num_classes', lambda found: 2)
  plain = toy.generator()
  generator = plain._replace(
    map=lambda p, z: jax.scipy.stats.norm.cdf(plain.map(p, z)),
    synthesize=synthesize,
  )
  style = disentanglement.Style(
    lambda images: images[:, 0, 0, 1:], 0.0, np.array([[0.25], [0.75]])
  )
  return disentanglement.measure(
    jax.random.key(0), generator, {}, None, style, num_mixes=num_mixes
  )


def test_the_donors_label_and_the_recipients_style_follow_by_chance(
  monkeypatch,
):
  def swapped(params, w, rng=None):
    return w[:, None, None, ::-1, 0]  # The fine latent is the shape.

  record = _measured(swapped, monkeypatch, 500)
  # One class of two, 500 times: four standard errors.
  assert abs(record['label_follows'][0] - 0.5) < 0.09
  assert record['style_follows'][0] == 0  # No two styles are equal.
  # The median of |a - b|, a and b uniform, is 1 - sqrt(1/2); its standard
  # error 0.016: 1 / (2 density sqrt(500)), with the density sqrt(2).
  assert abs(record['style_distance'] - (1 - 0.5**0.5)) < 0.064


def test_shares_of_the_confident_are_of_samples_of_their_mixes_or_of_both(
  monkeypatch,
):
  """A mix is bright where either is: always where i is, else half of them."""

  def either(params, w, rng=None):
    return jnp.concatenate([w.max(1), w[:, 1]], axis=-1)[:, None, None]

  record = _measured(either, monkeypatch, 500)
  assert record['label_follows_if_confident'][0] == 1
  assert record['style_follows'][0] == 1
  # Four standard errors of 500 mixes; `confident` has 1,000 samples.
  for name, share in (
    ('label_follows', 0.75),
    ('confident', 0.5),
    ('mixes_confident', 0.75),
  ):
    assert abs(record[name][0] - share) < 0.078, name
