"""The parts of one attack step: the record, the gradient, the next iterate.

All searches use these functions, so that their results agree.

Contents: DIRECTIONS, GRADIENTS_AT, KEEP, Initial, Moments, begin, keep_worst,
with_gradient, begin_moments, ascent_fn, restart_keys, check_search,
check_options, check_record.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from advmix_jax.attacks.losses import misclassified
from advmix_jax.attacks.projections import ProjectFn
from advmix_jax.types import AttackResult, LossFn

DIRECTIONS = ('sign', 'raw', 'adam')
GRADIENTS_AT = ('current', 'start')
KEEP = ('highest_loss', 'misclassified')

# Adam's constants, those of its paper (arXiv:1412.6980). Its step size is the
# attack's alpha, so that its first step is a signed step.
_DECAY_1, _DECAY_2, _TINY = 0.9, 0.999, 1e-8


class Initial(NamedTuple):
  """The clean example, kept until an iterate is worse (x~ <- x)."""

  x: jax.Array  # [B, ...] the attacked variable: pixels, or enc(x)_⊥
  loss: jax.Array  # [B] loss of the clean image
  logits: jax.Array  # [B, K] of the clean image


class Moments(NamedTuple):
  """Adam's running means of the gradient, within one restart."""

  first: jax.Array  # [B, ...] of the gradient
  second: jax.Array  # [B, ...] of its square


def begin(
  like: jax.Array | jax.ShapeDtypeStruct,  # [B, ...]
  labels: jax.Array,  # [B]
  initial: Initial | None,
) -> AttackResult:
  """The result before the first restart: the clean example, or nothing.

  Args:
    like: Gives the shape and the dtype of x.
    labels: True classes.
    initial: The clean example; None for nothing.
  """
  size = labels.shape[0]
  nothing = AttackResult(
    x=jnp.zeros(like.shape, like.dtype),
    loss=jnp.full([size], -jnp.inf),
    success=jnp.zeros([size], bool),
    first_success=jnp.full([size, 2], -1, jnp.int32),
  )
  if initial is None:
    return nothing
  nothing = nothing._replace(x=jnp.asarray(initial.x, like.dtype))
  return keep_worst(
    nothing,
    initial.x,
    initial.loss,
    initial.logits,
    labels=labels,
    restart=0,
    step=0,
  )


def keep_worst(
  kept: AttackResult,
  x: jax.Array,  # [B, ...]
  loss: jax.Array,  # [B]
  logits: jax.Array,  # [B, K]
  *,
  labels: jax.Array,  # [B]
  restart: int | jax.Array,
  step: int | jax.Array,
  stop_early: bool = True,
  keep: str = 'highest_loss',
  test_start: bool = True,
) -> AttackResult:
  """Updates the result, and records the first misclassified iterate.

  Args:
    kept: The result so far.
    x: The iterate.
    loss: Its loss.
    logits: Its logits.
    labels: True classes.
    restart: Number of the restart, for the record.
    step: Number of the step, for the record.
    stop_early: True keeps the first misclassified iterate, and before that
      the iterate with the highest loss. False always keeps the iterate with
      the highest loss.
    keep: 'highest_loss' is the above. 'misclassified' keeps the first
      misclassified iterate, and before that what `kept` began with, the clean
      example (lines 1 and 9 of Algorithm 2, whose L is the 0-1 loss).
    test_start: False ignores the iterate of step 0, x~(0): line 9 tests
      x~(1)..x~(K) only.
  """
  wrong = ~kept.success & misclassified(logits, labels)
  better = loss > kept.loss
  if not test_start:
    wrong, better = wrong & (step > 0), better & (step > 0)
  if keep == 'misclassified':
    better = wrong
  elif stop_early:
    better = wrong | (~kept.success & better)
  when = jnp.stack([jnp.int32(restart), jnp.int32(step)])
  return AttackResult(
    x=_where(better, x, kept.x),
    loss=jnp.where(better, loss, kept.loss),
    success=kept.success | wrong,
    first_success=_where(wrong, when[None], kept.first_success),
  )


def with_gradient(
  loss_fn: LossFn, x: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Loss [B], logits [B, K] and the gradient of each example's own loss."""

  def total(x):
    loss, logits = loss_fn(x)
    return loss.sum(), (loss, logits)

  gradient, (loss, logits) = jax.grad(total, has_aux=True)(x)
  return loss, logits, gradient


def begin_moments(direction: str, x: jax.Array) -> Moments | tuple[()]:
  """What the direction carries from step to step: () except for 'adam'."""
  if direction != 'adam':
    return ()
  return Moments(jnp.zeros_like(x), jnp.zeros_like(x))


def ascent_fn(
  alpha: float | jax.Array,
  eps: float | jax.Array,
  project_fn: ProjectFn,
  direction: str,
) -> Callable[..., tuple[jax.Array, Moments | tuple[()]]]:
  """Makes the function that goes to the next iterate.

  Args:
    alpha: Step size, a scalar or [...], one per coordinate of x.
    eps: Radius of the ball, likewise.
    project_fn: Projection on the allowed set.
    direction: One of DIRECTIONS.

  Returns:
    (x, gradient, center, moments, step) -> (the next x, the next moments),
    where `step` counts from 0 and the moments of step 0 are `begin_moments`.
  """

  def turn(gradient, moments, step):
    if direction == 'sign':
      return jnp.sign(gradient), moments
    if direction == 'raw':
      return gradient, moments
    return _adam(gradient, moments, step)

  def ascend(x, gradient, center, moments, step):
    move, moments = turn(gradient, moments, step)
    return project_fn(x + alpha * move, center, eps), moments

  return ascend


def _adam(gradient, moments, step):
  """Adam's direction and its moments after this gradient."""
  first = _DECAY_1 * moments.first + (1 - _DECAY_1) * gradient
  second = _DECAY_2 * moments.second + (1 - _DECAY_2) * gradient**2
  count = jnp.asarray(step + 1, gradient.dtype)
  unbiased = first / (1 - _DECAY_1**count)
  scale = jnp.sqrt(second / (1 - _DECAY_2**count)) + _TINY
  return unbiased / scale, Moments(first, second)


def restart_keys(rng: jax.Array, restarts: int) -> jax.Array:
  """Keys [N_r] of restarts 1..N_r; a key doesn't depend on N_r."""
  return jax.vmap(lambda r: jax.random.fold_in(rng, r))(
    jnp.arange(1, restarts + 1)
  )


def _where(mask, a, b):
  """Selects examples: mask [B] over arrays [B, ...]."""
  return jnp.where(mask.reshape(mask.shape + (1,) * (b.ndim - 1)), a, b)


def check_search(restarts: int, steps: int) -> None:
  """Raises ValueError on a number of restarts or steps out of range."""
  if restarts < 1:
    raise ValueError(f'restarts is {restarts}, expected an integer >= 1')
  if steps < 0:
    raise ValueError(f'steps is {steps}, expected an integer >= 0')


def check_options(
  restarts: int, steps: int, direction: str, gradient_at: str
) -> None:
  """Raises ValueError on an option out of range, naming the valid ones."""
  check_search(restarts, steps)
  if direction not in DIRECTIONS:
    raise ValueError(
      f'direction is {direction!r}, expected one of {DIRECTIONS}'
    )
  if gradient_at not in GRADIENTS_AT:
    raise ValueError(
      f'gradient_at is {gradient_at!r}, expected one of {GRADIENTS_AT}'
    )


def check_record(
  keep: str,
  test_start: bool,
  steps: int,
  has_initial: bool,
  stop_early: bool = True,
) -> None:
  """Raises ValueError on options of `keep_worst` that contradict each other."""
  if keep not in KEEP:
    raise ValueError(f'keep is {keep!r}, expected one of {KEEP}')
  if keep == 'misclassified' and not has_initial:
    raise ValueError(
      "keep is 'misclassified' without the clean example, which it returns "
      "where nothing is misclassified; expected keep='highest_loss'"
    )
  if keep == 'misclassified' and not stop_early:
    raise ValueError("stop_early is False, expected True: keep='misclassified'")
  if not test_start and steps < 1:
    raise ValueError(
      f'test_start is False with steps = {steps}: no iterate would be tested; '
      'expected steps >= 1'
    )
