"""Checks what a user hands to `standard.evaluate`; each fault is one line.

The faults that others' data have most are recognised by name, such as one-hot
labels. Each is a ValueError that says how to mend it.

The images themselves are checked by `pixels.check`.

Contents: check_labels, check_name, check_seed, check_sources, check_size,
check_latents, check_classes, check_shown, check_logits, check_finite.
"""

import operator
from collections.abc import Sequence

import jax.numpy as jnp  # Its issubdtype knows bfloat16.
import numpy as np

from advmix_jax import types
from advmix_jax.runtime import options


def check_labels(labels: np.ndarray, count: int) -> np.ndarray:
  """Returns labels [N] as they are, as NumPy.

  Args:
    labels: [N], integers.
    count: N, the number of images.

  Raises:
    ValueError: They are no integers, or not one for each image.
  """
  labels = np.asarray(labels)
  if labels.ndim != 1:
    hint = '; one-hot ones are labels.argmax(-1)' if labels.ndim == 2 else ''
    raise ValueError(
      f'labels have shape {labels.shape}, expected ({count},){hint}'
    )
  if len(labels) != count:
    raise ValueError(f'{count} images but {len(labels)} labels')
  if labels.dtype.kind not in 'iu':
    raise ValueError(f'labels are {labels.dtype}, expected integers')
  return labels


def check_name(name: str) -> None:
  """Raises ValueError unless a name is text that UTF-8 can hold."""
  if not isinstance(name, str):
    raise ValueError(f'name is a {type(name).__name__}, expected text')
  if name != name.encode(errors='ignore').decode():
    raise ValueError(f'name is {name!r}, expected text that UTF-8 can hold')


def check_seed(seed: int) -> int:
  """Returns a seed as Python's integer.

  Raises:
    ValueError: It is none, or out of range.
  """
  try:
    seed = operator.index(seed)
  except TypeError as error:
    raise ValueError(f'seed is {seed!r}, expected an integer') from error
  options.check({'seed': seed})
  return seed


def check_sources(sources: Sequence[str], count: int) -> None:
  """Raises ValueError unless there are none, or one for each image."""
  if len(sources) not in (0, count):
    raise ValueError(f'{count} images but {len(sources)} sources')


def check_size(images: np.ndarray, made: tuple[int, ...]) -> None:
  """Raises ValueError unless images [N, H, W, C] are as large as `made`.

  Args:
    images: [N, H, W, C].
    made: (H, W, C) of the generator's images.
  """
  if images.shape[1:] != made:
    raise ValueError(
      f'images are {images.shape[1:]}, but the generator makes {made}; '
      f'{_mend(images.shape[1:], made)}'
    )


def _mend(shape, made):
  """What makes images of one shape fit those of another."""
  if shape[:2] == made[:2] and (shape[2], made[2]) == (1, 3):
    return 'grey images become such ones by images.repeat(3, axis=-1)'
  if shape[:2] == made[:2] and (shape[2], made[2]) == (4, 3):
    return 'images[..., :3] leaves the transparency out'
  if shape == (made[2], *made[:2]):
    return 'channels are the last axis here: images.transpose(0, 2, 3, 1)'
  return (
    'resize the images, or let --size, `size` in its config, resize its own'
  )


def check_latents(
  latents: np.ndarray, count: int, generator: types.Generator
) -> np.ndarray:
  """Returns latents [N, L, D] as float32.

  Args:
    latents: [N, L, D].
    count: N, the number of images.
    generator: That decodes them.

  Raises:
    ValueError: They have another shape, or are not finite.
  """
  latents = np.asarray(latents, np.float32)
  expected = (count, generator.num_layers, generator.dlatent_size)
  if latents.shape != expected:
    raise ValueError(
      f'latents have shape {latents.shape}, expected {expected} for these '
      'images and this generator'
    )
  if not np.isfinite(latents).all():
    raise ValueError('latents have numbers that are not finite')
  return latents


def check_classes(labels: np.ndarray, num_classes: int) -> np.ndarray:
  """Returns labels [N] as int32.

  Raises:
    ValueError: They are not all in 0..num_classes - 1.
  """
  low, high = int(labels.min()), int(labels.max())
  if low < 0 or high >= num_classes:
    raise ValueError(
      f'labels are from {low} to {high}, expected 0 to {num_classes - 1}: '
      f'logits_fn returns {num_classes} logits'
    )
  return labels.astype(np.int32)


def check_shown(shown: np.ndarray, count: int) -> None:
  """Raises ValueError unless what a judge returns is [count] integers."""
  if shown.shape != (count,) or shown.dtype.kind not in 'iu':
    raise ValueError(
      f'judge_fn returns {shown.dtype} of shape {shown.shape} for {count} '
      f'images, expected ({count},) integers, the classes that they show'
    )


def check_logits(logits: np.ndarray, count: int) -> None:
  """Raises ValueError unless logits are [count, K] numbers, K >= 2."""
  if logits.ndim != 2 or len(logits) != count or logits.shape[1] < 2:
    raise ValueError(
      f'logits_fn returns shape {logits.shape} for {count} images, expected '
      f'({count}, K), K >= 2'
    )
  real = (np.floating, np.integer)
  if not any(jnp.issubdtype(logits.dtype, kind) for kind in real):
    raise ValueError(f'logits_fn returns {logits.dtype}, expected floats')


def check_finite(logits: np.ndarray) -> None:
  """Raises ValueError for logits [N, K] that are NaN or infinite."""
  bad = np.flatnonzero(~np.isfinite(logits).all(axis=-1))
  if len(bad):
    raise ValueError(
      f'logits_fn returns logits that are NaN or infinite for {len(bad)} of '
      f'{len(logits)} images, the first one is image {bad[0]}'
    )
