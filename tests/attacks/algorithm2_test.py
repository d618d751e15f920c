"""Claims about algorithm2.py, on the ideal generator."""

import jax
import numpy as np
from helpers.toy_methods import (
  always_right,
  linear_logits_fn,
  make_config,
  predicted,
  setting,
)

from advmix_jax import attacks
from advmix_jax.generators import ideal, mixing


def test_the_typical_set_is_searched_in_z_and_decoded():
  generator, params, batch, *_ = setting()
  attack = make_config(typical_set=True, eps=0.5).attack
  result, clean = attacks.algorithm2(
    jax.random.key(0),
    always_right(batch),
    batch,
    generator,
    params,
    attack=attack,
  )
  assert result.x.shape == (len(batch.label), 1, 3)
  color = result.x[:, 0]
  # The generator's colours are legible, and so are the clean images'.
  np.testing.assert_allclose(color, ideal.legible(color), atol=1e-6)
  z_perp = batch.latents[:, generator.split :]
  np.testing.assert_array_equal(result.x[clean], z_perp[clean])


def test_it_is_pgd_on_whole_images_from_random_mixes():
  """Without activations that are kept and without batches that shrink."""
  generator, params, batch, *_ = setting()
  batch, logits_fn = predicted(batch), linear_logits_fn()
  attack, rng = make_config().attack, jax.random.key(0)
  z_par, z_perp = mixing.split_latents(batch.latents, generator.split)

  def loss_of(image):
    return attacks.cross_entropy_and_logits(logits_fn, image, batch.label)

  def loss_fn(x):
    w = mixing.merge_latents(z_par, x)
    return loss_of(generator.synthesize(params, w))

  loss, logits = loss_of(batch.image)
  initial = attacks.Initial(z_perp, loss, logits)
  expected = attacks.pgd(
    loss_fn,
    rng,
    lambda key: mixing.random_fine(generator, params, key, len(batch.label)),
    batch.label,
    initial=initial,
    **attacks.attack_options(attack),
  )
  found, kept_clean = attacks.algorithm2(
    rng, logits_fn, batch, generator, params, attack=attack
  )
  np.testing.assert_array_equal(found.success, expected.success)
  np.testing.assert_array_equal(found.first_success, expected.first_success)
  np.testing.assert_array_equal(
    kept_clean, attacks.kept_initial(expected, initial)
  )
  # The two programs sum in different orders: a few ulp.
  np.testing.assert_allclose(found.x, expected.x, atol=1e-6)
  np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-4, atol=1e-6)


def test_a_misclassified_image_is_kept_as_it_is():
  generator, params, batch, *_ = setting()
  logits = -jax.nn.one_hot(batch.label, 10)
  result, kept_clean = attacks.algorithm2(
    jax.random.key(0),
    lambda image: logits[: len(image)],
    batch,
    generator,
    params,
    attack=make_config().attack,
  )
  assert kept_clean.all() and result.success.all()
  np.testing.assert_array_equal(result.x, batch.latents[:, generator.split :])
  np.testing.assert_array_equal(result.first_success, 0)
