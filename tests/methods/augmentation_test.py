"""Claims about augmentation.py: mixup."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.toy_methods import (
  make_config,
  make_examples,
  setting,
)

from advmix_jax import types
from advmix_jax.methods import augmentation


def test_mixup_mixes_images_and_targets_by_the_same_weight():
  batch = setting()[2]
  # Image i is the constant i and its label is i, so an example shows its
  # partner and its weight.
  n = len(batch.label)
  value = jnp.arange(n) / n
  batch = types.Batch(
    jnp.ones((n, 4, 4, 3)) * value[:, None, None, None], jnp.arange(n), None
  )
  examples = make_examples('mixup', batch=batch)
  # x = sum_k target_k * image_k is convex in the images.
  want = examples.target[:, :n] @ value
  np.testing.assert_allclose(examples.image[:, 0, 0, 0], want, rtol=1e-5)
  np.testing.assert_allclose(examples.target.sum(-1), 1, rtol=1e-6)
  assert (examples.target >= 0).all()
  assert ((examples.target > 0).sum(-1) <= 2).all()


def test_mixup_partners_are_examples_and_not_padding_rows():
  rng = jax.random.key(0)
  found = np.asarray(augmentation.partners(rng, 6, 8))
  assert sorted(found[:6]) == list(range(6)) and list(found[6:]) == [6, 7]
  few = np.asarray(augmentation.partners(rng, 10, 8))
  assert sorted(few) == list(range(8))


def test_mixup_weights_have_the_moments_of_the_beta_distribution():
  alpha, n = 0.5, 4000
  batch = types.Batch(jnp.zeros((n, 1, 1, 1)), jnp.arange(n) % 2, None)
  batch = batch._replace(image=batch.label[:, None, None, None].astype(float))
  config = make_config(size=n)
  config.mixup.alpha = alpha
  target = make_examples('mixup', config=config, batch=batch).target
  # Half the pairs have equal labels, weight 1; the others l or 1 - l.
  mixed = np.asarray(target[:, 0])
  variance = 1 / (4 * (2 * alpha + 1))
  got = np.mean((mixed - 0.5) ** 2)
  want = 0.5 * 0.25 + 0.5 * variance
  assert abs(got - want) < 0.01  # 5 standard errors of 4000 draws.


@pytest.mark.parametrize('alpha', [0.2, 1.0, 3.0])
def test_weights_have_the_mean_and_the_variance_of_beta(alpha):
  """1/2 and 1 / (4 (2 alpha + 1)), within five standard errors."""
  n = 4000
  keys = jax.random.split(jax.random.key(0))
  weight = np.asarray(augmentation.draw_pairs(*keys, alpha, n, n)[0])
  variance = 1 / (4 * (2 * alpha + 1))
  assert abs(weight.mean() - 0.5) < 5 * np.sqrt(variance / n)
  square = (weight - 0.5) ** 2
  assert abs(square.mean() - variance) < 5 * square.std() / n**0.5
