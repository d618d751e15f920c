import jax
import numpy as np
import pytest

from advmix_jax import ops
from advmix_jax.ops import area


def test_an_integer_ratio_is_the_mean_of_blocks():
  image = np.random.default_rng(0).random((2, 12, 12, 3), np.float32)
  small = area.resize(image, area.Box(0, 0, 12, 12), 4)
  # Another order of the same nine numbers: a few float32 roundings.
  np.testing.assert_allclose(small, ops.downscale2d(image, 3), atol=1e-6)


def test_pixels_count_by_the_part_of_them_that_is_covered():
  # Pixel 0 is [0.5, 1], pixel 1 whole, pixel 2 [2, 2.25]: 1.75 in two pixels.
  found = area.weights(4, 0.5, 2.25, 2)
  half = 1.75 / 2
  wanted = [
    [0.5 / half, (half - 0.5) / half, 0, 0],
    [0, (1.5 - half) / half, 0.25 / half, 0],
  ]
  np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_mean_of_the_box_is_kept():
  image = np.random.default_rng(1).random((30, 20, 1), np.float32)
  box = area.Box(2.3, 4.1, 19.9, 18.0)
  rows = area.weights(30, box.top, box.bottom, 1)[0]
  columns = area.weights(20, box.left, box.right, 1)[0]
  mean = rows @ image[..., 0] @ columns
  for size in (1, 3, 7, 16):
    small = area.resize(image, box, size)
    assert small.shape == (size, size, 1)
    np.testing.assert_allclose(small.mean(), mean, rtol=1e-5)


def test_enlarging_repeats_pixels():
  image = np.arange(4, dtype=np.float32).reshape(2, 2, 1)
  large = area.resize(image, area.Box(0, 0, 2, 2), 6)
  np.testing.assert_array_equal(large, image.repeat(3, 0).repeat(3, 1))


def test_jit_gives_the_same_and_a_gradient():
  image = np.random.default_rng(2).random((9, 8, 2), np.float32)
  box = area.Box(0.5, 1, 8, 7.25)

  def mean(x):
    return area.resize(x, box, 5).mean()

  np.testing.assert_allclose(
    jax.jit(lambda x: area.resize(x, box, 5))(image),
    area.resize(image, box, 5),
    atol=1e-6,
  )
  gradient = jax.grad(mean)(image)
  np.testing.assert_allclose(gradient.sum(), 1, rtol=1e-5)
  assert (gradient[0] > 0)[1:7].all() and (np.asarray(gradient[8]) == 0).all()


@pytest.mark.parametrize('part', [(-0.1, 2), (1, 5.01), (2, 2), (3, 1)])
def test_a_box_outside_is_refused(part):
  with pytest.raises(ValueError, match='expected 0 <= start < stop <= 5'):
    area.weights(5, *part, 2)
