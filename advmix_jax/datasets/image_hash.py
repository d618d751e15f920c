"""Hashes of images, by which their latents are found again.

  image_hashes(images)  # [N] uint64, one per image
  set_name(images)      # '3f9a...', for all of them in this order
  data_hash(dataset)    # of a whole data set, with its labels
  to_text(images)       # of each image, for JSON; from_text(text) reads it

All see 8-bit pixels and the shape of an image: uint8 pixels k and float pixels
k / 255 have one hash, and so do floats that differ by the rounding errors of
two machines. Halfway values, which a colour of 0.5 makes often, always go down.

Contents: image_hashes, set_name, data_hash, to_text, from_text.
"""

import base64
import hashlib

import numpy as np

from advmix_jax import types
from advmix_jax.datasets import pixels


def image_hashes(images: np.ndarray) -> np.ndarray:
  """One 64-bit hash per image; files of latents store them.

  Args:
    images: [N, H, W, C] float in [0, 1], or uint8.

  Returns:
    [N] uint64.
  """
  found = np.empty(len(images), np.uint64)
  for i, image in enumerate(images):
    image = pixels.to_uint8(image)
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(image))
    found[i] = int.from_bytes(digest.digest(), 'little')
  return found


def set_name(images: np.ndarray) -> str:
  """A name for a set of images, made from their hashes and their order.

  Args:
    images: [N, H, W, C] float in [0, 1], or uint8.

  Returns:
    16 hexadecimal digits.
  """
  hashes = image_hashes(images).astype('<u8')
  return hashlib.sha256(hashes.tobytes()).hexdigest()[:16]


def data_hash(dataset: types.Dataset) -> str:
  """64 hexadecimal digits for the images, their order and their labels."""
  digest = hashlib.sha256(set_name(dataset.image).encode())
  digest.update(np.asarray(dataset.label, '<i8').tobytes())
  return digest.hexdigest()


def to_text(images: np.ndarray) -> str:
  """The hashes of the images, each one once, sorted, as base64.

  Args:
    images: [N, H, W, C] float in [0, 1], or uint8.
  """
  hashes = np.unique(image_hashes(images)).astype('<u8')
  return base64.b64encode(hashes.tobytes()).decode()


def from_text(text: str) -> np.ndarray:
  """The hashes that `to_text` wrote: uint64, sorted.

  Raises:
    ValueError: it did not write this text.
  """
  return np.frombuffer(base64.b64decode(text, validate=True), '<u8')
