"""Intervals against published tables, closed forms and equations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from advmix_jax.report import statistics


@pytest.mark.parametrize(
  'successes, total, low, high',
  [  # Newcombe 1998, Table I, method 3, to its four digits.
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
  ],
)
def test_wilson_interval_of_the_literature(successes, total, low, high):
  interval = statistics.wilson_interval(successes, total)
  np.testing.assert_allclose(interval, (low, high), atol=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_wilson_ends_solve_their_equation(total, data):
  successes = data.draw(st.integers(0, total))
  p, within_two = successes / total, math.erf(2 / math.sqrt(2))
  for end in statistics.wilson_interval(
    successes, total, confidence=within_two
  ):
    assert 0 <= end <= 1
    distance = 2.0 * math.sqrt(end * (1 - end) / total)
    assert abs(p - end) == pytest.approx(distance, abs=1e-9)


@given(st.integers(1, 10_000), st.data())
def test_wilson_interval_is_its_closed_form(total, data):
  successes = data.draw(st.integers(0, total))
  z = 1.959963984540054  # 97.5% quantile of the standard normal.
  p, ratio = successes / total, z * z / total
  center = (p + ratio / 2) / (1 + ratio)
  half = math.sqrt(p * (1 - p) * ratio + ratio * ratio / 4) / (1 + ratio)
  np.testing.assert_allclose(
    statistics.wilson_interval(successes, total),
    (center - half, center + half),
    rtol=0,
    atol=1e-12,
  )


def test_wilson_interval_of_nothing_and_of_nonsense():
  assert statistics.wilson_interval(0, 0) == (0.0, 1.0)
  assert statistics.wilson_interval(0, 7)[0] == 0.0
  assert statistics.wilson_interval(7, 7)[1] == 1.0
  with pytest.raises(ValueError, match='successes is 8'):
    statistics.wilson_interval(8, 7)


def test_one_seed_keeps_its_own_interval_and_several_have_students():
  assert statistics.over_seeds([(0.5, (0.4, 0.6))]) == (0.5, 0.4, 0.6)
  several = statistics.over_seeds([(v, (0.0, 1.0)) for v in (1.0, 2.0, 3.0)])
  assert several == statistics.mean_interval([1.0, 2.0, 3.0])


def test_mean_interval_has_students_quantile():
  # s = 1, n = 3, t_2(0.975) = 4.302653.
  mean, low, high = statistics.mean_interval([1.0, 2.0, 3.0])
  half = 4.302653 / math.sqrt(3)
  np.testing.assert_allclose([mean, low, high], [2, 2 - half, 2 + half], 1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_mean_interval_is_its_closed_form(values):
  mean, low, high = statistics.mean_interval(values)
  t = special.stdtrit(len(values) - 1, 0.975)
  half = t * np.std(values, ddof=1) / math.sqrt(len(values))
  np.testing.assert_allclose(
    (low, high), (mean - half, mean + half), rtol=0, atol=1e-12
  )


def test_mean_interval_of_equal_values_has_no_width():
  assert statistics.mean_interval([0.25] * 3) == (0.25, 0.25, 0.25)


def test_mean_interval_of_one_value_has_no_spread():
  mean, low, high = statistics.mean_interval([0.5])
  assert mean == 0.5 and math.isnan(low) and math.isnan(high)


def test_mean_interval_of_nothing_raises():
  with pytest.raises(ValueError, match='no values'):
    statistics.mean_interval([])


def test_percent_stays_within_what_is_possible():
  assert statistics.percent(0.931, 0.92, 0.941) == '93.1 [92.0, 94.1]'
  assert statistics.percent(0.99, 0.9, 1.08) == '99.0 [90.0, 100.0]'
  assert statistics.percent(0.01, -0.2, 0.5) == '1.0 [0.0, 50.0]'


def test_mcnemar_is_the_sign_test_of_what_only_one_breaks():
  assert statistics.mcnemar(0, 0) == 1
  assert statistics.mcnemar(5, 5) == 1
  # All of n on one side: 2^-n, twice that with two sides.
  greater = statistics.mcnemar(7, 0, alternative='greater')
  assert greater == pytest.approx(2.0**-7)
  assert statistics.mcnemar(7, 0) == pytest.approx(2.0**-6)
  assert statistics.mcnemar(0, 7) == statistics.mcnemar(7, 0)
  # (1 + 5) / 2^5: one or none of five.
  found = statistics.mcnemar(4, 1, alternative='greater')
  assert found == pytest.approx(6 / 32)
