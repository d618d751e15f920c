"""mixup: augmentation that needs neither a generator nor the classifier.

Contents: default_config, mixup, draw_pairs, partners.
"""

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import types
from advmix_jax.methods.nominal import clean_examples
from advmix_jax.runtime import parallel


def default_config() -> ml_collections.ConfigDict:
  """Options of mixup: alpha, of Beta(alpha, alpha) (paper: 0.2)."""
  return ml_collections.ConfigDict({'alpha': 0.2})


def mixup(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> types.Method:
  """mixup (arXiv:1710.09412): x = l x_i + (1 - l) x_j; targets likewise.

  l ~ Beta(alpha, alpha) is drawn per example, with alpha from config.mixup; j
  is a random permutation of the batch. The examples have no environment,
  because x_i and x_j may come from different environments.

  Raises:
    ValueError: config.mixup.alpha is not positive.
  """
  del generator
  alpha = config.mixup.alpha
  if alpha <= 0:
    raise ValueError(f'mixup.alpha is {alpha}, expected > 0')
  total = config.optimizer.batch_size

  def examples_fn(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> types.Examples:
    del logits_fn, generator_params
    rng_weight, rng_partner = jax.random.split(rng)
    clean = clean_examples(batch, num_classes)
    size = batch.label.shape[0]
    weight, partner = draw_pairs(rng_weight, rng_partner, alpha, size, total)

    def mix(x):
      l = weight.reshape((size,) + (1,) * (x.ndim - 1))
      return l * x + (1 - l) * parallel.gather(x)[partner]

    return types.Examples(mix(clean.image), mix(clean.target))

  return types.Method(examples_fn)


def draw_pairs(
  rng_weight: jax.Array,
  rng_partner: jax.Array,
  alpha: float,
  size: int,
  total: int,
) -> tuple[jax.Array, jax.Array]:
  """Draws what mixup and CutMix pair the rows of a batch with.

  Args:
    rng_weight: Key of the weights.
    rng_partner: Key of the permutation.
    alpha: Of Beta(alpha, alpha).
    size: B, rows of this device.
    total: Number of examples in the whole batch, without padding rows.

  Returns:
    Weights l ~ Beta(alpha, alpha) [B], and partners [B] int32: a random
    permutation of the whole batch, in which padding rows stay in place.
  """
  weight = parallel.rows(
    lambda n: jax.random.beta(rng_weight, alpha, alpha, (n,)), size
  )
  partner = parallel.rows(lambda n: partners(rng_partner, total, n), size)
  return weight, partner


def partners(rng: jax.Array, total: int, n: int) -> jax.Array:
  """A random permutation of the batch, [n] int32; padding rows stay in place.

  Args:
    rng: Key of the permutation.
    total: Number of examples in the whole batch, without padding rows.
    n: Number of rows in the whole batch.
  """
  total = min(total, n)
  return jnp.append(jax.random.permutation(rng, total), jnp.arange(total, n))
