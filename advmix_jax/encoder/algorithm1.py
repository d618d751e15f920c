"""Algorithm 1, the encoder: from images to the latents that decode to them.

For a target image x, start at the average latents and descend on all latents:

  1  ẑ <- 1/M sum_m map(z_m),  z_m ~ N(0, 1)        (or a learned start)
  2  for k = 1..N:
  3    L_rec = α ||dec(ẑ) - x||² + Σ_i α ||A_i(dec(ẑ)) - A_i(x)||²
  4    L_mix = Σ_i β ||A_i(dec(ẑ_∥, map(z)_⊥)) - A_i(x)||²,  z ~ N(0, 1)
  5    ẑ <- ẑ - γ(k) ∇(L_rec + L_mix)

A_i are three activations of a perceptual network. L_mix asks that a mix of the
coarse latents with any fine latents still looks like x to the network, so that
ẑ_⊥ doesn't hold the content of x. The paper leaves some choices open:

- The scale of the terms. VGG-16's activations are in the hundreds and pixels
  below 1, so with plain sums of squares the pixels would count for nothing. By
  default each squared norm is divided by that of its target, ||A_i(x)||² or
  ||x||²: a term is a share of the target's energy, whatever the network, the
  layer and the size of the image. `distance='sum'` has the plain sums.
- The optimizer is Adam, and γ(k) falls from `learning_rate` along a cosine.
- Of all iterates of an image, the one with the lowest loss is the result.
- β is the paper's 1/5. With β = 0 the mixes don't go through the perceptual
  network: one pass a step in place of two (docs/encoder.md compares them).

  w, errors = algorithm1.encode(images, generator=generator,
    generator_params=params, features_fn=perceptual.load(),
    config=algorithm1.default_config(), start_fn=None, rng=jax.random.key(0))

Labels are not used. Images of a batch don't influence each other; only the
draws of z depend on the index of an image.

Contents: FeaturesFn, StartFn, DISTANCES, STARTS, default_config, check,
pixel_error, average_start_fn, Target, make_losses, as_pytree, encode,
error_curve, progress.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from advmix_jax import datasets, types
from advmix_jax.encoder import shards
from advmix_jax.generators import mixing
from advmix_jax.runtime import metrics, options, parallel

FeaturesFn = Callable[[jax.Array], list[jax.Array]]
StartFn = Callable[[jax.Array], jax.Array]  # images -> latents [B, L, D]
DISTANCES = ('relative', 'sum')
STARTS = ('network', 'average')
# Smallest ||target||² per number: a black image has no energy to divide by.
_LEAST = 1e-3


def default_config() -> ml_collections.ConfigDict:
  """Options of Algorithm 1.

  Returns:
    path: file of finished latents, of a run's training and test images
    (encode.py --split=train,test); '' = look them up or make them. features:
    file of the perceptual network; '' = the VGG-16 that ships. start: 'network'
    (a learned start) or 'average' (the paper's). start_steps: steps on the
    squared error of the pixels alone that improve the start (paper: 0); one
    costs a twentieth of a step of VGG-16. steps: N; 0 returns the start.
    learning_rate: γ(1). final_rate: γ(N + 1) / γ(1), towards which γ falls.
    pixel_weight, perceptual_weight: α (paper: 1). mixing_weight: β (paper:
    1/5). mixing_draws: random fine latents per image and step. distance:
    'relative' or 'sum'. average_draws: M. batch_size: images per batch.
  """
  return ml_collections.ConfigDict(
    {
      'path': '',
      'features': '',
      'start': 'network',
      'start_steps': 50,
      'steps': 5,
      'learning_rate': 0.06,
      'final_rate': 0.1,
      'pixel_weight': 1.0,
      'perceptual_weight': 1.0,
      'mixing_weight': 0.2,
      'mixing_draws': 1,
      'distance': 'relative',
      'average_draws': 1000,
      'batch_size': 50,
    }
  )


def check(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError for bad options."""
  if config.start not in STARTS:
    raise ValueError(
      f'encoder.start is {config.start!r}, expected one of {STARTS}'
    )
  if config.distance not in DISTANCES:
    raise ValueError(
      f'encoder.distance is {config.distance!r}, expected one of {DISTANCES}'
    )
  options.check(config, 'encoder')


def pixel_error(images: jax.Array, targets: jax.Array) -> jax.Array:
  """Mean squared error [B] of each image, after clipping it to [0, 1]."""
  return jnp.square(jnp.clip(images, 0, 1) - targets).mean((1, 2, 3))


def average_start_fn(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  *,
  draws: int = 1000,
) -> StartFn:
  """Line 1: returns the mean of `draws` latents for every image."""
  z = jax.random.normal(rng, (draws, generator.latent_size))
  return jax.tree_util.Partial(_tile, generator.map(params, z).mean(0))


def _tile(latents, images):
  return jnp.broadcast_to(latents, (len(images),) + latents.shape)


class Target(NamedTuple):
  """What the losses compare a batch of images with; the same at every step."""

  image: jax.Array  # [B, H, W, 3]
  levels: list[jax.Array]  # A_i of `image`; [] if no term needs them


def make_losses(
  generator: types.Generator, config: ml_collections.ConfigDict
) -> tuple[Callable[..., Target], Callable[..., tuple[jax.Array, ...]]]:
  """Makes the losses of lines 3 and 4; terms of weight 0 cost nothing.

  Returns:
    target_fn(features_fn, x [B, H, W, 3]) -> Target, and
    losses(params, features_fn, w [B, L, D], target, fine [B, n, L-S, D]) ->
    (L_rec [B], L_mix [B], images [B, H, W, 3], mixes [B, n, H, W, 3]); images
    and mixes are not clipped.
  """
  alpha, beta = config.perceptual_weight, config.mixing_weight
  distance = _relative if config.distance == 'relative' else _sum

  def target_fn(features_fn, x):
    return Target(x, features_fn(x) if alpha or beta else [])

  def perceptual(features_fn, images, target):
    pairs = zip(features_fn(images), target.levels, strict=True)
    return sum(distance(a, b) for a, b in pairs)

  def losses(params, features_fn, w, target, fine):
    z_par, z_perp = mixing.split_latents(w, generator.split)
    coarse = generator.coarse(params, z_par)
    image = generator.fine(params, coarse, z_perp)
    rec = config.pixel_weight * distance(image, target.image)
    if alpha:
      rec += alpha * perceptual(features_fn, image, target)
    draws = range(fine.shape[1])
    mixes = [generator.fine(params, coarse, fine[:, draw]) for draw in draws]
    mix = jnp.zeros_like(rec)
    if beta:
      seen = [perceptual(features_fn, images, target) for images in mixes]
      mix = beta * sum(seen) / len(seen)
    return rec, mix, image, jnp.stack(mixes, 1)

  return target_fn, losses


def _sum(a, target):
  """Squared norm of each difference: [B]."""
  return jnp.square(a - target).sum((1, 2, 3))


def _relative(a, target):
  """Squared norm of each difference, as a share of the target's: [B]."""
  error = jnp.square(a - target).mean((1, 2, 3))
  return error / jnp.maximum(jnp.square(target).mean((1, 2, 3)), _LEAST)


class _Best(NamedTuple):
  """The iterate of the lowest loss so far, for each image."""

  latents: jax.Array  # [B, L, D]
  loss: jax.Array  # [B]
  error: jax.Array  # [B]


def _keep_best(best: _Best, w, loss, error) -> _Best:
  """Replaces the best iterate of each image whose loss is now lower."""
  better = loss < best.loss
  return _Best(
    latents=jnp.where(better[:, None, None], w, best.latents),
    loss=jnp.where(better, loss, best.loss),
    error=jnp.where(better, error, best.error),
  )


def _descend(objective, w, rng, steps, config, with_path=False):
  """Lines 2 to 6: Adam from w; objective(w, key) -> (sum, (loss, error)) [B].

  Returns:
    The best iterate, the errors [B, steps + 1] of the best one so far, and its
    latents [B, steps + 1, L, D], None without `with_path`.
  """

  def record(best):
    return best.error, best.latents if with_path else None

  rate = optax.cosine_decay_schedule(
    config.learning_rate, max(steps, 1), config.final_rate
  )
  adam = optax.adam(rate, b1=0.9, b2=0.99)

  def step(carry, k):
    w, state, best = carry
    (_, (loss, error)), grads = jax.value_and_grad(objective, has_aux=True)(
      w, jax.random.fold_in(rng, k)
    )
    best = _keep_best(best, w, loss, error)
    updates, state = adam.update(grads, state)
    return (optax.apply_updates(w, updates), state, best), record(best)

  far = jnp.full(len(w), jnp.inf)
  carry = w, adam.init(w), _Best(latents=w, loss=far, error=far)
  (w, _, best), records = jax.lax.scan(step, carry, jnp.arange(steps))
  _, (loss, error) = objective(w, jax.random.fold_in(rng, steps))
  best = _keep_best(best, w, loss, error)

  def join(earlier, last):
    return jnp.concatenate([earlier, last[None]]).swapaxes(0, 1)

  return best, *jax.tree.map(join, records, record(best))


@functools.lru_cache(maxsize=4)
def _make_descent(generator, config, kind, with_path):
  """Returns the compiled Algorithm 1 for one batch; `config` is frozen."""
  target_fn, losses = make_losses(generator, config)
  draws = config.mixing_draws

  def run(rng, params, features_fn, start_fn, x):
    def pixels(w, key):
      del key
      image = generator.synthesize(params, w)
      loss = jnp.square(image - x).mean((1, 2, 3))
      return loss.sum(), (loss, pixel_error(image, x))

    def objective(w, key):
      fine = mixing.random_fine(generator, params, key, len(w) * draws)
      fine = fine.reshape((len(w), draws) + fine.shape[1:])
      rec, mix, image, _ = losses(params, features_fn, w, target, fine)
      return (rec + mix).sum(), (rec + mix, pixel_error(image, x))

    w, target = start_fn(x), target_fn(features_fn, x)
    if config.start_steps:
      w = _descend(pixels, w, rng, config.start_steps, config)[0].latents
    best, curve, path = _descend(
      objective, w, rng, config.steps, config, with_path
    )
    return best.latents, best.error, path if with_path else curve

  split = (False, False, False, False, True)
  return parallel.compile(run, kind, split=split, out_split=True)


def _run(
  images,
  *,
  generator,
  generator_params,
  features_fn,
  config,
  start_fn,
  rng,
  keep=None,
  kind='pmap',
  with_path=False,
):
  """Returns latents, errors [N], and the errors of all steps or their latents.

  These are [N, steps + 1] and, with `with_path`, [N, steps + 1, L, D].
  """
  check(config)
  if not len(images):
    raise ValueError('no images to encode')
  average_rng, rng = jax.random.split(rng)
  start_fn = start_fn or average_start_fn(
    average_rng, generator, generator_params, draws=config.average_draws
  )
  features_fn, start_fn = as_pytree(features_fn), as_pytree(start_fn)
  frozen = ml_collections.FrozenConfigDict(config)
  descent = _make_descent(generator, frozen, kind, with_path)
  batch = min(config.batch_size, len(images))
  found = shards.leading(keep, images, batch)
  done = min(batch * len(found), len(images))
  for first in metrics.batches(
    len(images), batch, description='Algorithm 1', start=done
  ):
    x = datasets.to_float(images[first : first + batch])
    parts = keep.load(first, x) if keep else None
    if parts is None:
      # Padding rows complete the last batch; they are cut off below.
      full = np.resize(x, (batch,) + x.shape[1:])
      key = jax.random.fold_in(rng, first)
      w, error, curve = jax.device_get(
        descent(key, generator_params, features_fn, start_fn, full)
      )
      parts = w[: len(x)], error[: len(x)], curve[: len(x)]
      if keep:
        keep.save(first, x, parts)
    found.append(parts)
  return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def as_pytree(fn: Callable[..., Any]) -> jax.tree_util.Partial:
  """Makes a function a pytree, so that compiled functions can take it."""
  if isinstance(fn, jax.tree_util.Partial):
    return fn
  return jax.tree_util.Partial(fn)


def encode(
  images: np.ndarray,
  *,
  generator: types.Generator,
  generator_params: types.Params,
  features_fn: FeaturesFn,
  config: ml_collections.ConfigDict,
  start_fn: StartFn | None,
  rng: jax.Array,
  keep: shards.Shards | None = None,
  kind: str = 'pmap',
) -> tuple[np.ndarray, np.ndarray]:
  """Encodes images by Algorithm 1.

  Args:
    images: [N, H, W, 3], uint8 or floats in [0, 1].
    generator, generator_params: the decoder.
    features_fn: images [B, H, W, 3] -> activations; see perceptual.py.
    config: as `default_config` returns.
    start_fn: images -> latents [B, L, D]; None starts at the average. The
      arrays of a `jax.tree_util.Partial` are arguments of the compiled program,
      not constants in it.
    rng: key of the average latents and of the mixes.
    keep: stores finished batches, and loads them on resume; None stores none.
    kind: how several devices share a batch, one of parallel.KINDS.

  Returns:
    Latents [N, L, D], and the mean squared error [N] of each clipped
    reconstruction.

  Raises:
    ValueError: no images, or bad options.
  """
  latents, errors, _ = _run(
    images,
    generator=generator,
    generator_params=generator_params,
    features_fn=features_fn,
    config=config,
    start_fn=start_fn,
    rng=rng,
    keep=keep,
    kind=kind,
  )
  return latents, errors


def error_curve(images: np.ndarray, **arguments: Any) -> np.ndarray:
  """Mean squared error of the best iterates after 0, 1, .., N steps.

  Arguments are those of `encode`. All points belong to one run of N steps.

  Returns:
    [steps + 1] float, the mean over the images.
  """
  *_, curves = _run(images, **arguments)
  return curves.mean(0)


def progress(images: np.ndarray, **arguments: Any) -> np.ndarray:
  """The best iterates after 0, 1, .., N steps, as Figure 5 shows them.

  Arguments are those of `encode`, without `keep`.

  Returns:
    Latents [N, steps + 1, L, D]; the last ones are what `encode` returns.
  """
  *_, path = _run(images, with_path=True, **arguments)
  return path
