"""Functions of an attack's records.

`AttackResult.first_success` is the restart and the step of each example's first
misclassification, so one attack gives the accuracy under all smaller ones.

Contents: kept_initial, accuracy_by_budget.
"""

import jax
import numpy as np

from advmix_jax.attacks.iterate import Initial
from advmix_jax.types import AttackResult


def kept_initial(result: AttackResult, initial: Initial) -> jax.Array:
  """Whether the clean example was kept, [B] bool: then use the clean image."""
  same = result.x == initial.x
  return same.all(axis=tuple(range(1, same.ndim)))


def accuracy_by_budget(
  first_success: np.ndarray,  # [B, 2]
  *,
  restarts: int,
  steps: int,
) -> np.ndarray:
  """Accuracy under smaller attacks, from the records of one attack.

  Args:
    first_success: Of an attack with at least `restarts` and `steps`.
    restarts: N_r, the last row.
    steps: K, the last column.

  Returns:
    [restarts + 1, steps + 1] in [0, 1]. Row n is for n restarts, row 0
    for the clean example (1 without `initial`). The last column is
    exact for an attack of K = `steps`. Column k counts an example as broken if
    its first success has step <= k. This gives an upper bound: a later restart
    may succeed with fewer steps.
  """
  restart, step = np.asarray(first_success).T
  rows = np.arange(restarts + 1)[:, None, None]
  columns = np.arange(steps + 1)[None, :, None]
  broken = (restart >= 0) & (restart <= rows) & (step <= columns)
  return 1 - broken.mean(axis=-1)
