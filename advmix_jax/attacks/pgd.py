"""Projected gradient ascent with restarts: Algorithm 2, and PGD on pixels.

The attack knows no model. A loss function x -> (loss [B], logits [B, K]) closes
over labels and coarse activations (so the prefix of the generator is computed
once), a start function draws x~(0) of a restart, a projection keeps x in its
set, and the loss is maximised:

  x~(k+1) = proj(x~(k) + alpha * direction(gradient)),   k = 0..K-1

Every iterate is evaluated once, x~(0) and x~(K) included: a restart costs K+1
forward and K backward passes (1 with gradient_at='start'). An example is
finished at its first misclassified iterate, which is kept; until then the
iterate with the highest loss is kept.

Restarts count from 1. Number 0 is the clean example, "x~ <- x" at the start of
Algorithm 2: given as `initial`, it is what the attack has to beat, and where it
is misclassified already the example is broken with first_success = (0, 0). So
an attack of n restarts breaks the examples with 0 <= first_success[:, 0] <= n.

Images are not carried along: decode `x` once after the attack, one forward pass
out of N_r * (K+1), and take the clean image where `kept_initial` holds.

On latents (AdvMix), x = z_⊥, the ball is around each restart's start:

    activations = generator.coarse(params, z_par)
    def loss_fn(z_perp):
      logits = logits_fn(generator.fine(params, activations, z_perp))
      return cross_entropy(logits, labels), logits
    result = attacks.pgd(loss_fn, rng, start_fn, labels, restarts=5, steps=10,
                         alpha=0.006, eps=0.03)

On pixels the ball is around the image (`center`):

    result = attacks.pgd(loss_fn, rng, attacks.uniform_start_fn(image, eps),
                         labels, restarts=1, steps=7, alpha=eps / 4, eps=eps,
                         center=image, project_fn=attacks.compose(
                           attacks.linf_ball, attacks.box_fn(0.0, 1.0)))

`compacted` is the same attack, on a batch that shrinks as examples finish. Its
loss takes what it needs of each example as arguments:

    result = attacks.compacted(
      lambda z_perp, labels, activations: ..., rng, start_fn, labels,
      activations, restarts=5, steps=10, alpha=0.006, eps=0.03)

Contents: uniform_start_fn; linf_ball, box_fn, compose (projections); Initial,
pgd, compacted; margin (a loss); kept_initial, accuracy_by_budget.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from advmix_jax.attacks.iterate import (
  Initial,
  ProjectFn,
  ascent_fn,
  begin,
  check_options,
  keep_worst,
  restart_keys,
  with_gradient,
)
from advmix_jax.runtime import parallel
from advmix_jax.types import AttackResult, LossFn

StartFn = Callable[[jax.Array], jax.Array]  # rng -> x~(0) [B, ...]


def uniform_start_fn(
  x: jax.Array,  # [B, ...]
  eps: float,
  *,
  low: float = 0.0,
  high: float = 1.0,
) -> StartFn:
  """Starts drawn uniformly in the l_inf ball around x, clipped to the box."""

  def start(rng):
    noise = parallel.rows(
      lambda n: jax.random.uniform(rng, (n, *x.shape[1:]), x.dtype, -eps, eps),
      len(x),
    )
    return jnp.clip(x + noise, low, high)

  return start


def linf_ball(x: jax.Array, center: jax.Array, eps: float) -> jax.Array:
  """Projects on {x: |x - center| <= eps in every coordinate}."""
  return jnp.clip(x, center - eps, center + eps)


def box_fn(low: float, high: float) -> ProjectFn:
  """Makes the projection on [low, high] in every coordinate."""
  return lambda x, center, eps: jnp.clip(x, low, high)


def compose(*project_fns: ProjectFn) -> ProjectFn:
  """Makes the projection that applies the given ones in order.

  For balls and boxes that meet, the result lies in both.
  """

  def project(x, center, eps):
    for project_fn in project_fns:
      x = project_fn(x, center, eps)
    return x

  return project


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
  unroll: int | bool = 1,
) -> AttackResult:
  """Algorithm 2 as two scans, over restarts and over steps.

  Finished examples keep their result and are computed all the same; see
  `compacted` for the version that drops them. Restart r draws its start from
  fold_in(rng, r), so more restarts extend the same attack.

  Args:
    loss_fn: x [B, ...] -> (loss [B] to maximise, logits [B, K]).
    rng: key of the random starts.
    start_fn: rng -> x~(0) [B, ...]; AdvMix draws map(z)_⊥.
    labels: true classes; an iterate succeeds if argmax(logits) differs.
    restarts: N_r >= 1.
    steps: K >= 0; 0 is random search.
    alpha: step size, in units of x.
    eps: radius of the ball, in units of x.
    project_fn: projection on the allowed set, (x, center, eps) -> x.
    direction: 'sign' or 'raw' gradient.
    gradient_at: 'current' iterate (Equation 9), or 'start': the gradient at
      x~(0) in all steps (line 7 of Algorithm 2 as printed).
    initial: the clean example; None leaves it out.
    center: [B, ...] centre of the ball; None is each restart's start.
    unroll: of the scan over steps.

  Returns:
    AttackResult. Raises ValueError on a bad option.
  """
  check_options(restarts, steps, direction, gradient_at)
  ascend = ascent_fn(alpha, eps, project_fn, direction)
  ascent = _frozen if gradient_at == 'start' and steps else _current

  def restart(kept, inputs):
    index, key = inputs
    start = start_fn(key)
    middle = start if center is None else center
    step = functools.partial(ascend, center=middle)
    record = functools.partial(keep_worst, labels=labels, restart=index)
    return ascent(loss_fn, kept, start, step, record, steps, unroll), None

  shape = jax.eval_shape(start_fn, rng)
  inputs = (jnp.arange(1, restarts + 1), restart_keys(rng, restarts))
  return lax.scan(restart, begin(shape, labels, initial), inputs)[0]


def _current(loss_fn, kept, start, step, record, steps, unroll):
  """One restart by Equation 9: the gradient of the current iterate."""

  def body(carry, k):
    x, kept = carry
    loss, logits, gradient = with_gradient(loss_fn, x)
    kept = record(kept, x, loss, logits, step=k)
    return (step(x, gradient), kept), None

  (x, kept), _ = lax.scan(body, (start, kept), jnp.arange(steps), unroll=unroll)
  return record(kept, x, *loss_fn(x), step=steps)


def _frozen(loss_fn, kept, start, step, record, steps, unroll):
  """One restart by the printed line 7: the gradient of the start."""
  loss, logits, gradient = with_gradient(loss_fn, start)
  kept = record(kept, start, loss, logits, step=0)

  def body(carry, k):
    x, kept = carry
    x = step(x, gradient)
    return (x, record(kept, x, *loss_fn(x), step=k)), None

  inputs = jnp.arange(1, steps + 1)
  (_, kept), _ = lax.scan(body, (start, kept), inputs, unroll=unroll)
  return kept


class _Rows(NamedTuple):
  """Per-example state of `compacted`, every leaf [B, ...]."""

  x: jax.Array
  start: jax.Array
  gradient: jax.Array
  kept: AttackResult


class _Data(NamedTuple):
  """Per-example constants of `compacted`, every leaf [B, ...]."""

  labels: jax.Array
  per_example: Any
  center: jax.Array | None
  starts: jax.Array  # [B, N_r, ...]


def compacted(
  loss_fn: Callable[..., tuple[jax.Array, jax.Array]],
  rng: jax.Array,
  start_fn: StartFn,
  labels: jax.Array,  # [B] int32
  per_example: Any = None,
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
  min_size: int = 16,
) -> AttackResult:
  """Algorithm 2, on a batch that shrinks and stops when no example is left.

  Starts are drawn for the full batch, so an example meets the same starts as
  in `pgd`. Arguments not described here are those of `pgd`.

  Args (the others are those of `pgd`):
    loss_fn: (x, labels, per_example) -> (loss [n], logits [n, K]), for the
      gathered rows of any n <= B examples.
    per_example: pytree of arrays [B, ...] that the loss needs, such as coarse
      activations; gathered along with the batch.
    min_size: smallest batch to shrink to. One loop is compiled for B and for
      each power of two in [min_size, B).

  Returns:
    AttackResult, that of `pgd` up to rounding that depends on the batch size.
    Raises ValueError on a bad option or leading axis.
  """
  check_options(restarts, steps, direction, gradient_at)
  _check_leading_axis(per_example, labels.shape[0])
  advance = functools.partial(
    _advance,
    loss_fn,
    ascent_fn(alpha, eps, project_fn, direction),
    restarts=restarts,
    steps=steps,
    gradient_steps=min(steps, 1) if gradient_at == 'start' else steps,
  )
  starts = lax.map(start_fn, restart_keys(rng, restarts))
  start = starts[0]
  data = _Data(labels, per_example, center, jnp.swapaxes(starts, 0, 1))
  rows = _Rows(
    start, start, jnp.zeros_like(start), begin(start, labels, initial)
  )
  position = (jnp.int32(1), jnp.int32(0))  # Restart, step.
  sizes = _sizes(labels.shape[0], min_size)
  for size, floor in zip(sizes, (*sizes[1:], 0), strict=True):
    position, rows = _run_level(
      advance, position, rows, data, size, floor, restarts
    )
  return rows.kept


def _run_level(advance, position, rows, data, size, floor, restarts):
  """Attacks the unfinished rows, at most `size`, until `floor` are left."""
  total = data.labels.shape[0]
  (index,) = jnp.nonzero(~rows.kept.success, size=size, fill_value=total)
  data = _take(data, index)
  part = _take(rows, index)
  done = part.kept.success | (index == total)  # The rest is padding.
  part = part._replace(kept=part.kept._replace(success=done))

  def unfinished(carry):
    (restart, _), part = carry
    return (restart <= restarts) & ((~part.kept.success).sum() > floor)

  position, part = lax.while_loop(
    unfinished, lambda c: advance(*c, data), (position, part)
  )
  rows = jax.tree.map(
    lambda full, new: full.at[index].set(new, mode='drop'), rows, part
  )
  return position, rows


def _advance(
  loss_fn, ascend, position, rows, data, *, restarts, steps, gradient_steps
):
  """Evaluates the current iterate, then goes to the next step or restart."""
  restart, step = position
  x, start, gradient, kept = rows

  def loss_at(x):
    return loss_fn(x, data.labels, data.per_example)

  loss, logits, gradient = lax.cond(
    step < gradient_steps,
    lambda x, _: with_gradient(loss_at, x),
    lambda x, gradient: (*loss_at(x), gradient),
    x,
    gradient,
  )
  kept = keep_worst(
    kept, x, loss, logits, labels=data.labels, restart=restart, step=step
  )
  last = step == steps
  following = data.starts[:, jnp.minimum(restart, restarts - 1)]
  moved = ascend(x, gradient, start if data.center is None else data.center)
  rows = _Rows(
    jnp.where(last, following, moved),
    jnp.where(last, following, start),
    gradient,
    kept,
  )
  return (restart + last, jnp.where(last, 0, step + 1)), rows


def _sizes(batch, min_size):
  """The batch size and the powers of two in [min_size, batch), falling."""
  powers = [2**i for i in range(batch.bit_length())]
  return [batch] + [n for n in reversed(powers) if min_size <= n < batch]


def _take(tree, index):
  """Rows of every leaf; an index past the end repeats the last row."""
  return jax.tree.map(lambda a: jnp.take(a, index, axis=0, mode='clip'), tree)


def _check_leading_axis(tree, batch):
  for leaf in jax.tree.leaves(tree):
    if leaf.ndim == 0 or leaf.shape[0] != batch:
      raise ValueError(
        f'per_example holds an array of shape {leaf.shape}, expected [{batch},'
        ' ...]: pass what all examples share by closure'
      )


def margin(
  logits: jax.Array,  # [B, K]
  labels: jax.Array,  # [B]
) -> jax.Array:
  """Best wrong logit minus the right one, [B]: positive where misclassified.

  A loss for evaluation, beside cross-entropy: where many classes share the
  probability, the highest cross-entropy need not be a misclassification.
  """
  right = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
  wrong = jnp.where(right, -jnp.inf, logits).max(axis=-1)
  return wrong - jnp.where(right, logits, 0.0).sum(axis=-1)


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
