"""Augmentation that replaces a box of pixels: cutout and CutMix.

A box is [centre - side // 2, centre + side // 2) along each axis, and what lies
outside the image is cut off. The centre is a pixel, drawn uniformly.

Contents: default_config, cutout, cutmix.
"""

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import types
from advmix_jax.methods import augmentation
from advmix_jax.methods.nominal import clean_examples
from advmix_jax.runtime import parallel


def default_config() -> ml_collections.ConfigDict:
  """The sections cutout and cutmix.

  Returns:
    cutout: side of the box in pixels (paper: 16 of CIFAR-10's 32); value of its
    pixels in [0, 1] (paper: 0 after normalisation, that is the data set's mean,
    which is nearly black for these digits). cutmix: alpha, of Beta(alpha,
    alpha) (paper: 1).
  """
  return ml_collections.ConfigDict(
    {'cutout': {'side': 16, 'value': 0.0}, 'cutmix': {'alpha': 1.0}}
  )


def cutout(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> types.Method:
  """Cutout (arXiv:1708.04552): a box of each image gets one value.

  Raises:
    ValueError: config.cutout.side is not even or below 2, or its value not in
      [0, 1].
  """
  del generator
  side, value = config.cutout.side, config.cutout.value
  if side < 2 or side % 2:
    raise ValueError(f'cutout.side is {side}, expected an even number >= 2')
  if not 0 <= value <= 1:
    raise ValueError(f'cutout.value is {value}, expected a number in [0, 1]')

  def examples_fn(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> types.Examples:
    del logits_fn, generator_params
    clean = clean_examples(batch, num_classes)
    size, height, width, _ = batch.image.shape
    inside = _boxes(rng, jnp.full((size, 2), side), height, width)
    return clean._replace(image=jnp.where(inside, value, batch.image))

  return types.Method(examples_fn)


def cutmix(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> types.Method:
  """CutMix (arXiv:1905.04899): a box of x_j is pasted into x_i.

  The box has sides sqrt(1 - l) of the image's, with l ~ Beta(alpha, alpha) from
  config.cutmix, and j is a random permutation of the batch. The target of x_j
  weighs as much as the share of pixels that are really pasted. As in mixup, l,
  j and the box are drawn per example (the paper's code: l and the box per
  batch), and the examples have no environment.

  Raises:
    ValueError: config.cutmix.alpha is not positive.
  """
  del generator
  alpha = config.cutmix.alpha
  if alpha <= 0:
    raise ValueError(f'cutmix.alpha is {alpha}, expected > 0')
  total = config.optimizer.batch_size

  def examples_fn(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> types.Examples:
    del logits_fn, generator_params
    rng_weight, rng_partner, rng_box = jax.random.split(rng, 3)
    clean = clean_examples(batch, num_classes)
    size, height, width, _ = batch.image.shape
    weight, partner = augmentation.draw_pairs(
      rng_weight, rng_partner, alpha, size, total
    )
    extent = jnp.array([height, width])
    sides = (jnp.sqrt(1 - weight)[:, None] * extent).astype(jnp.int32)
    pasted = _boxes(rng_box, sides, height, width)
    image = jnp.where(
      pasted, parallel.gather(clean.image)[partner], clean.image
    )
    share = pasted.mean((1, 2))  # [B, 1]
    other = parallel.gather(clean.target)[partner]
    target = share * other + (1 - share) * clean.target
    return types.Examples(image, target)

  return types.Method(examples_fn)


def _boxes(
  rng: jax.Array, sides: jax.Array, height: int, width: int
) -> jax.Array:
  """Masks [B, H, W, 1] of one box per image, with sides [B, 2] in pixels."""
  extent = jnp.array([height, width])
  center = parallel.rows(
    lambda n: jax.random.randint(rng, (n, 2), 0, extent), len(sides)
  )
  first, last = center - sides // 2, center + sides // 2

  def inside(axis):
    place = jnp.arange((height, width)[axis])
    return (place >= first[:, axis, None]) & (place < last[:, axis, None])

  return (inside(0)[:, :, None] & inside(1)[:, None, :])[..., None]
