"""How close generated images are to real ones: KID, density and coverage.

All three compare two sets of feature vectors, here those of a frozen judge
(judge.features), which is blind to style: they measure the content.

  KID       unbiased squared MMD with the kernel (x.y / F + 1)^3 (Binkowski et
            al. 2018, arXiv:1801.01401, Section 4); about 0 for equal
            distributions, and it may be negative
  density   mean number of balls around real images that a generated one is in,
            over k (Naeem et al. 2020, arXiv:2002.09797, Equation 4); about 1
  coverage  share of the real images whose ball holds a generated one (Equation
            5); below 1 for equal distributions, too

A ball reaches to the k-th nearest other real image. Density and coverage depend
on the sizes of the sets, so compare values of equal sizes alone, and compare
all of them with the floor, what two disjoint halves of the real images give:

  real, other = features[:n], features[n : 2 * n]
  record = quality.measure(real, generated[:n])
  floor = quality.measure(real, other)

Contents: kid, density_and_coverage, measure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from advmix_jax.report import statistics

NEAREST = 5  # k, as Naeem et al. choose.


def kid(real: np.ndarray, fake: np.ndarray) -> float:
  """The unbiased estimate of the squared MMD of two samples.

  Args:
    real: [N, F], N >= 2.
    fake: [M, F], M >= 2.
  """
  real, fake = np.float64(real), np.float64(fake)

  def kernel(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3

  def mean_of_pairs(x):  # Of different vectors of one set.
    k = kernel(x, x)
    return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))

  across = kernel(real, fake).mean()
  return float(mean_of_pairs(real) + mean_of_pairs(fake) - 2 * across)


def density_and_coverage(
  real: np.ndarray, fake: np.ndarray, *, nearest: int = NEAREST
) -> tuple[float, float]:
  """Density and coverage of generated images.

  Args:
    real: [N, F], N > nearest.
    fake: [M, F].
    nearest: k; the ball around a real vector reaches to its k-th nearest other
      real vector, which it includes.
  """
  from scipy.spatial import distance  # Slow to import; few callers need it.

  between = distance.cdist(real, real)
  radius = np.sort(between, axis=1)[:, nearest]  # Column 0 is the vector.
  inside = distance.cdist(real, fake) <= radius[:, None]  # [N, M]
  return float(inside.sum(0).mean() / nearest), float(inside.any(1).mean())


def measure(
  real: np.ndarray,
  fake: np.ndarray,
  *,
  nearest: int = NEAREST,
  subsets: int = 10,
) -> dict[str, Any]:
  """KID, density and coverage with intervals.

  Each is the mean over `subsets` disjoint pairs of subsets, with Student's 95%
  t-interval over these independent values.

  Args:
    real: [N, F].
    fake: [M, F].
    nearest: k of the balls.
    subsets: Number of pairs, at least 2; each has min(N, M) // subsets images
      of both sets.

  Returns:
    kid, density, coverage: (mean, [low, high]). subsets, subset_size, nearest.

  Raises:
    ValueError: Fewer than 2 subsets, or not more than `nearest` images in each.
  """
  size = min(len(real), len(fake)) // max(subsets, 1)
  if subsets < 2 or size <= nearest:
    raise ValueError(
      f'{len(real)} real and {len(fake)} generated images in {subsets} subsets,'
      f' expected at least 2 subsets of more than {nearest} images each'
    )
  values = []
  for start in range(0, subsets * size, size):
    a, b = real[start : start + size], fake[start : start + size]
    values.append((kid(a, b), *density_and_coverage(a, b, nearest=nearest)))
  found = {
    name: _interval(column)
    for name, column in zip(
      ('kid', 'density', 'coverage'), np.transpose(values), strict=True
    )
  }
  return found | {'subsets': subsets, 'subset_size': size, 'nearest': nearest}


def _interval(values):
  mean, low, high = statistics.mean_interval(values)
  return mean, [low, high]
