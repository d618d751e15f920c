"""The parts of one attack step: the record, the gradient, the next iterate.

`pgd` and `shrinking_pgd` both use these functions, so that their results agree.

Contents: DIRECTIONS, GRADIENTS_AT, Initial, begin, keep_worst, with_gradient,
ascent_fn, restart_keys, check_options.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from advmix_jax.attacks.projections import ProjectFn
from advmix_jax.types import AttackResult, LossFn

DIRECTIONS = ('sign', 'raw')
GRADIENTS_AT = ('current', 'start')


class Initial(NamedTuple):
  """The clean example, kept until an iterate is worse (x~ <- x)."""

  x: jax.Array  # [B, ...] the attacked variable: pixels, or enc(x)_⊥
  loss: jax.Array  # [B] loss of the clean image
  logits: jax.Array  # [B, K] of the clean image


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
  """
  wrong = ~kept.success & (jnp.argmax(logits, axis=-1) != labels)
  better = loss > kept.loss
  if stop_early:
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


def ascent_fn(
  alpha: float, eps: float, project_fn: ProjectFn, direction: str
) -> Callable[..., jax.Array]:
  """Makes (x, gradient, center) -> the next iterate."""
  turn = jnp.sign if direction == 'sign' else lambda gradient: gradient

  def ascend(x, gradient, center):
    return project_fn(x + alpha * turn(gradient), center, eps)

  return ascend


def restart_keys(rng: jax.Array, restarts: int) -> jax.Array:
  """Keys [N_r] of restarts 1..N_r; a key doesn't depend on N_r."""
  return jax.vmap(lambda r: jax.random.fold_in(rng, r))(
    jnp.arange(1, restarts + 1)
  )


def _where(mask, a, b):
  """Selects examples: mask [B] over arrays [B, ...]."""
  return jnp.where(mask.reshape(mask.shape + (1,) * (b.ndim - 1)), a, b)


def check_options(
  restarts: int, steps: int, direction: str, gradient_at: str
) -> None:
  """Raises ValueError on an option out of range, naming the valid ones."""
  if restarts < 1:
    raise ValueError(f'restarts is {restarts}, expected an integer >= 1')
  if steps < 0:
    raise ValueError(f'steps is {steps}, expected an integer >= 0')
  if direction not in DIRECTIONS:
    raise ValueError(
      f'direction is {direction!r}, expected one of {DIRECTIONS}'
    )
  if gradient_at not in GRADIENTS_AT:
    raise ValueError(
      f'gradient_at is {gradient_at!r}, expected one of {GRADIENTS_AT}'
    )
