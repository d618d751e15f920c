"""Intervals of a proportion, and of the mean over several seeds.

For one seed, a report shows the Wilson 95% interval over test images, from the
record. For several seeds, it shows their mean and the 95% t-interval over seeds
(Student's t with n - 1 degrees of freedom), which includes how much training
varies with the seed.

McNemar's exact test compares two classifiers, or two attacks, on the same
examples.

Contents: wilson_interval, share, settled, mean_interval, over_seeds, mcnemar,
percent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy


def wilson_interval(
  successes: int, total: int, *, confidence: float = 0.95
) -> tuple[float, float]:
  """Wilson's score interval of a proportion.

  Args:
    successes: Number of successes, in [0, total].
    total: Number of trials.
    confidence: Of the two-sided interval, in (0, 1).

  Returns:
    (low, high) in [0, 1], the two p with
    |successes / total - p| = z * sqrt(p * (1 - p) / total), z the normal
    quantile of `confidence`. (0, 1) for no trials.

  Raises:
    ValueError: `successes` isn't in [0, total].
  """
  if not 0 <= successes <= total:
    raise ValueError(f'successes is {successes}, expected 0 to total, {total}')
  if total == 0:
    return 0.0, 1.0
  found = scipy.stats.binomtest(successes, total).proportion_ci(
    confidence, 'wilson'
  )
  return float(found.low), float(found.high)


def share(hits: np.ndarray) -> tuple[float | None, list[float]]:
  """The share of hits with its Wilson 95% interval, as JSON values.

  Args:
    hits: [N] bool.

  Returns:
    (share, [low, high]); the share of no trials is None.
  """
  interval = list(wilson_interval(int(hits.sum()), len(hits)))
  return float(hits.mean()) if len(hits) else None, interval


def settled(moved: float, interval: Sequence[float]) -> bool:
  """Whether a longer search moves a share by less than half its interval."""
  low, high = interval
  return bool(moved < (high - low) / 2)


def mean_interval(
  values: Sequence[float], *, confidence: float = 0.95
) -> tuple[float, float, float]:
  """Mean of independent runs with Student's t-interval.

  Args:
    values: One number per seed.
    confidence: Of the two-sided interval, in (0, 1).

  Returns:
    (mean, low, high) with high - mean = t_{n-1} * s / sqrt(n), s with n - 1
    in its denominator. One value has no spread: low and high are NaN.

  Raises:
    ValueError: `values` is empty.
  """
  values = np.asarray(values, np.float64)
  n = values.size
  if n == 0:
    raise ValueError('mean_interval got no values, expected at least one.')
  mean = float(values.mean())
  if n == 1:
    return mean, math.nan, math.nan
  # Not scipy.stats.t.interval, which is NaN where all values are equal.
  t = scipy.stats.t.ppf((1 + confidence) / 2, n - 1)
  half = float(t * scipy.stats.sem(values))
  return mean, mean - half, mean + half


def over_seeds(
  values: Sequence[tuple[float, tuple[float, float]]],
) -> tuple[float, float, float]:
  """(mean, low, high) of an accuracy that was taken once per seed.

  Args:
    values: (accuracy, its own (low, high)) of each seed.

  Returns:
    The mean with Student's 95% t-interval over seeds; of one seed the accuracy
    and its own interval.
  """
  if len(values) == 1:
    ((value, (low, high)),) = values
    return value, low, high
  return mean_interval([value for value, _ in values])


def mcnemar(
  only_first: int, only_second: int, *, alternative: str = 'two-sided'
) -> float:
  """p-value of McNemar's exact test, for two outcomes of the same examples.

  Without a difference, each example that only one of the two breaks is broken
  by either with probability 1/2.

  Args:
    only_first: Number of examples that only the first breaks.
    only_second: Number of examples that only the second breaks.
    alternative: 'two-sided'; 'greater': the first breaks more.

  Returns:
    p in [0, 1]; 1 if both break the same examples.
  """
  total = only_first + only_second
  if total == 0:
    return 1.0
  found = scipy.stats.binomtest(only_first, total, alternative=alternative)
  return float(found.pvalue)


def percent(value: float, low: float, high: float) -> str:
  """'93.1 [92.0, 94.1]' from fractions; low and high are clipped to [0, 1]."""
  low, high = max(low, 0.0), min(high, 1.0)
  return f'{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]'
