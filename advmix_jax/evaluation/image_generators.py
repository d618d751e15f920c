"""Generators of real images, such as faces, measured against real images.

  record = image_generators.measure(
    rng, generator, params, real=images, features_fn=perceptual.load(),
    judge=judge)

KID, density and coverage need features. FID's are Inception's, which can't be
had here, so two others stand beside each other: VGG-16's activations (what the
images look like) and those of an attribute judge (what it needs to name
attributes). The floor is real against other real images. The generator must not
have been trained on any of them.

Contents: measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from advmix_jax import datasets, types
from advmix_jax.encoder import perceptual
from advmix_jax.evaluation import attributes, disentanglement, quality
from advmix_jax.evaluation import judge as judges
from advmix_jax.report import statistics

_BATCH = 50


def measure(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  *,
  real: np.ndarray,
  features_fn: Callable[[jax.Array], list[jax.Array]],
  judge: attributes.AttributeJudge | None = None,
  subsets: int = 5,
) -> dict[str, Any]:
  """Compares as many samples as half of the real images, without truncation.

  Args:
    rng: Key of the samples.
    generator: Of images of the same size.
    params: Its parameters.
    real: [2 N, H, W, 3] uint8, in random order, new to the generator.
    features_fn: From `perceptual.load`.
    judge: Of attributes; None leaves its values out.
    subsets: Pairs of subsets, for the intervals.

  Returns:
    vgg, and judge if there is one: {'generated', 'floor'}, both as
    `quality.measure` returns them. shares: {attribute: [of the samples, of the
    real images]} that the judge sees; sure: {'generated', 'real'}, the shares
    of its sure answers, with Student's 95% t-interval over the images.
    num_images: N.

  Raises:
    ValueError: The judge, or VGG-16, sees nothing in the real images.
  """
  half = len(real) // 2
  fake = disentanglement.draw(rng, generator, params, half, batch_size=_BATCH)
  views = {'vgg': lambda x: _vgg(features_fn, x)}
  if judge is not None:
    views['judge'] = lambda x: judges.features(judge.judge, x)
  record = {}
  for name, view in views.items():
    first, *others = _scaled(
      view(real[:half]), view(fake), view(real[half : 2 * half])
    )
    record[name] = {
      kind: quality.measure(first, other, subsets=subsets)
      for kind, other in zip(('generated', 'floor'), others, strict=True)
    }
  if judge is not None:
    record |= _attributes(judge, fake, real)
  return record | {'num_images': half}


def _scaled(first, *others):
  """Divides each feature by its size among the first images.

  The mean of all sizes is added to it, since a feature that is nearly always
  zero would otherwise decide alone where it is not.
  """
  size = np.sqrt(np.square(first).mean(0))
  if not size.any():
    raise ValueError('all features of the real images are 0, expected others')
  return [x / (size + size.mean()) for x in (first, *others)]


@jax.jit
def _pooled(features_fn, images):
  return perceptual.pooled(features_fn(images))


def _vgg(features_fn, images):
  """Means over the pixels of the three activations, [N, 448] for VGG-16."""
  return datasets.in_batches(
    lambda batch: _pooled(features_fn, batch), images, _BATCH
  )


def _attributes(judge, fake, real):
  """What the judge sees in both, and how often it is sure."""
  shares, sure = [], {}
  for name, images in (('generated', fake), ('real', real)):
    has, probability = attributes.answer(judge, images)
    shares.append(has.mean(0))
    mean, *interval = statistics.mean_interval(
      (probability > judges.SURE).mean(1)
    )
    sure[name] = mean, interval
  return {
    'shares': {
      name: [round(float(s[i]), 4) for s in shares]
      for i, name in enumerate(judge.names)
    },
    'sure': sure,
  }
