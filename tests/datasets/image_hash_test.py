"""Claims about advmix_jax/datasets/image_hash.py."""

import numpy as np
import pytest

from advmix_jax import types
from advmix_jax.datasets.image_hash import (
  data_hash,
  from_text,
  image_hashes,
  set_name,
  to_text,
)


def _pixels():
  return np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)


def test_hashes_see_8_bit_pixels_only():
  pixels = _pixels()
  exact = pixels.astype(np.float32) / 255
  expected = image_hashes(pixels)
  assert expected.dtype == np.uint64 and len(set(expected)) == 5
  np.testing.assert_array_equal(image_hashes(exact), expected)
  np.testing.assert_array_equal(image_hashes(exact + 1e-6), expected)
  other = pixels ^ np.uint8(1)
  assert not set(image_hashes(other)) & set(expected)
  flat = pixels.reshape(5, 2, 8, 3)
  assert not set(image_hashes(flat)) & set(expected)


def test_hashes_never_change():
  """Files of latents store them."""
  pixels = np.arange(96, dtype=np.uint8).reshape(2, 4, 4, 3)
  golden = [5554361569795535953, 9353539209751874155]
  assert image_hashes(pixels).tolist() == golden


def test_the_text_of_a_set_holds_each_hash_once():
  pixels = _pixels()
  found = from_text(to_text(pixels[[3, 1, 0, 3, 2, 4]]))
  assert found.tolist() == sorted(image_hashes(pixels).tolist())
  assert from_text(to_text(pixels[:0])).size == 0
  for text in ('?', 'AAAA', to_text(pixels) + '\n'):
    with pytest.raises(ValueError):
      from_text(text)


def test_a_name_tells_sets_apart_and_forgives_rounding():
  pixels = _pixels()
  images = pixels.astype(np.float32) / 255
  name = set_name(pixels)
  assert len(name) == 16 and int(name, 16)
  assert set_name(images) == name
  assert set_name(images * np.float32(1 - 1e-6)) == name
  pixels[3, 2, 1, 0] ^= 1
  assert set_name(pixels) != name
  assert set_name(images[::-1]) != name
  assert set_name(images[:4]) != name
  assert set_name(images.reshape(5, 2, 8, 3)) != name


def test_the_hash_of_data_tells_images_and_labels_apart():
  data = types.Dataset(_pixels(), np.arange(5, dtype=np.int32), 5, {}, 'made')
  assert data_hash(data._replace(label=np.arange(5))) == data_hash(data)
  assert data_hash(data._replace(label=data.label[::-1])) != data_hash(data)
  assert data_hash(data._replace(image=data.image[::-1])) != data_hash(data)


@pytest.mark.parametrize('function', [image_hashes, set_name])
def test_halved_pixels_survive_errors_in_the_last_place(function):
  halves = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1) / 510
  expected = function(halves)
  assert function(halves * np.float32(1 + 3e-7)) == expected
  assert function(halves * np.float32(1 - 3e-7)) == expected


def test_a_hash_does_not_depend_on_the_other_images():
  images = np.random.default_rng(0).random((2500, 2, 2, 1), np.float32)
  pixels = np.floor(255 * images + np.float32(0.49)).astype(np.uint8)
  whole = image_hashes(images)
  parts = [image_hashes(pixels[i : i + 700]) for i in range(0, 2500, 700)]
  np.testing.assert_array_equal(np.concatenate(parts), whole)
  assert set_name(images) == set_name(pixels)
