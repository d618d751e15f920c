"""How well a generator separates its coarse latents from its fine ones.

A mix dec(z_∥ of i, z_⊥ of j) should have the content of i and the style of j:

  label follows  a judge names the same class for i and for the mix
  style follows  the style of the mix, measured as a few numbers, is within a
                 tolerance of the style of j

and the samples themselves should show the classes and styles of the training
set, each as often as it does:

  record = disentanglement.measure(rng, generator, params, judge, style)
  wanted = disentanglement.shares(judge, style, train.image)
  disentanglement.largest_deviation(record['styles'], wanted['styles'])

Contents: Style, measure, shares, confident, largest_deviation, draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from advmix_jax import datasets, types
from advmix_jax.evaluation import judge as judges
from advmix_jax.generators import mixing
from advmix_jax.report import statistics
from advmix_jax.runtime import metrics

_CHUNK = 1000  # Real images that are floats at a time.


class Style(NamedTuple):
  """What the fine latents should carry, as F numbers per image."""

  measure_fn: Callable[[np.ndarray], np.ndarray]  # [B, H, W, C] -> [B, F]
  tolerance: float  # Largest difference, in any number, that counts as equal.
  # [G, F], reference styles: a sample counts for the nearest one.
  prototypes: np.ndarray


def measure(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  judge: judges.Judge,
  style: Style,
  *,
  num_mixes: int = 2000,
  batch_size: int = 250,
) -> dict[str, Any]:
  """Measures `num_mixes` mixes of independent samples, without truncation.

  Args:
    rng: Key of the samples.
    generator: Decodes the latents.
    params: Its parameters.
    judge: Names the class that an image shows.
    style: Measures the style of an image.
    num_mixes: Number of mixes, each of two new samples.
    batch_size: Mixes in one compiled call; another size draws other samples.

  Returns:
    style_follows, label_follows; label_follows_if_confident, among the mixes
    whose image i the judge names with a probability above 0.9; confident and
    mixes_confident, the samples and the mixes that it names so: (share, [low,
    high]) with Wilson's 95% interval; a share of no mixes is None.
    style_distance, the median. labels, styles: shares of the classes and of the
    prototypes among the samples, of which each mix has two. num_mixes.
  """
  images, donors, mixes = (
    np.concatenate(part)[:num_mixes]
    for part in zip(
      *_triples(rng, generator, params, num_mixes, batch_size), strict=True
    )
  )
  samples = np.concatenate([images, donors])
  names, confidence = judges.name(judge, samples)
  after, mixes_confidence = judges.name(judge, mixes)
  follows = names[:num_mixes] == after
  sure = confidence > judges.SURE
  given, taken = style.measure_fn(donors), style.measure_fn(mixes)
  distance = np.abs(taken - given).max(-1)
  return {
    'style_follows': statistics.share(distance <= style.tolerance),
    'label_follows': statistics.share(follows),
    'label_follows_if_confident': statistics.share(follows[sure[:num_mixes]]),
    'confident': statistics.share(sure),
    'mixes_confident': statistics.share(mixes_confidence > judges.SURE),
    'style_distance': float(np.median(distance)),
    **_shares(names, judges.num_classes(judge), style, samples),
    'num_mixes': num_mixes,
  }


def shares(
  judge: judges.Judge, style: Style, images: np.ndarray
) -> dict[str, list[float]]:
  """Shares of the classes and of the prototypes among images.

  Real images are measured as samples are, so that an error of the measure shows
  on both sides: with noise on the colours, for instance, the nearest prototype
  is not always the one that was drawn.

  Args:
    judge: Names the class that an image shows.
    style: Measures the style of an image.
    images: [N, H, W, C], uint8 or floats in [0, 1].

  Returns:
    labels [K] and styles [G], which sum to 1 each.
  """
  names, _ = judges.name(judge, images)
  return _shares(names, judges.num_classes(judge), style, images)


def confident(
  judge: judges.Judge, images: np.ndarray
) -> tuple[float | None, list[float]]:
  """Share of images that the judge names with a probability above 0.9.

  Args:
    judge: The judge.
    images: [N, H, W, C], uint8 or floats in [0, 1].

  Returns:
    (share, [low, high]) with Wilson's 95% interval.
  """
  return statistics.share(judges.name(judge, images)[1] > judges.SURE)


def largest_deviation(
  found: Sequence[float], wanted: Sequence[float], count: int
) -> dict[str, Any]:
  """Where two lists of shares differ most, and how much they do by chance.

  Args:
    found: shares among samples.
    wanted: shares, which sum to 1.
    count: number of samples.

  Returns:
    index; deviation, found - wanted there. by_chance: mean and 95% quantile of
    the largest absolute deviation of so many draws of the wanted shares (2,000
    trials): the largest of several is above 0 for an exact generator, too.
  """
  difference = np.subtract(found, wanted)
  index = int(np.abs(difference).argmax())
  exact = np.asarray(wanted) / np.sum(wanted)
  draws = np.random.default_rng(0).multinomial(count, exact, 2000) / count
  largest = np.abs(draws - exact).max(-1)
  chance = largest.mean(), np.quantile(largest, 0.95)
  return {
    'index': index,
    'deviation': round(float(difference[index]), 4),
    'by_chance': [round(float(value), 4) for value in chance],
  }


def draw(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  num_images: int,
  *,
  batch_size: int = 250,
) -> np.ndarray:
  """Independent samples [N, H, W, C] in [0, 1], without truncation.

  Another `batch_size`, the images in one compiled call, draws other samples.
  """
  decode = jax.jit(generator.synthesize)
  parts = [
    decode(params, _latents(rng, generator, params, start, batch_size))
    for start in metrics.batches(num_images, batch_size, description='draw')
  ]
  return np.clip(np.concatenate(parts)[:num_images], 0, 1)


def _latents(rng, generator, params, start, size):
  """Latents [size, L, D] of the batch that begins at sample `start`."""
  key = jax.random.fold_in(rng, start)
  z = jax.random.normal(key, (size, generator.latent_size))
  return generator.map(params, z)


def _triples(rng, generator, params, num_mixes, batch_size):
  """Yields (i, j, mix of both), each [B, H, W, C] in [0, 1]."""
  decode = jax.jit(generator.synthesize)
  split = generator.split
  for start in metrics.batches(num_mixes, batch_size, description='mix'):
    w = _latents(rng, generator, params, start, 2 * batch_size)
    own, other = w[:batch_size], w[batch_size:]
    mix = mixing.merge_latents(own[:, :split], other[:, split:])
    yield tuple(
      np.clip(decode(params, latents), 0, 1) for latents in (own, other, mix)
    )


def _shares(names, num_classes, style, images):
  """Shares of the names, and of the prototypes nearest to the images."""
  nearest = np.concatenate(
    [
      _nearest(style, datasets.to_float(images[start : start + _CHUNK]))
      for start in range(0, len(images), _CHUNK)
    ]
  )
  return {
    'labels': _histogram(names, num_classes),
    'styles': _histogram(nearest, len(style.prototypes)),
  }


def _nearest(style, images):
  shown = style.measure_fn(images)
  return np.square(shown[:, None] - style.prototypes).sum(-1).argmin(-1)


def _histogram(labels, size):
  counts = np.bincount(labels, minlength=size)
  return [round(float(c), 4) for c in counts / len(labels)]
