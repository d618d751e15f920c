"""Nominal training: the batch as it is.

Contents: clean_examples, nominal.
"""

import jax
import ml_collections

from advmix_jax import types


def clean_examples(batch: types.Batch, num_classes: int) -> types.Examples:
  """The batch itself, with one-hot targets [B, K] and its environments."""
  target = jax.nn.one_hot(batch.label, num_classes)
  return types.Examples(batch.image, target, batch.environment)


def nominal(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> types.Method:
  """Empirical risk minimisation: the batch as it is."""
  del config, generator

  def examples_fn(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> types.Examples:
    del rng, logits_fn, generator_params
    return clean_examples(batch, num_classes)

  return types.Method(examples_fn)
