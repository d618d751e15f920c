"""Intervals of a proportion, and of the mean over several seeds.

For one seed, a report shows the Wilson 95% interval over test images, from the
record. For several seeds, it shows their mean and the 95% t-interval over seeds
(Student's t with n - 1 degrees of freedom), which includes how much training
varies with the seed.

McNemar's exact test compares two classifiers, or two attacks, on the same
examples.

All of them are closed forms of `scipy.special`: SciPy imports it at its first
use, in a fifth of the time of `scipy.stats`.

Contents: wilson_interval, share, mean_interval, mcnemar, percent.
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
  p, z = successes / total, scipy.special.ndtri(0.5 + 0.5 * confidence)
  denominator = 2 * (total + z**2)
  center = (2 * total * p + z**2) / denominator
  half = z / denominator * math.sqrt(4 * total * p * (1 - p) + z**2)
  low = 0.0 if successes == 0 else float(center - half)
  return low, 1.0 if successes == total else float(center + half)


def share(hits: np.ndarray) -> tuple[float | None, list[float]]:
  """The share of hits with its Wilson 95% interval, as JSON values.

  Args:
    hits: [N] bool.

  Returns:
    (share, [low, high]); the share of no trials is None.
  """
  interval = list(wilson_interval(int(hits.sum()), len(hits)))
  return float(hits.mean()) if len(hits) else None, interval


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
  t = scipy.special.stdtrit(n - 1, (1 + confidence) / 2)
  half = float(t * (values.std(ddof=1) / math.sqrt(n)))
  return mean, mean - half, mean + half


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
  if alternative == 'greater':  # As often or oftener: P(X >= only_first).
    return float(scipy.special.bdtr(only_second, total, 0.5))
  fewer = min(only_first, only_second)
  return min(1.0, 2 * float(scipy.special.bdtr(fewer, total, 0.5)))


def percent(value: float, low: float, high: float) -> str:
  """'93.1 [92.0, 94.1]' from fractions; low and high are clipped to [0, 1]."""
  low, high = max(low, 0.0), min(high, 1.0)
  return f'{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]'
