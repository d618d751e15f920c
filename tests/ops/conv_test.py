"""Claims about convolutions, against slow twins and XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import ops
from advmix_jax.ops import conv

# float32 sums of at most 9 * 8 products of unit normals, in another order.
TOLERANCE = 2e-5


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), 'float32')


@pytest.mark.parametrize(
  ('fast', 'slow'),
  [
    (ops.upscale_conv2d, ops.upscale_conv2d_reference),
    (ops.conv2d_downscale, ops.conv2d_downscale_reference),
  ],
)
def test_fused_resampling_equals_its_definition(fast, slow):
  x, w = _normal(0, 2, 6, 4, 5), _normal(1, 3, 3, 5, 7)
  np.testing.assert_allclose(fast(x, w), slow(x, w), atol=TOLERANCE)


@pytest.mark.parametrize(
  'k, pad, cache',  # Parts of 1, a few, 5 images.
  [
    (3, (1, 1), 1),
    (3, (1, 1), 4000),
    (3, (1, 1), 2**30),
    (2, (1, 1), 4000),
    (2, (0, 0), 2**30),
  ],
)
@pytest.mark.parametrize('channels', [3, 16])
def test_convolution_gradients_equal_those_of_xla(
  k, pad, channels, cache, monkeypatch
):
  monkeypatch.setattr(conv, '_CACHE', cache)
  x, w = _normal(0, 5, 6, 6, channels), _normal(1, k, k, channels, 4)

  def objective(conv):
    return lambda x, w: jnp.sum(jnp.sin(conv(x, w)))

  ours = jax.grad(objective(lambda x, w: conv._cpu_conv(x, w, pad)), (0, 1))
  xla = jax.grad(objective(lambda x, w: conv._lax_conv(x, w, pad)), (0, 1))
  for a, b in zip(ours(x, w), xla(x, w), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize('k, pad', [(3, (1, 1)), (2, (0, 1)), (1, (0, 0))])
@pytest.mark.parametrize(
  ('form', 'channels', 'out'),
  [(conv._from_narrow_conv, 3, 9), (conv._to_narrow_conv, 9, 3)],
)
def test_a_convolution_of_few_channels_equals_that_of_xla(
  k, pad, form, channels, out
):
  x, w = _normal(0, 2, 6, 4, channels), _normal(1, k, k, channels, out)
  np.testing.assert_allclose(
    form(x, w, pad), conv._lax_conv(x, w, pad), atol=TOLERANCE
  )


@pytest.mark.parametrize(('channels', 'out'), [(3, 9), (9, 3)])
def test_gradient_of_gradient_equals_that_of_xla(channels, out):
  x, w = _normal(0, 2, 6, 6, channels), _normal(1, 3, 3, channels, out)

  def penalty(conv):
    def score(x, w):
      return jnp.sum(jnp.sin(conv(x, w, (1, 1))))

    return jax.grad(lambda w: jnp.sum(jax.grad(score)(x, w) ** 2))

  ours, xla = penalty(conv._cpu_conv)(w), penalty(conv._lax_conv)(w)
  # Sums of thousands of terms, up to about 800: 1e-5 of the largest.
  np.testing.assert_allclose(ours, xla, rtol=1e-4, atol=1e-2)
