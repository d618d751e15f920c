"""Claims about 8-bit pixels."""

import numpy as np
import pytest

from advmix_jax import datasets
from advmix_jax.datasets import pixels


def test_every_8_bit_value_survives_the_way_to_floats_and_back():
  pixels = np.arange(256, dtype=np.uint8)
  floats = datasets.to_float(pixels)
  assert floats.dtype == np.float32
  # A quotient of float32 is the rounded quotient of the exact numbers.
  np.testing.assert_array_equal(floats, np.float32(np.arange(256) / 255))
  np.testing.assert_array_equal(datasets.to_uint8(floats), pixels)


def test_rounding_goes_to_the_nearest_and_halves_go_down():
  values = np.float32([0, 0.4, 0.48, 0.5, 0.52, 0.6, 254.5, 255]) / 255
  expected = [0, 0, 0, 0, 1, 1, 254, 255]
  np.testing.assert_array_equal(datasets.to_uint8(values), expected)
  # An error in the last place moves nothing.
  close = values * np.float32(1 + 1e-6)
  np.testing.assert_array_equal(datasets.to_uint8(close), expected)


def test_floats_pass_as_float32_and_8_bits_as_they_are():
  floats = np.array([0.25, 1.5])
  np.testing.assert_array_equal(datasets.to_float(floats), np.float32(floats))
  pixels = np.array([0, 7], np.uint8)
  assert datasets.to_uint8(pixels) is pixels


def test_floats_may_leave_0_to_1_by_rounding_errors_alone():
  images = np.linspace(-1e-6, 1 + 1e-6, 12, dtype=np.float32)
  images = images.reshape(1, 2, 2, 3)
  assert pixels.check(images) is images
  for wider in (images - 1e-3, images + 1e-3):
    with pytest.raises(ValueError, match=r'expected \[0, 1\]'):
      pixels.check(wider)
