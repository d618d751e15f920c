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
  check_options,
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
  alpha: float,
  eps: float,
  project_fn: ProjectFn = linf_ball,
  direction: str = 'sign',
  gradient_at: str = 'current',
  initial: Initial | None = None,
  center: jax.Array | None = None,
  stop_early: bool = True,
) -> AttackResult:
  """Projected gradient ascent as two scans, over restarts and over steps.

  Args:
    loss_fn: x [B, ...] -> (loss [B] to maximise, logits [B, K]).
    rng: Key of the random starts.
    start_fn: rng -> x~(0) [B, ...]; AdvMix draws map(z)_⊥.
    labels: True classes; an iterate succeeds if argmax(logits) differs.
    restarts: N_r >= 1.
    steps: K >= 0; 0 is random search.
    alpha: Step size, in units of x.
    eps: Radius of the ball, in units of x.
    project_fn: Projection on the allowed set, (x, center, eps) -> x.
    direction: 'sign' or 'raw' gradient.
    gradient_at: 'current' iterate (Equation 9), or 'start': the gradient at
      x~(0) in all steps (line 7 of Algorithm 2 as printed).
    initial: The clean example; None leaves it out.
    center: [B, ...] centre of the ball; None is each restart's start.
    stop_early: True keeps the first misclassified iterate. False keeps the
      iterate with the highest loss, misclassified or not.

  Returns:
    AttackResult, with the same `first_success` for both values of stop_early.

  Raises:
    ValueError: An option is out of range.
  """
  check_options(restarts, steps, direction, gradient_at)
  ascend = ascent_fn(alpha, eps, project_fn, direction)
  keep = functools.partial(keep_worst, labels=labels, stop_early=stop_early)
  ascent = _frozen if gradient_at == 'start' and steps else _current

  def restart(kept, inputs):
    index, key = inputs
    start = start_fn(key)
    middle = start if center is None else center
    step = functools.partial(ascend, center=middle)
    record = functools.partial(keep, restart=index)
    return ascent(loss_fn, kept, start, step, record, steps), None

  shape = jax.eval_shape(start_fn, rng)
  inputs = (jnp.arange(1, restarts + 1), restart_keys(rng, restarts))
  return lax.scan(restart, begin(shape, labels, initial), inputs)[0]


def _current(loss_fn, kept, start, step, record, steps):
  """One restart by Equation 9: the gradient at the current iterate."""

  def body(carry, k):
    x, kept = carry
    loss, logits, gradient = with_gradient(loss_fn, x)
    kept = record(kept, x, loss, logits, step=k)
    return (step(x, gradient), kept), None

  (x, kept), _ = lax.scan(body, (start, kept), jnp.arange(steps))
  loss, logits = loss_fn(x)
  return record(kept, x, loss, logits, step=steps)


def _frozen(loss_fn, kept, start, step, record, steps):
  """One restart by line 7 as printed: the gradient at the start."""
  loss, logits, gradient = with_gradient(loss_fn, start)
  kept = record(kept, start, loss, logits, step=0)

  def body(carry, k):
    x, kept = carry
    x = step(x, gradient)
    loss, logits = loss_fn(x)
    return (x, record(kept, x, loss, logits, step=k)), None

  inputs = jnp.arange(1, steps + 1)
  (_, kept), _ = lax.scan(body, (start, kept), inputs)
  return kept
