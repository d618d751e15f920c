"""Weights drawn by NumPy against those that Haiku draws."""

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax.generators import initial


def _network(x):
  hk.get_parameter('ones', [2], init=jnp.ones)
  weights = {
    'wide': hk.initializers.RandomNormal(100.0),
    'shifted': hk.initializers.RandomNormal(0.5, mean=3.0),
  }
  for name, init in weights.items():
    module = hk.Linear(64, w_init=init, b_init=jnp.zeros, name=name)
    x = module(x)
  return x


def _types(params):
  return jax.tree.map(lambda x: x.dtype, params)


def test_weights_are_distributed_as_haiku_draws_them():
  rng, x = jax.random.key(0), jnp.zeros((1, 64))
  slow = hk.transform(_network).init(rng, x)
  fast = initial.draw(_network, rng, x)
  assert jax.tree.structure(fast) == jax.tree.structure(slow)
  assert jax.tree.map(jnp.shape, fast) == jax.tree.map(jnp.shape, slow)
  assert _types(fast) == _types(slow)
  for name in ('wide', 'shifted'):
    np.testing.assert_array_equal(fast[name]['b'], slow[name]['b'])
    # 4,096 draws: five standard errors of the mean and of the deviation.
    scale = slow[name]['w'].std()
    np.testing.assert_allclose(
      fast[name]['w'].mean(), slow[name]['w'].mean(), atol=0.11 * scale
    )
    np.testing.assert_allclose(fast[name]['w'].std(), scale, rtol=0.08)
  np.testing.assert_array_equal(fast['~']['ones'], slow['~']['ones'])


def test_weights_are_a_function_of_the_key():
  x = jnp.zeros((1, 64))
  draws = [
    initial.draw(_network, jax.random.key(seed), x)['wide']['w']
    for seed in (0, 0, 1)
  ]
  np.testing.assert_array_equal(draws[0], draws[1])
  assert abs(np.corrcoef(draws[0].ravel(), draws[2].ravel())[0, 1]) < 0.08
  typed = jax.random.key(0, impl='rbg')
  assert initial.draw(_network, typed, x)['wide']['w'].shape == (64, 64)


def test_compiled_functions_have_the_draws_of_haiku():
  rng, x = jax.random.key(0), jnp.zeros((1, 64))
  compiled = jax.jit(lambda key: initial.draw(_network, key, x))(rng)
  slow = hk.transform(_network).init(rng, x)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, 1e-5), compiled, slow
  )


def test_another_initializer_is_refused():
  with pytest.raises(ValueError, match='cannot draw weights of'):
    initial.draw(lambda x: hk.Linear(3)(x), jax.random.key(0), jnp.ones((1, 2)))
