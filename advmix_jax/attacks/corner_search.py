"""A search without gradients: random corners of the l_inf ball.

Gradients may mislead: a classifier or a generator can hide them. A search that
only compares losses then finds more than `pgd`, and shows that. This is the
random search of Square Attack (arXiv:1912.00049) without its squares, since
latents have no neighbours: linear losses are highest in a corner, so

  x~(1)    = proj(a random corner of the ball)
  x~(k)    = proj(the best so far, with each coordinate moved to a random side
             of the ball with probability 1/k)             k = 2..K

and x~(k) becomes the best so far if its loss is higher. No step size is needed.
A restart of K steps costs K + 1 forward passes and no backward pass.

Contents: corner_search.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from advmix_jax.attacks.iterate import (
  Initial,
  begin,
  check_record,
  check_search,
  keep_worst,
  restart_keys,
)
from advmix_jax.attacks.projections import ProjectFn, linf_ball
from advmix_jax.attacks.starts import StartFn
from advmix_jax.runtime import parallel
from advmix_jax.types import AttackResult, LossFn


class _Climb(NamedTuple):
  """One restart: the step, the best so far with its loss, and the record."""

  step: jax.Array
  x: jax.Array
  loss: jax.Array
  kept: AttackResult


def corner_search(
  loss_fn: LossFn,
  rng: jax.Array,
  start_fn: StartFn,
  labels: jax.Array,  # [B] int32
  *,
  restarts: int,
  steps: int,
  eps: float | jax.Array,
  project_fn: ProjectFn = linf_ball,
  initial: Initial | None = None,
  keep: str = 'highest_loss',
  test_start: bool = True,
  uniform_fn: Callable[[jax.Array, tuple[int, ...]], jax.Array] | None = None,
) -> AttackResult:
  """Random search over the corners of a ball, with restarts.

  It ends when every example has a misclassified iterate, which is kept as in
  `pgd`. Restart r starts where restart r of `pgd` does.

  Args (the others are those of `pgd`):
    uniform_fn: (key, shape [B, ...]) -> numbers in [0, 1) of that shape, the
      search's own draws. None: drawn for the whole batch.

  Returns:
    AttackResult.

  Raises:
    ValueError: An option is out of range, or two contradict each other.
  """
  check_search(restarts, steps)
  check_record(keep, test_start, steps, initial is not None)
  uniform_fn = uniform_fn or _uniform
  record = functools.partial(
    keep_worst, labels=labels, keep=keep, test_start=test_start
  )

  def restart(kept, inputs):
    index, key = inputs
    start = start_fn(key)

    def body(climb):
      noise = uniform_fn(jax.random.fold_in(key, climb.step), start.shape)
      x = project_fn(_propose(climb, start, eps, noise), start, eps)
      x = jnp.where(climb.step == 0, start, x)
      loss, logits = loss_fn(x)
      kept = record(climb.kept, x, loss, logits, restart=index, step=climb.step)
      return _accept(climb, x, loss)._replace(kept=kept)

    def unfinished(climb):
      return (climb.step <= steps) & ~climb.kept.success.all()

    loss = jnp.full(labels.shape, -jnp.inf)
    climb = _Climb(jnp.int32(0), start, loss, kept)
    return lax.while_loop(unfinished, body, climb).kept, None

  shape = jax.eval_shape(start_fn, rng)
  inputs = (jnp.arange(1, restarts + 1), restart_keys(rng, restarts))
  return lax.scan(restart, begin(shape, labels, initial), inputs)[0]


def _uniform(key, shape):
  """Uniform numbers, drawn for the whole batch."""
  return parallel.rows(
    lambda n: jax.random.uniform(key, (n, *shape[1:])), shape[0]
  )


def _propose(climb, start, eps, noise):
  """The best so far with some coordinates at a random side of the ball."""
  chance = 1 / jnp.maximum(climb.step, 1)
  side = jnp.where(noise < chance / 2, 1, -1)
  return jnp.where(noise < chance, start + eps * side, climb.x)


def _accept(climb, x, loss):
  """The climb after an iterate: it is the best so far if its loss is higher."""
  higher = loss > climb.loss
  rows = higher.reshape(higher.shape + (1,) * (x.ndim - 1))
  return climb._replace(
    step=climb.step + 1,
    x=jnp.where(rows, x, climb.x),
    loss=jnp.where(higher, loss, climb.loss),
  )
