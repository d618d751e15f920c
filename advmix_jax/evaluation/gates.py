"""Gates: checks that every sound evaluation passes.

  found = gates.check(subject, batch.image, outcomes)
  results |= gates.summarise(found)

A gate that fails makes the evaluation invalid: `valid` is False in its results,
`failed_gates` names the gates, and commands that evaluate end with `EXIT_CODE`,
3. A training run records its gates and goes on: its classifier is sound, only
its numbers are not.

Random draws may beat the gradient by chance. So two gates are paired tests:
they fail only where the other attack breaks more of the same images than
chance explains at `LEVEL`, by McNemar's exact one-sided test. The others have
no sampling noise: they concern these very images.

Contents: EXIT_CODE, LOGIT_TOLERANCE, LEVEL, ALIVE, Gate, unit, check,
check_ladder, summarise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from advmix_jax.datasets import to_float
from advmix_jax.evaluation import ladder
from advmix_jax.evaluation.measures import Subject, predict
from advmix_jax.evaluation.outcomes import Outcomes, correct, discordant
from advmix_jax.report import statistics

EXIT_CODE = 3  # Of a command whose evaluation is not valid.
# Logits of another batch size differ by float32 sums in another order. Times
# `unit` of the logits.
LOGIT_TOLERANCE = 1e-3
# One sound evaluation of a hundred fails a paired gate by chance, at most; with
# the ladder there are two of them.
LEVEL = 0.01
_LEAST_UNIT = 1e-30  # So that logits that are all the same have a change.
_COPIED = 3  # Images that are also tested in a batch of copies.
# Share of examples with a gradient; where the classifier is very sure, that of
# its cross-entropy is 0 in float32 (that of the margin is not).
ALIVE = 0.95
_OF_GRADIENTS = ('random_below_gradient', 'gradients_alive')


class Gate(NamedTuple):
  """The outcome of one check."""

  passed: bool
  value: float  # What was measured.
  bound: str  # 'at least' or 'at most' the limit.
  limit: float
  tolerance: str  # What the value is, and what the limit allows for.


def unit(logits: np.ndarray) -> float:
  """How far the logits [N, K] of an image lie apart, in the median; at most 1.

  Small logits, such as those of a large temperature, differ by little: a change
  that would be no news among others is one there.
  """
  return min(1.0, float(np.median(np.ptp(logits, axis=-1))))


def check(
  subject: Subject,
  images: np.ndarray,
  outcomes: Outcomes,
  *,
  batch_size: int = 100,
  gradients: bool = True,
) -> dict[str, Gate]:
  """Checks that a sound evaluation passes, {name: Gate}.

  random_below_gradient: random mixes do not break more images than Algorithm 2
    with as many images; otherwise its gradients don't help. A paired test.
  kept_images_verified: re-decoding the images that the attack kept, at another
    batch size, reproduces the recorded outcomes.
  logits_ignore_batch: the logits of the first images are the same in a batch of
    copies and in a batch of other images.
  gradients_alive: at a random start, at least 95% of the examples have a
    finite gradient of the attack's loss that isn't zero.

  The first and the last one concern gradients, and are left out where the
  classifier has none (`gradients=False`).
  """
  good = correct(outcomes)
  change = _change_by_batch(subject, images, max(batch_size, 2))
  unverified = float((~outcomes.verified).sum())
  steepest = outcomes.attacked.steepest
  alive = float((np.isfinite(steepest) & (steepest > 0)).mean())
  clean = outcomes.clean == outcomes.label
  found = {
    'random_below_gradient': _paired(
      good['worst_random'], good['perturbed'], clean
    ),
    'kept_images_verified': _at_most(
      unverified, 0.0, 'images; none, ties of logits apart'
    ),
    'logits_ignore_batch': _at_most(
      change,
      LOGIT_TOLERANCE,
      'largest change of a logit, in units of how far logits lie apart where '
      'that is below 1; float32 sums in another order',
    ),
    'gradients_alive': _at_least(
      alive, ALIVE, 'share of images; saturated softmax'
    ),
  }
  skipped = () if gradients else _OF_GRADIENTS
  return {n: gate for n, gate in found.items() if n not in skipped}


def check_ladder(rungs: Sequence[ladder.Rung]) -> dict[str, Gate]:
  """The gate that needs the rungs of `ladder.climb`, {name: Gate}.

  corners_below_gradient: a search without gradients does not break more images
    than Algorithm 2 at the same cost; otherwise gradients mislead. A paired
    test; none for a ladder without gradients.
  """
  right = {rung.name: rung.right for rung in rungs}
  if 'algorithm_2' not in right:
    return {}
  return {
    'corners_below_gradient': _paired(
      right['corners'], right['algorithm_2'], right['clean']
    )
  }


def _change_by_batch(subject, images, size):
  """Largest difference of a logit between a batch of copies and a mixed one.

  Divided by `unit`.
  """
  images = to_float(images[:size])
  mixed = np.concatenate([images, 1 - images / 2])[:size]  # At least two.
  together = predict(subject, mixed, batch_size=size)[:_COPIED]
  alone = [
    predict(subject, image[None].repeat(size, axis=0), batch_size=size)[0]
    for image in images[:_COPIED]
  ]
  change = float(np.abs(together[: len(alone)] - alone).max())
  return change / max(unit(together), _LEAST_UNIT)


def _paired(other, gradient, clean):
  """Fails where `other` breaks more images than `gradient`, beyond chance."""
  p = statistics.mcnemar(
    *discordant(other, gradient, among=clean), alternative='greater'
  )
  return _at_least(
    p,
    LEVEL,
    "p-value of McNemar's exact one-sided test; by chance, this gate alone "
    f'fails {100 * LEVEL:g}% of sound evaluations, at most',
  )


def _at_least(value, limit, tolerance):
  return Gate(value >= limit, value, 'at least', limit, tolerance)


def _at_most(value, limit, tolerance):
  return Gate(value <= limit, value, 'at most', limit, tolerance)


def summarise(gates: Mapping[str, Gate]) -> dict[str, Any]:
  """The gates as JSON values.

  Returns:
    gates: {name: passed}. gate_values: {name: {value, bound, limit,
    tolerance}}. valid: all passed. failed_gates: the names of those that
    failed.
  """
  return {
    'gates': {name: bool(gate.passed) for name, gate in gates.items()},
    'gate_values': {
      name: {
        'value': gate.value,
        'bound': gate.bound,
        'limit': gate.limit,
        'tolerance': gate.tolerance,
      }
      for name, gate in gates.items()
    },
    'valid': all(gate.passed for gate in gates.values()),
    'failed_gates': [n for n, gate in gates.items() if not gate.passed],
  }
