"""Claims about Winograd's convolution, against its slow twin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import ops
from advmix_jax.ops import winograd

# float32 sums of 9 * 20 products of unit normals, in another order and form.
TOLERANCE = 1e-4


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), 'float32')


@pytest.mark.parametrize('shape', [(2, 6, 4), (1, 2, 2)])
def test_it_equals_the_direct_convolution(shape):
  x, w = _normal(0, *shape, 20), _normal(1, 3, 3, 20, 17)
  fast = winograd._cpu_conv(x, w)
  np.testing.assert_allclose(fast, ops.conv2d(x, w), atol=TOLERANCE)


def test_gradients_equal_those_of_the_direct_convolution():
  x, w = _normal(0, 2, 4, 6, 20), _normal(1, 3, 3, 20, 17) / 10

  def gradients(conv):
    return jax.grad(lambda x, w: jnp.sin(conv(x, w)).sum(), (0, 1))(x, w)

  pairs = zip(gradients(winograd._cpu_conv), gradients(ops.conv2d), strict=True)
  for fast, slow in pairs:
    np.testing.assert_allclose(fast, slow, atol=TOLERANCE)


@pytest.mark.parametrize(
  ('shape', 'channels'), [((2, 5, 4, 20), 17), ((2, 4, 4, 3), 17)]
)
def test_odd_sizes_and_few_channels_take_the_direct_form(shape, channels):
  x, w = _normal(0, *shape), _normal(1, 3, 3, shape[-1], channels)
  np.testing.assert_array_equal(ops.winograd_conv2d(x, w), ops.conv2d(x, w))
