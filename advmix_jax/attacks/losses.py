"""Losses that an attack maximises, per example.

Contents: named, misclassified, margin, margin_and_logits,
cross_entropy_and_logits, LOSSES.
"""

import jax
import jax.numpy as jnp
import optax

from advmix_jax.types import LogitsFn


def named(logits: jax.Array) -> jax.Array:
  """The class [B] that logits [B, K] name; -1: one of them is not finite.

  `argmax` of logits that are NaN would be 0.
  """
  finite = jnp.isfinite(logits).all(axis=-1)
  return jnp.where(finite, jnp.argmax(logits, axis=-1), -1)


def misclassified(
  logits: jax.Array,  # [B, K]
  labels: jax.Array,  # [B]
) -> jax.Array:
  """Whether another class is named, or none, [B] bool."""
  return named(logits) != labels


def margin(
  logits: jax.Array,  # [B, K]
  labels: jax.Array,  # [B]
) -> jax.Array:
  """Best wrong logit minus the right one, [B]: positive where misclassified.

  An alternative to cross-entropy for evaluation: where many classes share the
  probability, the iterate with the highest cross-entropy may still be
  classified correctly.
  """
  right = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
  wrong = jnp.where(right, -jnp.inf, logits).max(axis=-1)
  return wrong - jnp.where(right, logits, 0.0).sum(axis=-1)


def margin_and_logits(
  logits_fn: LogitsFn,
  image: jax.Array,  # [B, H, W, C]
  labels: jax.Array,  # [B]
) -> tuple[jax.Array, jax.Array]:
  """`margin` [B] and the logits [B, K]."""
  logits = logits_fn(image)
  return margin(logits, labels), logits


def cross_entropy_and_logits(
  logits_fn: LogitsFn,
  image: jax.Array,  # [B, H, W, C]
  labels: jax.Array,  # [B]
) -> tuple[jax.Array, jax.Array]:
  """Cross-entropy [B] with the true class, in nats, and the logits [B, K]."""
  logits = logits_fn(image)
  target = jax.nn.one_hot(labels, logits.shape[-1])
  return optax.softmax_cross_entropy(logits, target), logits


# {name: (logits_fn, image, labels) -> (loss [B], logits [B, K])}
LOSSES = {
  'cross_entropy': cross_entropy_and_logits,
  'margin': margin_and_logits,
}
