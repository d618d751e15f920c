"""Shows the training images more often that a generator does not learn to draw.

A discriminator's score D(x) estimates log p(x) / q(x), where p has the training
images and q the generator's. What is rare in p a GAN may never draw; D knows
it, by high scores, but sees such images too seldom to teach the generator. As
in Self-Diagnosing GAN (Lee et al. 2021, arXiv:2102.12033) they are shown more
often. Ours is shorter: at each scoring an image gets the weight

  exp(D(x) - median of D), at least 1 and at most `gan.rare_cap`

so that where the generator draws all, all weights are near 1 again. Images
alone decide: no label and no grouping is asked.

Contents: check, make_scores, weights, make_index, period.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import datasets, types
from advmix_jax.generators import growing, stylegan
from advmix_jax.runtime import parallel, preemption


def check(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError for bad values of gan.rare_cap and gan.rare_kimg."""
  if config.rare_cap and not 1 < config.rare_cap < np.inf:
    raise ValueError(
      f'gan.rare_cap is {config.rare_cap:g}, expected 0 (all images equally '
      'often) or a number above 1'
    )
  if config.rare_cap and not config.rare_kimg > 0:
    raise ValueError(f'gan.rare_kimg is {config.rare_kimg:g}, expected above 0')


def make_scores(
  network_config: ml_collections.ConfigDict,
  config: ml_collections.ConfigDict,
  kind: str = 'pmap',
) -> Callable[..., np.ndarray]:
  """Returns scores(params, data, seed, level=, blend=) -> D's scores, [N].

  The images come in batches of the training's size, in an order drawn by
  `seed`, for D also looks at how much the images of a batch differ. `level` and
  `blend` are those of growing.py.

  Args:
    network_config: as `stylegan.default_config` returns.
    config: as `gan.default_config` returns.
    kind: one of parallel.KINDS.
  """
  discriminator = stylegan.make_discriminator(network_config)
  size, classes = config.batch_size, network_config.label_size

  @functools.cache
  def compiled(level):
    def score(params, batch, blend):
      labels = jax.nn.one_hot(batch.label, classes) if classes else None
      images = batch.image
      return discriminator.apply(params, images, labels, level, blend, size)

    split = (False, True, False)
    return parallel.compile(score, kind, split=split, out_split=True)

  def scores(params, data, seed, *, level, blend):
    out = np.zeros(len(data.label), np.float32)
    for index in datasets.epoch_batches(seed, len(out), size):
      preemption.check()
      batch = datasets.take(types.Batch(data.image, data.label), index)
      batch = batch._replace(image=growing.at_level(batch.image, level, blend))
      out[index] = compiled(level)(params, batch, jnp.float32(blend))
    return out

  return scores


def weights(scores: np.ndarray, cap: float) -> np.ndarray:
  """How often each image is shown, relative to a common one.

  Args:
    scores: [N], of D.
    cap: the largest weight, above 1.

  Returns:
    [N] float64 in [1, cap]. At least half of all images have weight 1.
  """
  excess = np.asarray(scores, np.float64) - np.median(scores)
  return np.exp(np.clip(excess, 0, np.log(cap)))


def make_index(
  config: ml_collections.ConfigDict, seed: int
) -> Callable[[int, jax.Array], np.ndarray]:
  """Returns index(step, scores) -> [B], drawn by weight, with replacement.

  It is a pure function of its arguments; the scores of one scoring are read
  from the device once.

  Args:
    config: as `gan.default_config` returns.
    seed: of the draws.
  """
  every = period(config)
  kept = {}

  def index(step, scores):
    if step // every not in kept:
      kept.clear()
      share = np.cumsum(weights(np.asarray(scores), config.rare_cap))
      kept[step // every] = share / share[-1]
    draws = np.random.default_rng([seed, step, 1]).random(config.batch_size)
    return np.searchsorted(kept[step // every], draws, side='right')

  return index


def period(config: ml_collections.ConfigDict) -> int:
  """The steps between two scorings, at least one."""
  return max(1, int(config.rare_kimg * 1000) // config.batch_size)
