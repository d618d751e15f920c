"""The attack of pgd.py on a batch that shrinks as examples finish.

An example is finished at its first misclassified iterate. The unfinished ones
are gathered into smaller and smaller batches, whose sizes are fixed in advance,
so that the program is compiled once. The attack ends when no example is left,
or after the last restart. The loss gets the data of each example as arguments:

    result = attacks.shrinking_pgd(
      lambda z_perp, labels, activations: ..., rng, start_fn, labels,
      activations, restarts=5, steps=10, alpha=0.006, eps=0.03)

Contents: shrinking_pgd.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from advmix_jax.attacks.iterate import (
  Initial,
  Moments,
  ascent_fn,
  begin,
  begin_moments,
  check_options,
  check_record,
  keep_worst,
  restart_keys,
  with_gradient,
)
from advmix_jax.attacks.projections import ProjectFn, linf_ball
from advmix_jax.attacks.starts import StartFn
from advmix_jax.types import AttackResult


class _Rows(NamedTuple):
  """Per-example state of `shrinking_pgd`, every leaf [B, ...]."""

  x: jax.Array
  start: jax.Array
  gradient: jax.Array
  moments: Moments | tuple[()]
  kept: AttackResult


class _Data(NamedTuple):
  """Per-example constants of `shrinking_pgd`, every leaf [B, ...]."""

  labels: jax.Array
  per_example: Any
  center: jax.Array | None
  starts: jax.Array  # [B, N_r, ...]


def shrinking_pgd(
  loss_fn: Callable[..., tuple[jax.Array, jax.Array]],
  rng: jax.Array,
  start_fn: StartFn,
  labels: jax.Array,  # [B] int32
  per_example: Any = None,
  *,
  restarts: int,
  steps: int,
  alpha: float | jax.Array,
  eps: float | jax.Array,
  project_fn: ProjectFn = linf_ball,
  direction: str = 'sign',
  gradient_at: str = 'current',
  initial: Initial | None = None,
  center: jax.Array | None = None,
  keep: str = 'highest_loss',
  test_start: bool = True,
  min_size: int = 16,
) -> AttackResult:
  """`pgd` on a batch that shrinks; it stops when no example is left.

  Each example has the same starts as in `pgd`. There is no `stop_early`: to
  attack all examples to the end, call `pgd` with stop_early=False.

  Args (the others are those of `pgd`):
    loss_fn: (x, labels, per_example) -> (loss [n], logits [n, K]), for the
      gathered rows of any n <= B examples.
    per_example: Pytree of arrays [B, ...] that the loss needs.
    min_size: Smallest batch to shrink to. One loop is compiled for B and each
      power of two in [min_size, B).

  Returns:
    The AttackResult of `pgd`, up to rounding that depends on the batch size.

  Raises:
    ValueError: A bad option, or an array of per_example is not [B, ...].
  """
  check_options(restarts, steps, direction, gradient_at)
  check_record(keep, test_start, steps, initial is not None)
  _check_leading_axis(per_example, labels.shape[0])
  advance = functools.partial(
    _advance,
    loss_fn,
    ascent_fn(alpha, eps, project_fn, direction),
    functools.partial(keep_worst, keep=keep, test_start=test_start),
    restarts=restarts,
    steps=steps,
    gradient_steps=min(steps, 1) if gradient_at == 'start' else steps,
  )
  starts = lax.map(start_fn, restart_keys(rng, restarts))
  data = _Data(labels, per_example, center, jnp.swapaxes(starts, 0, 1))
  rows = _begin(starts[0], labels, initial, direction)
  position = (jnp.int32(1), jnp.int32(0))  # Restart, step.
  sizes = _sizes(labels.shape[0], min_size)
  for size, floor in zip(sizes, (*sizes[1:], 0), strict=True):
    position, rows = _run_level(
      advance, position, rows, data, size, floor, restarts
    )
  return rows.kept


def _begin(start, labels, initial, direction):
  """The rows before the first restart."""
  moments = begin_moments(direction, start)
  kept = begin(start, labels, initial)
  return _Rows(start, start, jnp.zeros_like(start), moments, kept)


def _run_level(advance, position, rows, data, size, floor, restarts):
  """Attacks the unfinished rows, at most `size`, until `floor` are left."""
  total = data.labels.shape[0]
  (index,) = jnp.nonzero(~rows.kept.success, size=size, fill_value=total)
  data = _take(data, index)
  part = _take(rows, index)
  done = part.kept.success | (index == total)  # `total` marks padding rows.
  part = part._replace(kept=part.kept._replace(success=done))

  def unfinished(carry):
    (restart, _), part = carry
    return (restart <= restarts) & ((~part.kept.success).sum() > floor)

  def body(carry):
    position, part = carry
    return advance(position, part, data)

  position, part = lax.while_loop(unfinished, body, (position, part))
  rows = jax.tree.map(
    lambda full, new: full.at[index].set(new, mode='drop'), rows, part
  )
  return position, rows


def _advance(
  loss_fn,
  ascend,
  record,
  position,
  rows,
  data,
  *,
  restarts,
  steps,
  gradient_steps,
):
  """Evaluates the current iterate, then goes to the next step or restart."""
  restart, step = position
  x, start, gradient, moments, kept = rows

  def loss_at(x):
    return loss_fn(x, data.labels, data.per_example)

  loss, logits, gradient = lax.cond(
    step < gradient_steps,
    lambda x, _: with_gradient(loss_at, x),
    lambda x, gradient: (*loss_at(x), gradient),
    x,
    gradient,
  )
  kept = record(
    kept, x, loss, logits, labels=data.labels, restart=restart, step=step
  )
  last = step == steps
  following = data.starts[:, jnp.minimum(restart, restarts - 1)]
  center = start if data.center is None else data.center
  moved, moments = ascend(x, gradient, center, moments, step)
  rows = _Rows(
    jnp.where(last, following, moved),
    jnp.where(last, following, start),
    gradient,
    jax.tree.map(lambda a: jnp.where(last, 0, a), moments),
    kept,
  )
  return (restart + last, jnp.where(last, 0, step + 1)), rows


def _sizes(batch, min_size):
  """The batch size, then the powers of two in [min_size, batch), downwards."""
  powers = [2**i for i in range(batch.bit_length())]
  return [batch] + [n for n in reversed(powers) if min_size <= n < batch]


def _take(tree, index):
  """Rows of every leaf; an index past the end repeats the last row."""
  return jax.tree.map(lambda a: jnp.take(a, index, axis=0, mode='clip'), tree)


def _check_leading_axis(tree, batch):
  """Raises ValueError unless every leaf is [batch, ...]."""
  for leaf in jax.tree.leaves(tree):
    if leaf.ndim == 0 or leaf.shape[0] != batch:
      raise ValueError(
        'per_example (such as the coarse activations of a generator) holds an '
        f'array of shape {leaf.shape}, expected [{batch}, ...]: pass what all '
        'examples share by closure'
      )
