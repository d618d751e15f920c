"""What the records of an attack say afterwards.

`AttackResult.first_success` tells for each example which restart and step broke
it, so the accuracy under every smaller attack can be read off one run.

Contents: kept_initial, accuracy_by_budget.
"""

import jax
import jax.numpy as jnp

from advmix_jax.attacks.iterate import Initial
from advmix_jax.types import AttackResult


def kept_initial(result: AttackResult, initial: Initial) -> jax.Array:
  """Whether the clean example was kept, [B] bool: take the clean image then."""
  same = result.x == initial.x
  return same.all(axis=tuple(range(1, same.ndim)))


def accuracy_by_budget(
  first_success: jax.Array,  # [B, 2]
  *,
  restarts: int,
  steps: int,
) -> jax.Array:
  """Accuracy under smaller attacks, from the records of one attack.

  Args:
    first_success: of an attack with at least `restarts` and `steps`.
    restarts: N_r, the last row.
    steps: K, the last column.

  Returns:
    [restarts + 1, steps + 1] float32 in [0, 1]. Row n, last column: accuracy
    after n restarts, exact; row 0 is clean accuracy (1 without `initial`).
    Other columns count the first successes within k steps of a restart: upper
    bounds, as the first success hides a later one at fewer steps.
  """
  restart, step = first_success[:, 0], first_success[:, 1]
  rows = jnp.arange(restarts + 1)[:, None, None]
  columns = jnp.arange(steps + 1)[None, :, None]
  broken = (restart >= 0) & (restart <= rows) & (step <= columns)
  return 1 - broken.mean(axis=-1, dtype=jnp.float32)
