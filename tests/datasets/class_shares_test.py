"""Claims about advmix_jax/datasets/class_shares.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advmix_jax.datasets import class_shares

LABELS = np.arange(1000, dtype=np.int32) % 10  # 100 of each class.


def test_shares_become_exact_counts():
  np.testing.assert_array_equal(
    class_shares.counts((0.29, 0.5, 0.21), 100), [29, 50, 21]
  )
  # 10 / 3 each: the image that is left goes to the lowest class.
  np.testing.assert_array_equal(class_shares.counts([1 / 3] * 3, 10), [4, 3, 3])
  # Half an image each, though 0.07 * 50 is 3.5000000000000004.
  np.testing.assert_array_equal(
    class_shares.counts((0.01, 0.07, 0.92), 50), [1, 3, 46]
  )


@given(
  st.lists(st.integers(0, 20), min_size=1, max_size=10).filter(any),
  st.integers(0, 500),
)
def test_counts_sum_to_the_total_and_miss_no_share_by_one(weights, total):
  shares = np.array(weights) / sum(weights)
  found = class_shares.counts(shares, total)
  assert found.sum() == total
  assert (np.abs(found - shares * total) < 1 + 1e-5).all()


def test_the_choice_has_the_counts_without_repeats_and_in_order():
  shares = (0.5, 0.05, *[0.45 / 8] * 8)
  index = class_shares.choose(LABELS, shares, total=200, seed=0)
  assert (np.diff(index) > 0).all()
  counts = np.bincount(LABELS[index], minlength=10)
  np.testing.assert_array_equal(counts, class_shares.counts(shares, 200))
  again, other = (
    class_shares.choose(LABELS, shares, total=200, seed=s) for s in (0, 1)
  )
  np.testing.assert_array_equal(index, again)
  assert (index != other).any()


def test_without_a_total_the_rarest_class_decides():
  # 100 zeros are half of 200, and 200 is the largest such total.
  shares = (0.5, *[0.5 / 9] * 9)
  assert len(class_shares.choose(LABELS, shares, total=0, seed=0)) == 200
  assert len(class_shares.choose(LABELS, [0.1] * 10, total=0, seed=0)) == 1000


@pytest.mark.parametrize(
  ('shares', 'total', 'message'),
  [
    ((1.1, -0.1, *[0] * 8), 10, 'expected numbers >= 0 that sum to 1'),
    ((0.5, 0.5), 10, 'shares has 2 numbers, expected 10'),
    ((1.0, *[0] * 9), 101, 'ask for 101 images of class 0, expected at most'),
  ],
)
def test_bad_shares_are_named(shares, total, message):
  with pytest.raises(ValueError, match=message):
    class_shares.choose(LABELS, shares, total=total, seed=0)


@pytest.mark.parametrize(
  ('shares', 'size', 'good'),
  [
    ((0.2, 0.8), 2, True),
    ((0.2, 0.8), 3, False),
    ((0.2, 0.7), 2, False),
    ((-0.2, 1.2), 2, False),
    ((float('nan'), 1.0), 2, False),
    (((0.2, 0.8),), 1, False),
  ],
)
def test_shares_are_numbers_from_0_on_that_sum_to_1(shares, size, good):
  assert class_shares.are_shares(shares, size) is good
