"""Claims about algorithm2.py, on the ideal generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import toy_subject as toy
from helpers.toy_methods import (
  always_right,
  linear_logits_fn,
  make_config,
  predicted,
  setting,
)

from advmix_jax import attacks, types
from advmix_jax.attacks.algorithm2 import SEARCHES
from advmix_jax.attacks.losses import LOSSES
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


_SEARCH = (
  'restarts',
  'steps',
  'alpha',
  'eps',
  'direction',
  'gradient_at',
  'keep',
  'test_start',
)


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
    **{name: attack[name] for name in _SEARCH},
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


def attacked(logits_fn, batch, **options):
  """Algorithm 2 on the six digits."""
  generator, params, *_ = setting()
  return attacks.algorithm2(
    jax.random.key(0),
    logits_fn,
    batch,
    generator,
    params,
    attack=make_config(**options).attack,
  )


def test_as_printed_it_returns_x_where_nothing_is_misclassified():
  batch = setting()[2]
  logits_fn = always_right(batch)
  result, kept_clean = attacked(logits_fn, batch, keep='misclassified')
  assert kept_clean.all() and not result.success.any()
  z_perp = batch.latents[:, setting()[0].split :]
  np.testing.assert_array_equal(result.x, z_perp)
  _, kept_clean = attacked(logits_fn, batch)
  assert not kept_clean.all()


def test_without_the_fallback_a_mix_is_returned_always():
  batch = setting()[2]
  logits = -jax.nn.one_hot(batch.label, 10)  # Always wrong, also on x.
  result, kept_clean = attacked(
    lambda image: logits[: len(image)], batch, clean_fallback=False
  )
  assert not kept_clean.any() and result.success.all()
  np.testing.assert_array_equal(result.first_success[:, 0], 1)


@pytest.mark.parametrize('direction', ['sign', 'corners'])
def test_a_radius_in_units_of_w_std_is_a_radius_in_w(direction):
  """One number per coordinate, which a generator of equal spreads shows."""
  generator, params, batch, *_ = setting()
  std = np.asarray(attacks.w_std(generator, params))
  scale = np.float32(std.mean())
  generator = generator._replace(
    map=lambda p, z: setting()[0].map(p, z) * (scale / std)
  )
  batch, results = predicted(batch), []
  for unit, factor in (('w_std', 1.0), ('w', float(scale))):
    attack = make_config(unit=unit, alpha=0.1 * factor, eps=0.3 * factor).attack
    attack.direction = direction
    results.append(
      attacks.algorithm2(
        jax.random.key(0),
        linear_logits_fn(),
        batch,
        generator,
        params,
        attack=attack,
      )
    )
  (a, clean_a), (b, clean_b) = results
  np.testing.assert_array_equal(clean_a, clean_b)
  np.testing.assert_array_equal(a.first_success, b.first_success)
  np.testing.assert_allclose(a.x, b.x, atol=1e-5)  # Rounding of the products.


def test_all_searches_and_losses_find_a_known_worst_colour():
  """The loss grows with the red channel; the ball holds all colours."""
  batch = setting()[2]
  for direction in SEARCHES:
    result, _ = attacked(
      always_right(batch),
      batch,
      direction=direction,
      loss='margin',
      eps=1.0,
      alpha=50.0 if direction == 'raw' else 0.5,
      steps=10,
    )
    # More than 1 is painted as 1, so nothing is redder.
    assert (result.x[:, 0, 0] > 0.95).all(), direction


def test_the_cost_counts_images_and_passes():
  """Of pgd_test.test_no_pass_is_wasted, a backward pass counted as two."""
  attack = make_config(restarts=3, steps=4).attack
  assert attacks.cost(attack) == (3 * 5, 3 * (5 + 2 * 4))
  attack.gradient_at = 'start'
  assert attacks.cost(attack) == (3 * 5, 3 * (5 + 2))
  attack.direction, attack.test_start = 'corners', False
  assert attacks.cost(attack) == (3 * 4, 3 * 5)


@pytest.mark.parametrize(
  'bad, message',
  [
    ({'eps': -1.0}, 'attack.eps is -1.0, expected >= 0'),
    ({'eps': float('nan')}, 'attack.eps is nan, expected >= 0'),
    ({'alpha': float('inf')}, 'attack.alpha is inf, expected >= 0'),
    ({'gradient_at': '/../..'}, "gradient_at is '/../..', expected one of"),
    ({'unit': 'cm'}, "attack.unit is 'cm', expected one of"),
    ({'loss': 'mse'}, "attack.loss is 'mse', expected one of"),
    ({'direction': 'up'}, "attack.direction is 'up', expected one of"),
    ({'keep': 'all'}, "attack.keep is 'all', expected one of"),
    ({'unit': 'w_std', 'typical_set': True}, "expected 'w' with"),
    ({'keep': 'misclassified', 'clean_fallback': False}, 'without the clean'),
    ({'steps': 0, 'test_start': False}, 'expected steps >= 1'),
    ({'restarts': 0}, 'restarts is 0, expected an integer >= 1'),
  ],
)
def test_bad_options_are_named(bad, message):
  with pytest.raises(ValueError, match=message):
    attacks.check_attack(make_config(**bad).attack)


@pytest.mark.parametrize(
  'change, message',
  [
    ({'latents': None}, 'the batch has no latents'),
    ({'image': np.zeros((6, 32, 32, 3), np.uint8)}, 'images are uint8, expect'),
  ],
)
def test_a_batch_that_lacks_something_is_refused(change, message):
  generator, params, batch, *_ = setting()
  with pytest.raises(ValueError, match=message):
    attacks.algorithm2(
      jax.random.key(0),
      linear_logits_fn(),
      batch._replace(**change),
      generator,
      params,
      attack=make_config().attack,
    )


def test_the_typical_set_comes_after_the_ball():
  """One long step in z: into the ball of eps, then to the shell of Eq. 15."""
  generator = toy.generator()._replace(latent_size=4, dlatent_size=4)
  slope = np.float32([1, -1, 1, 1])
  # Too long after the step, too short, and inside the shell.
  z = np.float32([[3, -2, 1.5, 0.5], [-0.5, 0.5, -0.5, -0.6], [1, -1, 1, 0.5]])
  latents = jnp.zeros((3, 2, 4))
  batch = types.Batch(jnp.zeros((3, 1, 1, 8)), jnp.zeros(3, int), latents)

  def logits_fn(image):  # Never wrong; the loss grows along the slope.
    score = image[:, 0, 0, 4:] @ slope
    return jnp.stack([jnp.full_like(score, 20), score], axis=-1)

  attack = make_config(
    typical_set=True, eps=0.5, alpha=2.0, restarts=1, steps=1,
    clean_fallback=False, test_start=False,
  ).attack  # fmt: skip
  result, _ = attacks.algorithm2(
    jax.random.key(0), logits_fn, batch, generator, {},
    attack=attack, draw_fn=lambda key: jnp.asarray(z),
  )  # fmt: skip
  moved = z + 0.5 * slope
  norm = np.linalg.norm(moved, axis=-1, keepdims=True)
  radius = np.clip(norm, 2 - 2**0.5, 2 + 2**0.5)  # sqrt(4) -+ 4^(1/4).
  assert (radius == norm).ravel().tolist() == [False, False, True]
  np.testing.assert_allclose(result.x[:, 0], moved * radius / norm, rtol=1e-5)


@pytest.mark.parametrize('loss', list(LOSSES))
def test_the_loss_of_the_result_is_the_one_that_is_named(loss):
  generator, params, batch, *_ = setting()
  batch, logits_fn = predicted(batch), linear_logits_fn()
  result, _ = attacked(logits_fn, batch, loss=loss, clean_fallback=False)
  z_par, _ = mixing.split_latents(batch.latents, generator.split)
  image = generator.synthesize(params, mixing.merge_latents(z_par, result.x))
  expected, _ = LOSSES[loss](logits_fn, image, batch.label)
  np.testing.assert_allclose(result.loss, expected, rtol=1e-4, atol=1e-5)
