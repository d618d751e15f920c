"""Claims about advmix_jax/runtime/pictures.py."""

import numpy as np
import pytest
from PIL import Image

from advmix_jax.runtime import pictures


def _cells(rows=2, columns=3, size=(4, 5), channels=3):
  shape = (rows, columns, *size, channels)
  return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_a_grid_has_every_image_at_its_place():
  cells = _cells()
  tiled = pictures.grid(cells)
  assert tiled.shape == (8, 15, 3) and tiled.dtype == np.uint8
  for i, j in np.ndindex(2, 3):
    part = tiled[4 * i : 4 * (i + 1), 5 * j : 5 * (j + 1)]
    np.testing.assert_array_equal(part, cells[i, j])


@pytest.mark.parametrize('bad', [np.zeros((2, 3, 4, 5, 3)), _cells()[0]])
def test_a_grid_of_another_shape_or_type_is_refused(bad):
  with pytest.raises(ValueError, match=r'expected uint8 \[rows, columns'):
    pictures.grid(bad)


def test_halves_round_up_and_values_outside_are_clipped():
  images = np.float32([-1, 0, 0.5 / 255, 1.5 / 255, 0.499 / 255, 0.5, 1, 2])
  got = pictures.to_uint8(images)
  assert got.tolist() == [0, 0, 1, 2, 0, 128, 255, 255]
  assert pictures.to_uint8(got) is got


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('scale', [1, 2])
def test_a_png_has_the_pixels_of_its_image(tmp_path, channels, scale):
  image = pictures.grid(_cells(channels=channels))
  path = tmp_path / 'new' / 'grid.png'
  pictures.write_png(path, image, scale=scale)
  found = np.asarray(Image.open(path)).reshape(8 * scale, 15 * scale, -1)
  np.testing.assert_array_equal(found[::scale, ::scale], image)
  np.testing.assert_array_equal(found[scale - 1 :: scale, ::scale], image)
