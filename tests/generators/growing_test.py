"""Claims about the schedule of growing, and what real images show in it."""

import numpy as np
import pytest
from helpers import tiny_gan

from advmix_jax.generators import gan, growing


def _options(**fields):
  config = gan.default_config()
  config.update(fields)
  return config


def test_the_schedule_is_stable_then_fades_level_by_level():
  config = _options(start_resolution=8, phase_kimg=10.0)
  expected = {0: 2.0, 9: 2.0, 15: 1.5, 20: 1.0, 29: 1.0, 38: 0.2, 50: 0.0}
  for kimg, lod in expected.items():
    level, blend = growing.level_at(config, 32, kimg)
    assert level + blend == pytest.approx(lod)
    assert level == int(lod)


def test_without_growing_the_lod_is_always_zero():
  assert growing.level_at(_options(), 32, 0.0) == (0, 0.0)


@pytest.mark.parametrize('start', [2, 7, 12, 64])
def test_a_start_that_is_no_size_of_the_network_is_refused(start):
  config = _options(start_resolution=start)
  with pytest.raises(ValueError, match=rf'{start}, .*one of \(4, 8, 16, 32\)'):
    growing.level_at(config, 32, 0.0)


def test_real_images_show_the_detail_of_their_level_and_blend():
  images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
  whole, two, four = (tiny_gan.averaged(images, size) for size in (1, 2, 4))
  for level, blend, wanted in (
    (0, 0.0, whole),
    (1, 0.0, two),
    (2, 0.0, four),
    (0, 0.25, 0.75 * whole + 0.25 * two),
    (1, 0.5, 0.5 * two + 0.5 * four),
  ):
    found = growing.at_level(images, level, blend)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
