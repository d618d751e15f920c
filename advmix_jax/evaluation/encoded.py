"""How well encoded images mix: do mixes keep the label and take the style?

Real images i are encoded to latents, then mixed: dec(ẑ_∥ of i, z_⊥ of a donor).
Donors are samples of the generator (what RandMix and AdvMix draw) or the other
encoded images. As in `disentanglement`:

  names label    a judge names the label of i in the mix
  style follows  the style of the mix is within a tolerance of the donor's: of
                 the decoded sample, or of the real image that was encoded; for
                 data whose style has a measure, as digits have a colour

Contents: measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from advmix_jax import datasets, types
from advmix_jax.evaluation.disentanglement import Style
from advmix_jax.generators import mixing
from advmix_jax.report import statistics


def measure(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  judge_fn: Callable[[np.ndarray], np.ndarray],
  style: Style | None,
  *,
  dataset: types.Dataset,
  latents: np.ndarray,
) -> dict[str, Any]:
  """Measures one mix of every image with a sample, and one with another image.

  Args:
    rng: Key of the donors.
    generator, params: The decoder; its images are clipped to [0, 1] here.
    judge_fn: Images [N, H, W, C] -> the classes [N] that they show.
    style: Measures the style of an image; None: it has no measure.
    dataset: N >= 2 real images with labels.
    latents: [N, L, D], the encoded images.

  Returns:
    num_images; squared_error, mean and median; then shares with Wilson's 95%
    intervals: names_label of the images (the judge's ceiling), reconstructions
    and both kinds of mixes, style_follows of the mixes if it is measured.

  Raises:
    ValueError: fewer than two images, or another number of latents.
  """
  count, split = len(dataset.image), generator.split
  if count < 2 or len(latents) != count:
    raise ValueError(
      f'{len(latents)} latents of {count} images, expected as many and >= 2'
    )
  image = datasets.to_float(dataset.image)
  decode = jax.jit(generator.synthesize)

  def clipped(w):
    return np.clip(decode(params, w), 0, 1)

  def names(images):
    return statistics.share(judge_fn(images) == dataset.label)

  def mixed(others, donors):
    w = mixing.merge_latents(latents[:, :split], others[:, split:])
    images = clipped(w)
    follows = _follows(style, images, donors)
    return {'names_label': names(images)} | follows

  sample_rng, order_rng = jax.random.split(rng)
  samples = generator.map(params, mixing.random_z(generator, sample_rng, count))
  donor, reconstructed = _donors(order_rng, count), clipped(latents)
  return {
    'num_images': count,
    'squared_error': _errors(reconstructed, image),
    'images': {'names_label': names(image)},
    'reconstructions': {'names_label': names(reconstructed)},
    'sample_mixes': mixed(samples, clipped(samples)),
    'image_mixes': mixed(latents[donor], image[donor]),
  }


def _follows(style, images, donors):
  if style is None:
    return {}
  distance = np.abs(style.measure_fn(images) - style.measure_fn(donors))
  follows = distance.max(-1) <= style.tolerance
  return {'style_follows': statistics.share(follows)}


def _errors(found, images):
  errors = np.square(found - images).mean((1, 2, 3))
  return {'mean': float(errors.mean()), 'median': float(np.median(errors))}


def _donors(rng, count):
  """A random order [count] in which nobody is the own donor."""
  order = np.asarray(jax.random.permutation(rng, count))
  donor = np.empty(count, int)
  donor[order] = np.roll(order, 1)
  return donor
