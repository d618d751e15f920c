"""Claims about methods/mixing.py, on the ideal generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.toy_methods import (
  SIZE,
  K,
  always_right,
  linear_logits_fn,
  losses,
  make_config,
  make_examples,
  predicted,
  setting,
)

from advmix_jax import attacks
from advmix_jax.generators import ideal, mixing


def test_randmix_keeps_the_digit_and_draws_a_legible_colour():
  batch = setting()[2]
  a, b = make_examples('randmix', seed=0), make_examples('randmix', seed=1)
  color = a.image.max((1, 2))
  grey = batch.image.max(-1)
  want = grey[..., None] * color[:, None, None]
  # The grey digit is encoded from 8 bits of three channels: half a step each.
  np.testing.assert_allclose(a.image, want, atol=1 / 255)
  np.testing.assert_allclose(color, ideal.legible(color), atol=1e-6)
  assert jnp.abs(a.image - b.image).max((1, 2, 3)).min() > 0.01
  np.testing.assert_array_equal(a.target, make_examples('nominal').target)


def test_advmix_leaves_a_misclassified_image_as_it_is():
  batch = setting()[2]
  logits = -jax.nn.one_hot(batch.label, K)
  examples = make_examples('advmix', logits_fn=lambda image: logits)
  np.testing.assert_array_equal(examples.image, batch.image)


def test_advmix_finds_the_worst_colour_of_a_known_classifier():
  # The loss grows with the mean of the red channel and nothing is ever
  # misclassified; a ball that covers all colours then holds red 1.
  batch = setting()[2]
  config = make_config(eps=1.0, alpha=0.3, steps=4)
  examples = make_examples(
    'advmix', config=config, logits_fn=always_right(batch)
  )
  np.testing.assert_allclose(examples.image.max((1, 2))[:, 0], 1, atol=1e-5)


def test_advmix_is_at_least_as_bad_as_the_clean_image():
  batch = predicted(setting()[2])
  clean = make_examples('nominal', batch=batch)
  mixed = make_examples('advmix', batch=batch)
  logits = linear_logits_fn()(mixed.image)
  broken = jnp.argmax(logits, -1) != batch.label
  assert (broken | (losses(mixed) >= losses(clean) - 1e-5)).all()
  assert (losses(mixed) > losses(clean)).any()


def test_with_a_mix_as_fallback_advmix_trains_on_no_clean_image():
  # All is misclassified, so the attack keeps what it starts with.
  batch = setting()[2]
  config = make_config()
  config.mixing.fallback = 'mix'
  wrong = -jax.nn.one_hot(batch.label, K)
  examples = make_examples(
    'advmix', config=config, logits_fn=lambda image: wrong
  )
  first = jax.random.split(jax.random.key(0))[1]
  generator, params, *_ = setting()
  z_perp = mixing.random_fine(generator, params, first, SIZE)
  w = mixing.merge_latents(batch.latents[:, : generator.split], z_perp)
  want = generator.synthesize(params, w)
  np.testing.assert_allclose(examples.image, want, atol=1e-6)
  assert jnp.abs(examples.image - batch.image).max((1, 2, 3)).min() > 0.01


def test_an_unknown_fallback_is_named():
  config = make_config()
  config.mixing.fallback = 'none'
  with pytest.raises(ValueError, match="mixing.fallback is 'none', expected"):
    make_examples('advmix', config=config)


@pytest.mark.parametrize('name', ['randmix', 'advmix'])
def test_the_clean_fraction_is_left_unmixed(name):
  batch = predicted(setting()[2])
  config = make_config()
  for fraction, kept in ((0.5, 3), (1.0, 6)):
    config.mixing.clean_fraction = fraction
    examples = make_examples(name, config=config, batch=batch)
    change = jnp.abs(examples.image - batch.image).max((1, 2, 3))
    np.testing.assert_array_equal(change[:kept], 0)
    assert kept == 6 or (change[kept:] > 0).any()


@pytest.mark.parametrize('name', ['randmix', 'advmix'])
def test_the_mixed_rows_do_not_depend_on_the_clean_fraction(name):
  batch = predicted(setting()[2])
  config = make_config()
  whole = make_examples(name, config=config, batch=batch).image
  config.mixing.clean_fraction = 0.5
  part = make_examples(name, config=config, batch=batch).image
  np.testing.assert_array_equal(part[:3], batch.image[:3])
  np.testing.assert_array_equal(part[3:], whole[3:])


@pytest.mark.parametrize('name', ['randmix', 'advmix'])
def test_mixing_all_and_masking_equals_mixing_only_the_rest(name):
  """The rest alone, with the z that its rows have in the whole batch."""
  generator, params, *_ = setting()
  batch, rng = predicted(setting()[2]), jax.random.key(0)
  config = make_config()
  config.mixing.clean_fraction = 0.5
  found = make_examples(name, config=config, batch=batch).image
  rest = jax.tree.map(lambda a: a[3:], batch)

  def draw(key):
    return mixing.random_z(generator, key, SIZE)[3:]

  kept_clean = jnp.zeros(3, bool)
  z_perp = mixing.map_fine(generator, params, draw(rng))
  if name == 'advmix':
    result, kept_clean = attacks.algorithm2(
      rng,
      linear_logits_fn(),
      rest,
      generator,
      params,
      attack=config.attack,
      draw_fn=draw,
    )
    z_perp = result.x
  w = mixing.merge_latents(rest.latents[:, : generator.split], z_perp)
  image = generator.synthesize(params, w)
  image = jnp.where(kept_clean[:, None, None, None], rest.image, image)
  # A few ulp: 3 rows and 6 are different programs.
  np.testing.assert_allclose(found[3:], image, atol=1e-6)
  assert (jnp.abs(found - batch.image).max((1, 2, 3))[3:] > 0.01).any()
