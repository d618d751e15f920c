"""Claims about resampling, against slow twins and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import ops


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), 'float32')


def test_pooling_equals_its_definition_and_first_of_equals_has_the_gradient():
  x, pull = _normal(0, 2, 6, 4, 5), _normal(1, 2, 3, 2, 5)
  y, vjp = jax.vjp(ops.max_pool2d, x)
  slow, slow_vjp = jax.vjp(ops.max_pool2d_reference, x)
  np.testing.assert_array_equal(y, slow)
  np.testing.assert_array_equal(vjp(pull)[0], slow_vjp(pull)[0])
  _, vjp = jax.vjp(ops.max_pool2d, jnp.zeros((1, 2, 2, 1)))
  np.testing.assert_array_equal(
    vjp(jnp.ones((1, 1, 1, 1)))[0].ravel(), [1, 0, 0, 0]
  )


def test_blur_of_a_point_is_the_outer_product_of_its_filter():
  x = jnp.zeros((1, 5, 5, 1)).at[0, 2, 2, 0].set(16.0)
  expected = np.outer([0, 1, 2, 1, 0], [0, 1, 2, 1, 0])
  np.testing.assert_array_equal(ops.blur2d(x)[0, :, :, 0], expected)


def test_downscale_undoes_upscale():
  x = _normal(0, 2, 4, 4, 3)
  np.testing.assert_allclose(ops.downscale2d(ops.upscale2d(x)), x, rtol=1e-6)


def test_max_pool_takes_the_largest_of_four():
  x = jnp.arange(16.0).reshape(1, 4, 4, 1)
  np.testing.assert_array_equal(
    ops.max_pool2d(x)[0, :, :, 0], [[5, 7], [13, 15]]
  )
