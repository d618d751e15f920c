"""How well a generator separates its coarse latents from its fine ones.

A mix dec(z_∥ of i, z_⊥ of j) should have the content of i and the style of j:

  label follows  a judge names the same class for i and for the mix
  style follows  the style of the mix, measured as a few numbers, is within a
                 tolerance of the style of j

and the samples themselves should show every class and every style.

Contents: Style, measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.evaluation import judge as judges
from advmix_jax.report import statistics

_CONFIDENT = 0.9  # Probability above which a judge is called confident.


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
    batch_size: Mixes in one compiled call.

  Returns:
    label_follows, style_follows: (share, [low, high]) with Wilson's 95%
    interval. labels, styles: shares of the classes and of the prototypes among
    the samples. confident: share of the samples whose class the judge names
    with a probability above 0.9.
  """
  images, donors, mixes = (
    np.concatenate(part)[:num_mixes]
    for part in zip(
      *_triples(rng, generator, params, num_mixes, batch_size), strict=True
    )
  )
  before, confidence = judges.name(judge, images)
  after, _ = judges.name(judge, mixes)
  shown, given, taken = map(style.measure_fn, (images, donors, mixes))
  distance = np.abs(taken - given).max(-1)
  nearest = np.square(shown[:, None] - style.prototypes).sum(-1).argmin(-1)
  num_classes = len(judge.params['vgg/logits']['b'])
  return {
    'style_follows': _share(distance <= style.tolerance),
    'label_follows': _share(before == after),
    'labels': _histogram(before, num_classes),
    'styles': _histogram(nearest, len(style.prototypes)),
    'confident': float((confidence > _CONFIDENT).mean()),
  }


def _triples(rng, generator, params, num_mixes, batch_size):
  """Yields (i, j, mix of both), each [B, H, W, C] in [0, 1]."""
  decode = jax.jit(generator.synthesize)
  split = generator.split
  for start in range(0, num_mixes, batch_size):
    z = jax.random.normal(
      jax.random.fold_in(rng, start), (2 * batch_size, generator.latent_size)
    )
    w = generator.map(params, z)
    own, other = w[:batch_size], w[batch_size:]
    mix = jnp.concatenate([own[:, :split], other[:, split:]], axis=1)
    yield tuple(
      np.clip(decode(params, latents), 0, 1) for latents in (own, other, mix)
    )


def _share(hits):
  low, high = statistics.wilson_interval(int(hits.sum()), len(hits))
  return float(hits.mean()), [low, high]


def _histogram(labels, size):
  counts = np.bincount(labels, minlength=size)
  return [round(float(c), 4) for c in counts / len(labels)]
