"""KID, density and coverage: closed forms, and loops as in the papers."""

import numpy as np
import pytest
from helpers import coverage

from advmix_jax.evaluation import quality


def _normal(seed, *shape, mean=0.0):
  return np.random.default_rng(seed).normal(mean, 1, shape)


def test_kid_of_two_points_is_that_of_the_kernel():
  # All vectors of a set are equal, so the estimate is the MMD itself.
  real = np.tile([[1.0, 2.0]], (5, 1))
  fake = np.tile([[0.0, -1.0]], (4, 1))
  kernel = lambda dot: (dot / 2 + 1) ** 3  # noqa: E731
  expected = kernel(5) + kernel(1) - 2 * kernel(-2)
  assert quality.kid(real, fake) == pytest.approx(expected, rel=1e-12)


def test_kid_is_the_mean_over_pairs_of_different_vectors():
  real, fake = _normal(0, 7, 3), _normal(1, 9, 3, mean=0.5)

  def mean(a, b, same):
    values = [
      (x @ y / 3 + 1) ** 3
      for i, x in enumerate(a)
      for j, y in enumerate(b)
      if not (same and i == j)
    ]
    return np.mean(values)

  expected = mean(real, real, True) + mean(fake, fake, True)
  expected -= 2 * mean(real, fake, False)
  assert quality.kid(real, fake) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('shift', [0.0, 1.0])
def test_kid_is_unbiased(shift):
  # In one dimension the kernel compares the first three moments, 0, 1, 0 for
  # N(0, 1) and m, 1 + m^2, m^3 + 3m for N(m, 1), with weights 3, 3, 1.
  m = shift
  expected = 3 * m**2 + 3 * m**4 + (m**3 + 3 * m) ** 2
  values = [
    quality.kid(_normal((0, i), 20, 1), _normal((1, i), 20, 1, mean=m))
    for i in range(2000)
  ]
  error = np.std(values) / np.sqrt(len(values))
  assert abs(np.mean(values) - expected) < 4 * error


def test_density_and_coverage_are_those_of_loops():
  real, fake, k = _normal(0, 30, 2), _normal(1, 20, 2, mean=0.5), 3
  inside = np.zeros((30, 20))
  for i, x in enumerate(real):
    others = [np.linalg.norm(x - y) for j, y in enumerate(real) if j != i]
    for j, y in enumerate(fake):
      inside[i, j] = np.linalg.norm(x - y) <= sorted(others)[k - 1]
  density, coverage = quality.density_and_coverage(real, fake, nearest=k)
  assert density == inside.sum() / (k * 20)
  assert coverage == inside.any(1).mean()


def test_copies_cover_everything_and_strangers_nothing():
  real = _normal(0, 40, 3)
  assert quality.density_and_coverage(real, real)[1] == 1
  assert quality.density_and_coverage(real, real + 100) == (0, 0)
  # One mode of two, equally large: half of the real images are covered.
  modes = np.concatenate([real, real + 100])
  assert quality.density_and_coverage(modes, real)[1] == 0.5


def test_equal_distributions_have_density_one_and_the_expected_coverage():
  values = np.array(
    [
      quality.density_and_coverage(
        _normal((0, i), 12, 2), _normal((1, i), 9, 2)
      )
      for i in range(1000)
    ]
  )
  error = values.std(0) / np.sqrt(len(values))
  expected = 1, coverage.expected_coverage(12, 9)
  assert (np.abs(values.mean(0) - expected) < 4 * error).all()


def test_measure_is_the_mean_over_disjoint_subsets():
  real, fake = _normal(0, 45, 2), _normal(1, 41, 2)
  found = quality.measure(real, fake, nearest=2, subsets=4)
  assert found['subset_size'] == 10
  parts = [slice(s, s + 10) for s in range(0, 40, 10)]
  kids = [quality.kid(real[p], fake[p]) for p in parts]
  mean, (low, high) = found['kid']
  assert mean == pytest.approx(np.mean(kids))
  # Student's t with 3 degrees of freedom, 97.5%: 3.182.
  half = 3.182 * np.std(kids, ddof=1) / 2
  assert (low, high) == pytest.approx((mean - half, mean + half), rel=1e-3)
  pairs = [
    quality.density_and_coverage(real[p], fake[p], nearest=2) for p in parts
  ]
  means = [found['density'][0], found['coverage'][0]]
  np.testing.assert_allclose(means, np.mean(pairs, axis=0))


def test_too_few_images_are_refused():
  with pytest.raises(ValueError, match='50 real and 60 generated images in 10'):
    quality.measure(_normal(0, 50, 2), _normal(1, 60, 2))
  with pytest.raises(ValueError, match='in 1 subsets, expected at least 2'):
    quality.measure(_normal(0, 50, 2), _normal(1, 60, 2), subsets=1)
