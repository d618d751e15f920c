"""Claims about starts.py."""

import jax
import jax.numpy as jnp
import numpy as np
from helpers.attack_problems import (
  RNG,
)

from advmix_jax import attacks


def test_uniform_starts_fill_the_ball_within_the_box():
  x = jnp.array([[0.5, 0.0]])
  start_fn = attacks.uniform_start_fn(x, 0.2)
  starts = jax.vmap(start_fn)(jax.random.split(RNG, 500))[:, 0]
  low, high = np.asarray(starts.min(0)), np.asarray(starts.max(0))
  # The extremes of 500 uniform draws are within 2% of the ends (p < 1e-4).
  np.testing.assert_allclose(low, [0.3, 0.0], atol=0.008)
  np.testing.assert_allclose(high, [0.7, 0.2], atol=0.008)


def test_images_of_a_batch_start_independently_of_each_other():
  """One image twice, and its neighbouring rows: noises are uncorrelated."""
  x = jnp.full((2, 50, 50, 3), 0.5)
  first, second = np.asarray(attacks.uniform_start_fn(x, 0.2)(RNG) - x)
  for one, other in ((first, second), (first[1:], first[:-1])):
    correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert abs(correlation) < 4 / one.size**0.5  # Four standard errors.
