"""Claims about advmix_jax/shards.py."""

import numpy as np

from advmix_jax.encoder import shards


def _images():
  return np.random.default_rng(0).random((3, 4, 4, 3), np.float32)


def _parts():
  rng = np.random.default_rng(1)
  return rng.random((3, 2, 5)), rng.random(3), rng.random((3, 7))


def _equal(found, parts):
  assert len(found) == len(parts)
  for a, b in zip(found, parts, strict=True):
    np.testing.assert_array_equal(a, b)


def test_a_new_process_finds_what_was_saved(tmp_path):
  shards.make_shards(tmp_path, setting='a').save(0, _images(), _parts())
  _equal(shards.make_shards(tmp_path, setting='a').load(0, _images()), _parts())


def test_other_images_places_and_settings_find_nothing(tmp_path):
  keep = shards.make_shards(tmp_path, setting='a')
  keep.save(0, _images(), _parts())
  changed = _images()
  changed[2, 3, 3, 0] = 1 - changed[2, 3, 3, 0]
  assert keep.load(0, changed) is None
  assert keep.load(0, _images()[:2]) is None
  assert keep.load(3, _images()) is None
  assert shards.make_shards(tmp_path, setting='b').load(0, _images()) is None


def test_a_torn_shard_is_made_again(tmp_path):
  keep = shards.make_shards(tmp_path, setting='a')
  keep.save(0, _images(), _parts())
  (path,) = tmp_path.iterdir()
  whole = path.read_bytes()
  for size in (0, 10, len(whole) // 2, len(whole) - 1):
    path.write_bytes(whole[:size])
    assert keep.load(0, _images()) is None
  keep.save(0, _images(), _parts())
  _equal(keep.load(0, _images()), _parts())


def test_the_first_batches_are_found_up_to_one_that_is_missing(tmp_path):
  keep = shards.make_shards(tmp_path, setting='a')
  images = np.random.default_rng(2).random((7, 4, 4, 3), np.float32)
  assert shards.leading(keep, images, 3) == []
  for first in (0, 6):
    keep.save(first, images[first : first + 3], _parts())
  (found,) = shards.leading(keep, images, 3)  # The batch of 3 is missing.
  _equal(found, _parts())
  keep.save(3, images[3:6], _parts())
  assert len(shards.leading(keep, images, 3)) == 3
  assert shards.leading(None, images, 3) == []
