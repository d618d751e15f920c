"""Which examples are in which batch, as pure functions of seed and step.

So a resumed run meets the same batches as one that was never stopped.

Contents: epoch_batches, shuffled, endless_batch, environment, first,
in_batches, take.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np

from advmix_jax.datasets import pixels
from advmix_jax.runtime import preemption
from advmix_jax.types import Batch, Dataset


def epoch_batches(
  seed: int | Sequence[int], num_examples: int, batch_size: int
) -> np.ndarray:
  """Shuffled indices of one epoch, in batches of equal size, none dropped.

  The last batch is filled up from the beginning of the same permutation, so at
  most batch_size - 1 examples come twice (more often if N < batch_size).

  Args:
    seed: of the order; a sequence such as (seed, epoch) also does.
    num_examples: N >= 1.
    batch_size: B >= 1.

  Returns:
    [ceil(N / B), B] int32 in [0, N), a pure function of the arguments.

  Raises:
    ValueError: num_examples or batch_size below 1.
  """
  if min(num_examples, batch_size) < 1:
    raise ValueError(
      f'num_examples is {num_examples} and batch_size {batch_size}, expected'
      ' both >= 1'
    )
  sequence = np.random.SeedSequence(seed)
  order = np.random.Generator(np.random.Philox(sequence)).permutation(
    num_examples
  )
  steps = -(-num_examples // batch_size)
  return np.resize(order, (steps, batch_size)).astype(np.int32)


def shuffled(
  seed: int, num_examples: int, batch_size: int
) -> Callable[[int], np.ndarray]:
  """Returns step -> indices [B] of its batch, from 0 in the first epoch.

  The order of epoch e is `epoch_batches((seed, e), N, B)`, and is made once.
  """
  per_epoch = -(-num_examples // batch_size)

  @functools.lru_cache(maxsize=1)
  def order(epoch):
    return epoch_batches((seed, epoch), num_examples, batch_size)

  def index(step):
    epoch, place = divmod(step, per_epoch)
    return order(epoch)[place]

  return index


def endless_batch(
  seed: int, num_examples: int, batch_size: int, step: int
) -> np.ndarray:
  """Batch number `step` of an endless sequence of shuffled epochs.

  Unlike `epoch_batches`, a batch may begin in one epoch and end in the next, so
  every example comes equally often.

  Args:
    seed: of the order.
    num_examples: N >= 1.
    batch_size: B >= 1; more than N images come several times.
    step: number of the batch, from 0.

  Returns:
    [B] indices in [0, N).
  """

  def order(epoch):
    return np.random.default_rng([seed, epoch]).permutation(num_examples)

  epoch, offset = divmod(step * batch_size, num_examples)
  index = order(epoch)[offset : offset + batch_size]
  while missing := batch_size - len(index):
    epoch += 1
    index = np.concatenate([index, order(epoch)[:missing]])
  return index


def environment(dataset: Dataset, name: str) -> np.ndarray | None:
  """The environment of each example, [N], a grouping of the data set.

  Args:
    dataset: has the grouping.
    name: of the grouping; '' is none.

  Raises:
    ValueError: there is no such grouping.
  """
  if name and name not in dataset.groups:
    raise ValueError(
      f'environment is {name!r}, expected "" (none) or one of '
      f'{tuple(dataset.groups)}, the groupings of this data set'
    )
  return dataset.groups[name] if name else None


def first(dataset: Dataset, count: int) -> Dataset:
  """The first `count` images of a data set, with labels, groups and names."""
  return dataset._replace(
    image=dataset.image[:count],
    label=dataset.label[:count],
    groups={name: group[:count] for name, group in dataset.groups.items()},
    names=dataset.names[:count],
  )


def in_batches(
  fn: Callable[[np.ndarray], jax.Array], images: np.ndarray, batch_size: int
) -> np.ndarray:
  """fn of all images, in batches of one size, so that it is compiled once.

  Args:
    fn: floats [batch_size, H, W, C] in [0, 1] -> [batch_size, ...], row by row.
    images: [N, H, W, C], uint8 or floats in [0, 1].
    batch_size: images in one call.

  Returns:
    [N, ...].
  """
  parts = []
  for start in range(0, len(images), batch_size):
    preemption.check()
    chunk = pixels.to_float(images[start : start + batch_size])
    full = np.resize(chunk, (batch_size, *chunk.shape[1:]))
    parts.append(np.asarray(fn(full))[: len(chunk)])
  return np.concatenate(parts)


def take(data: Batch, index: np.ndarray) -> Batch:
  """Rows of a batch of NumPy arrays, with images as float32 in [0, 1]."""
  rows = jax.tree.map(lambda a: a[index], data)
  return rows._replace(image=pixels.to_float(rows.image))
