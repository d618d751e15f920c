"""Files of latents, keyed by their images.

A file holds latents as 8-bit numbers, with one offset and one scale for each
(layer, dimension), and a 64-bit hash of each image. The latents of 10,000
images, 8 x 32 each, take 2.6 MB before compression. Any of the images can be
looked up, in any order; an image that is not in the file raises ValueError:

  latents_file.save('latents.npz', w, images=images, metadata=provenance)
  w = latents_file.load('latents.npz', images[:500])  # [500, L, D] float32

Contents: Quantised, quantise, dequantise, save, load_metadata, load,
check.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from advmix_jax.datasets import image_hash
from advmix_jax.runtime import files, untrusted

_KIND = 'latents'
_LEVELS = 255  # Steps between the 256 values of an 8-bit number.


class Quantised(NamedTuple):
  """Latents as 8-bit numbers: w = offset + scale * code."""

  code: np.ndarray  # [N, L, D] uint8
  offset: np.ndarray  # [L, D] float32
  scale: np.ndarray  # [L, D] float32, >= 0


def quantise(latents: np.ndarray) -> Quantised:
  """Rounds latents to 8 bits in the range of each (layer, dimension).

  The error is at most half a step, (max - min) / 510.

  Args:
    latents: [N, L, D], finite, N >= 1.

  Raises:
    ValueError: the latents are empty, not finite, or not [N, L, D].
  """
  latents = np.asarray(latents, np.float32)
  if latents.ndim != 3 or not len(latents) or not np.isfinite(latents).all():
    raise ValueError(
      f'latents of shape {latents.shape}, expected finite [N, L, D], N >= 1'
    )
  low, high = latents.min(0), latents.max(0)
  scale = (high - low) / _LEVELS
  code = np.rint((latents - low) / np.where(scale > 0, scale, 1))
  return Quantised(np.clip(code, 0, _LEVELS).astype(np.uint8), low, scale)


def dequantise(quantised: Quantised) -> np.ndarray:
  """Turns 8-bit numbers back into latents [N, L, D] float32."""
  return quantised.offset + quantised.scale * quantised.code.astype(np.float32)


def save(
  path: str | os.PathLike,
  latents: np.ndarray,
  *,
  images: np.ndarray,
  metadata: Mapping[str, Any],
) -> None:
  """Writes latents and the hashes of their images, atomically.

  Args:
    path: the file; an existing one is replaced.
    latents: [N, L, D].
    images: [N, H, W, C], the images that the latents encode.
    metadata: JSON-serialisable provenance: config, generator, errors.

  Raises:
    ValueError: the numbers of images and latents differ, or `quantise` raises.
  """
  if len(latents) != len(images):
    raise ValueError(f'{len(latents)} latents for {len(images)} images')
  quantised = quantise(latents)
  # Codes of one dimension are stored side by side, which compresses best.
  code = zlib.compress(quantised.code.transpose(1, 2, 0).tobytes(), 9)
  parts = quantised._asdict() | {
    'code': np.frombuffer(code, np.uint8),
    'hash': image_hash.image_hashes(images),
  }
  files.save_npz(path, parts, metadata, kind=_KIND)


def _read(path):
  parts, metadata = files.load_npz(path, kind=_KIND)
  if not _is_whole(parts):
    raise ValueError(f'{path}: corrupt, its arrays are not those of latents')
  return parts, metadata


def _is_whole(parts):
  """Whether names, types and shapes are those that `save` writes."""
  kinds = {'code': 'uint8', 'offset': 'f4', 'scale': 'f4', 'hash': 'uint64'}
  if set(parts) != set(kinds):
    return False
  arrays = {name: np.asarray(value) for name, value in parts.items()}
  axes = {name: array.ndim for name, array in arrays.items()}
  return (
    all(arrays[name].dtype == kind for name, kind in kinds.items())
    and axes == {'code': 1, 'offset': 2, 'scale': 2, 'hash': 1}
    and arrays['offset'].shape == arrays['scale'].shape
    and len(arrays['hash']) > 0
  )


def _unpack(path, parts):
  """Decompresses the codes [N, L, D] of a file."""
  shape = (*parts['scale'].shape, len(parts['hash']))
  size, limit = math.prod(shape), untrusted.budget(os.path.getsize(path))
  if size > limit:
    raise ValueError(f'{path}: corrupt, {size} codes, expected at most {limit}')
  try:  # At most one extra byte, enough to detect that there are too many.
    code = zlib.decompressobj().decompress(parts['code'].tobytes(), size + 1)
  except zlib.error as e:
    raise ValueError(f'{path}: corrupt ({e})') from e
  if len(code) != size:
    raise ValueError(f'{path}: corrupt, {len(code)} codes, expected {size}')
  return np.frombuffer(code, np.uint8).reshape(shape).transpose(2, 0, 1)


def load_metadata(path: str | os.PathLike) -> dict[str, Any]:
  """Returns the provenance of a file of latents.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  return _read(path)[1]


def load(path: str | os.PathLike, images: np.ndarray) -> np.ndarray:
  """Looks up the latents of images.

  Args:
    path: a file that `save` wrote.
    images: [N, H, W, C], all or some of the file's images, in any order.

  Returns:
    [N, L, D] float32.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
    ValueError: some of the images are not in the file.
  """
  parts, _ = _read(path)
  place = _places(path, parts, images)
  code = _unpack(path, parts)[place]
  return dequantise(Quantised(code, parts['offset'], parts['scale']))


def check(path: str | os.PathLike, images: np.ndarray) -> tuple[int, int]:
  """Checks that a file has latents of all images; raises as `load`.

  Returns:
    (L, D), the shape of one image's latents.
  """
  parts, _ = _read(path)
  _places(path, parts, images)
  return parts['scale'].shape


def _places(path, parts, images):
  """Where the file has the latents of each image, [N]."""
  order = np.argsort(parts['hash'], kind='stable')
  known, wanted = parts['hash'][order], image_hash.image_hashes(images)
  place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
  missing = known[place] != wanted
  if missing.any():
    raise ValueError(
      f'{path}: no latents for {missing.sum()} of {len(images)} images (first: '
      f'image {missing.argmax()}); it encodes {len(known)} other images'
    )
  return order[place]
