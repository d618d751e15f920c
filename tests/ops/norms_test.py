"""Claims about norms, AdaIN and sums over pixels, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax.ops import norms

# float32 sums of some 20 numbers of size 1, in another order.
TOLERANCE = 2e-5


def _normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), 'float32')


def test_adain_sets_mean_and_deviation():
  x = _normal(0, 2, 8, 8, 3) * 5 + 2
  style = _normal(1, 2, 6)
  y = norms.adain(x, style)
  np.testing.assert_allclose(y.mean((1, 2)), style[:, 3:], atol=1e-5)
  np.testing.assert_allclose(y.std((1, 2)), np.abs(style[:, :3] + 1), rtol=1e-4)


def test_adain_and_its_gradients_equal_the_definition():
  x = _normal(0, 2, 8, 8, 3) * 5 + 2
  style, pull = _normal(1, 2, 6), _normal(2, 2, 8, 8, 3)
  y, vjp = jax.vjp(norms.adain, x, style)
  slow, slow_vjp = jax.vjp(norms.adain_reference, x, style)
  np.testing.assert_allclose(y, slow, atol=1e-5)
  for a, b in zip(vjp(pull), slow_vjp(pull), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)  # Sums of 64 normals.


def test_instance_norm_and_modulate_are_adain():
  x = _normal(0, 2, 8, 8, 3) * 5 + 2
  style, pull = _normal(1, 2, 6), _normal(2, 2, 8, 8, 3)

  def parts(x, style):
    return norms.modulate(norms.instance_norm(x), style)

  y, vjp = jax.vjp(parts, x, style)
  slow, slow_vjp = jax.vjp(norms.adain_reference, x, style)
  np.testing.assert_allclose(y, slow, atol=1e-5)
  for a, b in zip(vjp(pull), slow_vjp(pull), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)  # Sums of 64 normals.


def test_sums_over_pixels_and_their_gradients_equal_those_of_jax():
  x, b = _normal(0, 2, 5, 4, 3), _normal(1, 3)
  slow = x.sum((1, 2), keepdims=True)
  np.testing.assert_allclose(norms.pixel_sum(x), slow, atol=TOLERANCE)

  def score(add):
    return jax.grad(lambda x, b: jnp.sum(jnp.sin(add(x, b))), (0, 1))

  ours, jax_s = score(norms.add_bias)(x, b), score(jnp.add)(x, b)
  for a, b in zip(ours, jax_s, strict=True):
    np.testing.assert_allclose(a, b, atol=TOLERANCE)


@pytest.mark.parametrize('size', [17, 48, 256])
def test_sums_over_many_pixels_are_as_exact_as_float32_allows(size):
  x = 1 + _normal(0, 1, size, size, 2)
  exact = np.asarray(x, float).sum((1, 2), keepdims=True)
  # 1,000 terms in order lose some 1e-6; 65,000 would lose 1e-5.
  np.testing.assert_allclose(norms.pixel_sum(x), exact, rtol=2e-6)


def test_the_gradient_of_adain_has_a_gradient():
  x, style = _normal(0, 2, 4, 4, 3), _normal(1, 2, 6)

  def penalty(adain):
    def score(x):
      return jnp.sum(jnp.sin(adain(x, style)))

    return jax.grad(lambda x: jnp.sum(jax.grad(score)(x) ** 2))

  ours, slow = penalty(norms.adain)(x), penalty(norms.adain_reference)(x)
  np.testing.assert_allclose(ours, slow, atol=1e-4)  # Values up to some 10.


def test_minibatch_stddev_groups_are_strided():
  # Samples 0, 2, 4, 6 agree and 1, 3, 5, 7 spread: only odd ones see it.
  x = (
    jnp.ones((8, 1, 1, 1))
    .at[1::2, 0, 0, 0]
    .set(jnp.asarray([-1.0, 1.0, -1.0, 1.0]))
  )
  y = norms.minibatch_stddev(x)[:, 0, 0, 1]
  np.testing.assert_allclose(y[1::2], 1.0, atol=1e-6)
  np.testing.assert_allclose(y[::2], 1e-4, atol=1e-6)


def test_minibatch_stddev_refuses_a_batch_that_does_not_divide():
  with pytest.raises(ValueError, match='batch of 6'):
    norms.minibatch_stddev(jnp.zeros((6, 4, 4, 1)))


def test_class_stddev_is_minibatch_stddev_of_each_class():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(9, 4, 4, 3)).astype('float32')
  classes = np.array([1, 0, 1, 3, 0, 1, 0, 1, 4])  # 3, 4, 0, 1, and 1 samples.
  y = norms.class_stddev(jnp.asarray(x), jax.nn.one_hot(classes, 5))
  np.testing.assert_array_equal(y[..., :3], x)
  for k in range(5):
    own = jnp.asarray(x[classes == k])
    if len(own):
      slow = norms.minibatch_stddev(own, len(own))[..., 3]
      np.testing.assert_allclose(y[classes == k][..., 3], slow, atol=1e-6)


def test_class_stddev_does_not_count_padding_rows():
  rng = np.random.default_rng(1)
  x = jnp.asarray(rng.normal(size=(6, 4, 4, 2)), 'float32')
  labels = jax.nn.one_hot(jnp.asarray([0, 1, 0, 1, 0, 1]), 2)
  whole = norms.class_stddev(x, labels, size=4)
  np.testing.assert_allclose(
    whole[:4], norms.class_stddev(x[:4], labels[:4]), atol=1e-6
  )
