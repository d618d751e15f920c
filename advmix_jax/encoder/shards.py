"""Finished batches of an encoding on disk, so that it resumes after a kill.

  keep = shards.make_shards('latents.npz.shards', setting='steps 20, ...')
  parts = keep.load(first, images)  # None: missing or damaged
  keep.save(first, images, parts)

The name of a shard is a hash of its images, of the index of the first one (the
draws of Algorithm 1 depend on it) and of all settings. Any change of these
gives another name, so a stale result is never found.

Contents: Shards, make_shards, leading.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from advmix_jax.datasets import image_hash
from advmix_jax.runtime import files

_KIND = 'shard'


class Shards(NamedTuple):
  """Stores and loads the finished batches of one encoding."""

  # (index of the first image, images [B, H, W, 3]) -> arrays, or None.
  load: Callable[[int, np.ndarray], tuple[np.ndarray, ...] | None]
  # (index of the first image, images, arrays)
  save: Callable[[int, np.ndarray, tuple[np.ndarray, ...]], None]


def make_shards(folder: str | os.PathLike, *, setting: str) -> Shards:
  """Returns the shards in `folder`, which the first `save` creates.

  Args:
    folder: holds one file per batch.
    setting: text of all that the results depend on besides the images.
  """
  folder = pathlib.Path(folder)

  def path(first, images):
    digest = hashlib.sha256(f'{first} {setting}'.encode())
    digest.update(image_hash.image_hashes(images).tobytes())
    return folder / f'{digest.hexdigest()[:32]}.npz'

  def load(first, images):
    try:
      parts, _ = files.load_npz(path(first, images), kind=_KIND)
    except (FileNotFoundError, ValueError):
      return None
    return tuple(parts[str(i)] for i in range(len(parts)))

  def save(first, images, parts):
    named = {str(i): part for i, part in enumerate(parts)}
    files.save_npz(path(first, images), named, {}, kind=_KIND)

  return Shards(load, save)


def leading(
  keep: Shards | None, images: np.ndarray, size: int
) -> list[tuple[np.ndarray, ...]]:
  """The arrays of the first batches, up to one that is not there.

  Args:
    keep: None: nothing is kept.
    images: of all batches, [N, H, W, 3].
    size: of a batch.
  """
  found = []
  for first in range(0, len(images) if keep else 0, size):
    parts = keep.load(first, images[first : first + size])
    if parts is None:
      break
    found.append(parts)
  return found
