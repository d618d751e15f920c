"""Projected gradient ascent with restarts, as two scans.

  x~(k+1) = proj(x~(k) + alpha * direction(gradient)),   k = 0..K-1

Every iterate is evaluated once, x~(0) and x~(K) included: a restart costs K+1
forward and K backward passes (1 with gradient_at='start').

Restart r draws from fold_in(rng, r), so more restarts extend the same attack.
Finished examples stay in the batch; `shrinking_pgd` drops them.

Contents: pgd.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from advmix_jax.attacks.iterate import (
  Initial,
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
from advmix_jax.types import AttackResult, LossFn


def pgd(
  loss_fn: LossFn,
  rng: jax.Array,
  start_fn: StartFn,
  labels: jax.Array,  # [B] int32
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
  stop_early: bool = True,
  keep: str = 'highest_loss',
  test_start: bool = True,
) -> AttackResult:
  """Projected gradient ascent as two scans, over restarts and over steps.

  Args:
    loss_fn: x [B, ...] -> (loss [B] to maximise, logits [B, K]).
    rng: Key of the random starts.
    start_fn: rng -> x~(0) [B, ...]; AdvMix draws map(z)_⊥.
    labels: True classes; an iterate succeeds if argmax(logits) differs.
    restarts, steps: N_r >= 1 and K >= 0; K = 0 is random search.
    alpha, eps: Step size and radius, in units of x; scalars or [...].
    project_fn: Projection on the allowed set.
    direction: 'sign' or 'raw' gradient, or 'adam', anew at each restart.
    gradient_at: 'current' iterate (Equation 9), or 'start': that at x~(0) in
      all steps (line 7 of Algorithm 2 as printed).
    initial: The clean example; None leaves it out.
    center: [B, ...] centre of the ball; None is each restart's start.
    stop_early, keep, test_start: What is kept, as in `keep_worst`.

  Returns:
    AttackResult.

  Raises:
    ValueError: A bad option, or two that contradict each other.
  """
  check_options(restarts, steps, direction, gradient_at)
  check_record(keep, test_start, steps, initial is not None, stop_early)
  ascend = ascent_fn(alpha, eps, project_fn, direction)
  kind = {'stop_early': stop_early, 'keep': keep, 'test_start': test_start}
  update = functools.partial(keep_worst, labels=labels, **kind)
  ascent = _frozen if gradient_at == 'start' and steps else _current

  def restart(kept, inputs):
    index, key = inputs
    start = start_fn(key)
    step = functools.partial(ascend, center=start if center is None else center)
    record = functools.partial(update, restart=index)
    carry = (start, begin_moments(direction, start), kept)
    return ascent(loss_fn, carry, step, record, steps), None

  kept = begin(jax.eval_shape(start_fn, rng), labels, initial)
  inputs = (jnp.arange(1, restarts + 1), restart_keys(rng, restarts))
  return lax.scan(restart, kept, inputs)[0]


def _current(loss_fn, carry, advance, record, steps):
  """One restart by Equation 9: the gradient at the current iterate."""

  def body(carry, k):
    x, moments, kept = carry
    loss, logits, gradient = with_gradient(loss_fn, x)
    kept = record(kept, x, loss, logits, step=k)
    x, moments = advance(x, gradient, moments=moments, step=k)
    return (x, moments, kept), None

  (x, _, kept), _ = lax.scan(body, carry, jnp.arange(steps))
  loss, logits = loss_fn(x)
  return record(kept, x, loss, logits, step=steps)


def _frozen(loss_fn, carry, advance, record, steps):
  """One restart by line 7 as printed: the gradient at the start."""
  start, moments, kept = carry
  loss, logits, gradient = with_gradient(loss_fn, start)
  kept = record(kept, start, loss, logits, step=0)

  def body(carry, k):
    x, moments, kept = carry
    x, moments = advance(x, gradient, moments=moments, step=k - 1)
    loss, logits = loss_fn(x)
    return (x, moments, record(kept, x, loss, logits, step=k)), None

  inputs = jnp.arange(1, steps + 1)
  (_, _, kept), _ = lax.scan(body, (start, moments, kept), inputs)
  return kept
