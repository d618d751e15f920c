"""Claims about advmix_jax/encoder/latents_file.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from advmix_jax.encoder import latents_file
from advmix_jax.runtime import files


def _data(n, seed=0, shape=(4, 4, 3)):
  rng = np.random.default_rng(seed)
  return (
    rng.normal(size=(n, 3, 5)).astype(np.float32),
    rng.random((n, *shape), np.float32),
  )


@settings(deadline=None, max_examples=60)
@given(
  hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 3)),
    elements=st.floats(-100, 100, width=32),
  )
)
def test_rounding_error_is_at_most_half_a_step(w):
  back = latents_file.dequantise(latents_file.quantise(w))
  bound = (w.max(0) - w.min(0)) / 510
  # One part in 1e5 of the largest number for float32 arithmetic, which below
  # its smallest normal number has no relative precision.
  slack = 1e-5 * np.abs(w).max() + np.finfo(np.float32).tiny
  assert (np.abs(back - w) <= bound + slack).all()


def test_constants_and_extremes_are_kept():
  w = np.zeros((3, 1, 2), np.float32)
  w[:, 0, 0] = 7.0
  w[:, 0, 1] = [-2, 0.1, 4]
  back = latents_file.dequantise(latents_file.quantise(w))
  np.testing.assert_array_equal(back[:, 0, 0], 7.0)
  np.testing.assert_allclose(back[[0, 2], 0, 1], [-2, 4], atol=1e-6)


def test_any_part_in_any_order_is_looked_up(tmp_path):
  w, images = _data(20)
  path = tmp_path / 'latents.npz'
  latents_file.save(path, w, images=images, metadata={'made by': 'a test'})
  whole = latents_file.load(path, images)
  np.testing.assert_allclose(whole, w, atol=np.ptp(w) / 500)
  for index in ([3, 0, 19, 3], slice(5), slice(None, None, -1)):
    np.testing.assert_array_equal(
      latents_file.load(path, images[index]), whole[index]
    )
  assert whole.dtype == np.float32
  assert latents_file.load_metadata(path)['made by'] == 'a test'


def test_unknown_images_are_refused_and_counted(tmp_path):
  w, images = _data(6)
  path = tmp_path / 'latents.npz'
  latents_file.save(path, w, images=images, metadata={})
  images[[2, 4], 0, 0, 0] = np.abs(images[[2, 4], 0, 0, 0] - 0.5)
  with pytest.raises(ValueError, match=r'no latents for 2 of 6 .*image 2\)'):
    latents_file.load(path, images)
  _, others = _data(3, seed=1)
  with pytest.raises(ValueError, match='no latents for 3 of 3 images'):
    latents_file.load(path, others)


def test_10000_and_2000_images_take_less_than_3_megabytes(tmp_path):
  size = 0
  for n in (10000, 2000):
    rng = np.random.default_rng(n)
    w = rng.normal(size=(n, 8, 32)).astype(np.float32)
    images = rng.integers(0, 256, (n, 2, 2, 3)).astype(np.uint8)
    latents_file.save(tmp_path / f'{n}.npz', w, images=images, metadata={})
    size += (tmp_path / f'{n}.npz').stat().st_size
  assert size < 3e6


@pytest.mark.parametrize(
  'bad', [np.zeros((0, 2, 2)), np.full((2, 2, 2), np.nan)]
)
def test_bad_latents_are_refused(bad):
  with pytest.raises(ValueError, match='expected finite'):
    latents_file.quantise(bad)


def test_wrong_numbers_and_files_are_refused(tmp_path):
  w, images = _data(4)
  path = tmp_path / 'latents.npz'
  with pytest.raises(ValueError, match='4 latents for 3 images'):
    latents_file.save(path, w, images=images[:3], metadata={})
  with pytest.raises(FileNotFoundError):
    latents_file.load(path, images)
  files.save_npz(path, {}, {'kind': 'judge'})
  with pytest.raises(ValueError, match="holds 'judge', expected latents"):
    latents_file.load(path, images)
  latents_file.save(path, w, images=images, metadata={})
  path.write_bytes(path.read_bytes()[:-40])
  with pytest.raises(ValueError, match='corrupt'):
    latents_file.load(path, images)
