"""How well a generator of coloured digits separates shape from colour.

A mix dec(w_∥ of i, w_⊥ of j) should have the shape of i and the colour of j:

  colour follows  mean RGB of the mix's ink within 0.15 (every channel) of that
                  of the donor's image
  shape follows   a colour-blind judge names the same digit before and after

and the samples themselves should show all ten digits and all ten colours.

Contents: ink_color, measure.
"""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.evaluation import judge
from advmix_jax.report import statistics

COLOR_TOLERANCE = 0.15


def ink_color(images: jax.Array) -> jax.Array:
  """Mean RGB over the digit's pixels: [B, H, W, 3] -> [B, 3].

  A pixel belongs to the digit where its largest channel is at least half of
  the image's largest value, which holds for any colour.
  """
  light = images.max(-1, keepdims=True)
  ink = light >= 0.5 * light.max((1, 2, 3), keepdims=True)
  return (images * ink).sum((1, 2)) / ink.sum((1, 2))


def measure(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  judge_params: types.Params,
  *,
  num_mixes: int = 2000,
  batch_size: int = 250,
) -> dict:
  """Measures `num_mixes` mixes of independent samples, without truncation.

  Args:
    rng: key.
    generator, params: images of 32x32x3.
    judge_params: of advmix_jax/judge.py.
    num_mixes: mixes, each of two fresh samples.
    batch_size: mixes at a time.

  Returns:
    color_follows, shape_follows: (share, [low, high]) with Wilson's 95%
    interval; digits, colors: shares of the ten among the samples;
    confident: share of samples that the judge names with probability > 0.9.
  """
  decode = jax.jit(generator.synthesize)
  images, donors, mixes = [], [], []
  for start in range(0, num_mixes, batch_size):
    z = jax.random.normal(
      jax.random.fold_in(rng, start), (2 * batch_size, generator.latent_size)
    )
    w = generator.map(params, z)
    own, other = w[:batch_size], w[batch_size:]
    s = generator.split
    mix = jnp.concatenate([own[:, :s], other[:, s:]], axis=1)
    for kept, latents in ((images, own), (donors, other), (mixes, mix)):
      kept.append(np.clip(decode(params, latents), 0, 1))
  images, donors, mixes = (
    np.concatenate(x)[:num_mixes] for x in (images, donors, mixes)
  )
  return _summary(judge_params, images, donors, mixes)


def _summary(judge_params, images, donors, mixes):
  before, confidence = judge.name(judge_params, images)
  after, _ = judge.name(judge_params, mixes)
  distance = np.abs(ink_color(mixes) - ink_color(donors)).max(-1)
  nearest = ((ink_color(images)[:, None] - datasets.COLOR_MEANS) ** 2).sum(-1)
  return {
    'color_follows': _share(distance <= COLOR_TOLERANCE),
    'shape_follows': _share(before == after),
    'digits': _histogram(before),
    'colors': _histogram(nearest.argmin(-1)),
    'confident': float((confidence > 0.9).mean()),
  }


def _share(hits):
  low, high = statistics.wilson_interval(int(hits.sum()), len(hits))
  return float(hits.mean()), [low, high]


def _histogram(labels):
  counts = np.bincount(labels, minlength=datasets.NUM_CLASSES)
  return [round(float(c), 4) for c in counts / len(labels)]
