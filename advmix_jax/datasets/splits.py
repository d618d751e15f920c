"""Splits of a data set: known names, the first images, and made splits.

A made split is stratified: each class gives the same shares of its images to
the validation and test part. It depends on the seed, the shares, and the names
of the images, or their order where they have none, so every command makes the
same one.

Contents: SPLITS, check, first, order, spread, made_fields, make,
describe_made.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

SPLITS = ('train', 'valid', 'test')


def check(split: str, known: Sequence[str]) -> None:
  """Raises ValueError for a split that a data set doesn't have."""
  if split not in known:
    raise ValueError(f'split is {split!r}, expected one of {", ".join(known)}')


def first(config: Mapping[str, Any], split: str, count: int) -> slice:
  """The images that are kept of a split of `count`: the first, or all.

  Args:
    config: `num_<split>`, how many; 0: all.
    split: name of the split.
    count: how many there are.

  Raises:
    ValueError: more than there are, or fewer than none.
  """
  limit = config[f'num_{split}']
  if not 0 <= limit <= count:
    raise ValueError(
      f'data.num_{split} is {limit}, expected 0 (all) to {count}'
    )
  return slice(limit or count)


def order(labels: Sequence[Any]) -> np.ndarray:
  """The order in which images are used: as they are, or `spread`.

  They are spread where they come class by class: where, of at least 4 K images
  of K classes, fewer than 2 K have another label than the one before.

  Args:
    labels: [N], of any type that can be compared.

  Returns:
    [N] indices.
  """
  labels = np.asarray(labels)
  changes = np.count_nonzero(labels[1:] != labels[:-1])
  classes = len(np.unique(labels))
  if len(labels) >= 4 * classes and changes < 2 * classes:
    return spread(labels)
  return np.arange(len(labels))


def spread(labels: Sequence[Any]) -> np.ndarray:
  """An order in which the first images of any number have all classes' shares.

  Image k of the n of its class stands at (k + 1/2) / n of the whole. So data
  that come class by class lose no class where only the first are used.

  Args:
    labels: [N], of any type that can be compared.

  Returns:
    [N] indices; those of a class keep their order.
  """
  labels = np.asarray(labels)
  place = np.empty(len(labels))
  for name in np.unique(labels):
    index = np.flatnonzero(labels == name)
    place[index] = (np.arange(len(index)) + 0.5) / len(index)
  return np.argsort(place, kind='stable')


def made_fields() -> ml_collections.ConfigDict:
  """How a split is made where the data have none."""
  fields = ml_collections.ConfigDict()
  fields.split_seed = 0
  fields.valid_share = 0.1  # Of each class.
  fields.test_share = 0.2
  return fields


def make(
  labels: Sequence[Any],
  config: ml_collections.ConfigDict,
  *,
  source: Any,
  names: Sequence[str] = (),
) -> np.ndarray:
  """A stratified split: each image's part, 'train', 'valid' or 'test'.

  Args:
    labels: [N], of any type that can be compared.
    config: the fields of `made_fields`.
    source: where the images come from, for errors.
    names: [N] of the images; then their order does not matter, and an image
      more or less moves at most one other per class and part. (): their order.

  Returns:
    [N] names of parts. Each class has at least one image in each part.

  Raises:
    ValueError: a class has too few images, the shares leave none to train, or
      the seed is negative.
  """
  valid, test = config.valid_share, config.test_share
  if not (min(valid, test) > 0 and valid + test < 1):  # NaN is neither.
    raise ValueError(
      f'{source}: data.valid_share and test_share are {valid:g} and {test:g}, '
      'expected numbers above 0 whose sum is below 1'
    )
  if config.split_seed < 0:
    raise ValueError(f'data.split_seed is {config.split_seed}, expected >= 0')
  labels = np.asarray(labels)
  part = np.full(len(labels), 'train')
  rng = np.random.default_rng((config.split_seed, 8))
  for name in np.unique(labels):
    index = np.flatnonzero(labels == name)
    if names:
      index = sorted(index, key=lambda i: _draw(config.split_seed, names[i]))
    else:
      index = rng.permutation(index)
    counts = [max(1, round(share * len(index))) for share in (valid, test)]
    if sum(counts) >= len(index):
      raise ValueError(
        f'{source}: class {name!s} has {len(index)} image(s), expected at '
        f'least {sum(counts) + 1}, to train, validate and test'
      )
    part[index[: counts[0]]] = 'valid'
    part[index[counts[0] : sum(counts)]] = 'test'
  return part


def _draw(seed, name):
  """A number that is as good as drawn for each name."""
  text = f'{seed}/{name}'.encode(errors='surrogateescape')
  return hashlib.sha256(text).hexdigest()


def describe_made(config: ml_collections.ConfigDict) -> str:
  """A made split in words, for records."""
  valid, test = 100 * config.valid_share, 100 * config.test_share
  return (
    f'{valid:g}% validation and {test:g}% test images of each class, seed '
    f'{config.split_seed}'
  )
