"""Exhaustive search: the exact worst case over a finite set of candidates.

Where the allowed set is small enough to try all of it, for example with the
generator of generators/ideal.py, an attack can be compared with this search:

    worst = attacks.grid_search(loss_fn, labels, candidates)

Contents: grid_search.
"""

import jax
import jax.numpy as jnp
from jax import lax

from advmix_jax.attacks.iterate import begin, keep_worst
from advmix_jax.types import AttackResult, LossFn


def grid_search(
  loss_fn: LossFn,
  labels: jax.Array,  # [B]
  candidates: jax.Array,  # [G, ...]
) -> AttackResult:
  """Tries every candidate on every example and keeps the worst.

  As in `pgd`, the first misclassified candidate is kept; if there is none, the
  candidate with the highest loss.

  Args:
    loss_fn: x [B, ...] -> (loss [B], logits [B, K]), as for an attack.
    labels: True classes.
    candidates: The set, each with the shape of one example's x. To represent a
      continuous set, the candidates must be dense enough.

  Returns:
    AttackResult whose x is the kept candidate [B, ...], and whose first_success
    is (1 + index into candidates, 0).
  """
  shape = (labels.shape[0], *candidates.shape[1:])

  def body(kept, inputs):
    index, candidate = inputs
    x = jnp.broadcast_to(candidate, shape)
    loss, logits = loss_fn(x)
    kept = keep_worst(
      kept, x, loss, logits, labels=labels, restart=index, step=0
    )
    return kept, None

  like = jax.ShapeDtypeStruct(shape, candidates.dtype)
  inputs = (jnp.arange(1, len(candidates) + 1), candidates)
  return lax.scan(body, begin(like, labels, None), inputs)[0]
