"""Claims about functions of single numbers."""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import ops


def test_beyond_the_range_a_clip_has_a_gradient_towards_it_only():
  x = jnp.asarray([-1.0, -1, 0.5, 0.5, 2, 2])
  pull = jnp.asarray([1.0, -1, 1, -1, 1, -1])  # A descent moves against it.
  y, vjp = jax.vjp(ops.clip_towards, x)
  np.testing.assert_array_equal(y, [0, 0, 0.5, 0.5, 1, 1])
  np.testing.assert_array_equal(vjp(pull)[0], [0, -1, 1, -1, 1, 0])


def test_a_clip_passes_the_gradients_of_pixels_that_it_leaves_as_they_are():
  x = jnp.asarray([-1.0, 0, 0.25, 1, 2, jnp.nan], jnp.float32)
  y, vjp = jax.vjp(ops.clip_unit, x)
  np.testing.assert_array_equal(y, [0, 0, 0.25, 1, 1, jnp.nan])
  np.testing.assert_array_equal(vjp(jnp.full(6, 3.0))[0][:5], [0, 3, 3, 3, 0])


def test_leaky_relu_keeps_a_fifth_of_what_is_negative():
  x = jnp.asarray([-5.0, -1, 0, 1, 5])
  np.testing.assert_allclose(ops.leaky_relu(x), [-1, -0.2, 0, 1, 5], rtol=1e-6)
