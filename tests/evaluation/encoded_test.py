"""The measures of encoded images, on an encoder that is exact."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits
from advmix_jax.evaluation import disentanglement, encoded, judge
from advmix_jax.generators import ideal

N = 100
COLORS = disentanglement.Style(
  measure_fn=colored_mnist.ink_color,
  tolerance=0.15,
  prototypes=colored_mnist.COLOR_MEANS,
)


@functools.cache
def _dataset():
  digits = load_digits('embedded', 'train', limit=N)
  return colored_mnist.make(digits, sigma=0.0, seed=0, biased=False)


def _measure(generator, latents, style=COLORS):
  found = judge.load(view_fn=colored_mnist.brightness)
  return encoded.measure(
    jax.random.key(0),
    generator,
    generator.init(None),
    lambda images: judge.name(found, images)[0],
    style,
    dataset=_dataset(),
    latents=latents,
  )


@functools.cache
def _exact():
  bank = datasets.to_float(_dataset().image)
  generator = ideal.make_generator(bank, colors=colored_mnist.COLOR_MEANS)
  return generator, np.asarray(ideal.encode(bank))


def test_exact_latents_keep_the_label_and_take_the_donors_colour():
  record = _measure(*_exact())
  assert record['num_images'] == N and record['squared_error']['mean'] < 1e-4
  ceiling = record['images']['names_label'][0]
  assert ceiling > 0.95  # The judge was trained on these digits.
  for part in ('reconstructions', 'sample_mixes', 'image_mixes'):
    # The judge sees the largest channel, which 8 bits round for dark colours.
    assert abs(record[part]['names_label'][0] - ceiling) <= 0.01
  for part in ('sample_mixes', 'image_mixes'):
    # A thinner donor's mean colour is darker, by less than 0.15 for most.
    assert record[part]['style_follows'][0] > 0.9


def test_a_generator_that_ignores_fine_latents_follows_no_image():
  generator, latents = _exact()

  def deaf(params, w, rng=None):
    black = jnp.zeros_like(w[:, generator.split :])
    w = jnp.concatenate([w[:, : generator.split], black], axis=1)
    return generator.synthesize(params, w)

  record = _measure(generator._replace(synthesize=deaf), latents)
  assert record['image_mixes']['style_follows'][0] == 0
  # All in one grey, in which the digit is still the digit.
  assert record['image_mixes']['names_label'][0] > 0.95


def test_without_a_measure_of_style_the_other_measures_are_the_same():
  record = _measure(*_exact(), style=None)
  for part in (whole := _measure(*_exact())).values():
    if isinstance(part, dict):
      part.pop('style_follows', None)
  assert record == whole


def test_another_number_of_latents_is_refused():
  generator, latents = _exact()
  with pytest.raises(ValueError, match='99 latents of 100 images'):
    _measure(generator, latents[1:])


def test_everybody_is_the_donor_of_one_other(monkeypatch):
  # Any order will do; JAX compiles a program for each n.
  monkeypatch.setattr(
    jax.random, 'permutation', lambda rng, n: rng.permutation(n)
  )
  for n in range(2, 51):
    donor = encoded._donors(np.random.default_rng(n), n)
    np.testing.assert_array_equal(np.sort(donor), np.arange(n))
    assert (donor != np.arange(n)).all()


def test_the_median_error_is_the_middle_one():
  found = np.array([3.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
  errors = encoded._errors(found, np.zeros((3, 2, 2, 3)))
  assert errors == {'mean': pytest.approx(10 / 3), 'median': 1.0}
