"""Evaluators: how a classifier does on each example.

All evaluators use padded batches, so that one program is compiled per shape.
The search for a misclassified mix ends for each example once one is found.
Draws are paired: those for example i depend only on the key and i, so that all
classifiers are tested on the same mixes, with any batch size.

  subject = Subject(classifier.apply, params, generator, generator_params)
  logits = predict(subject, images)
  first = random_failures(subject, rng, batch, num_draws=30)
  attacked = attack_examples(subject, rng, batch, attack=attack)

where batch is a types.Batch of NumPy arrays: N images, labels and latents.
Images are uint8, or floats in [0, 1].

Contents: Subject, Attacked, keys, forget, predict, margins, decode,
random_mixes, random_failures, attack_examples, adversarial_images.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import attacks, datasets, types
from advmix_jax.generators import mixing
from advmix_jax.runtime import metrics, parallel, preemption


class Subject(NamedTuple):
  """A classifier, and the generator that it is attacked through."""

  logits_fn: Callable[..., jax.Array]  # (params, [B, H, W, C]) -> [B, K]
  params: types.Params
  generator: types.Generator
  generator_params: types.Params
  parallel: str = 'pmap'  # How several devices share a batch; see parallel.py.


class Attacked(NamedTuple):
  """What Algorithm 2 did to each of N examples."""

  z_perp: np.ndarray  # [N, L-S, D] float32, the fine latents it kept
  success: np.ndarray  # [N] bool, x or an iterate is misclassified
  first_success: np.ndarray  # [N, 2] int32 (restart, step), as AttackResult
  kept_clean: np.ndarray  # [N] bool, the clean image x is the worst found
  steepest: np.ndarray  # [N] float32, max |gradient| at a random start


def keys(seed: int) -> tuple[jax.Array, jax.Array]:
  """The keys of the random mixes and of the attack, for a seed.

  All evaluations of a seed use them, so that they meet the same draws.
  """
  rng_random, rng_attack = jax.random.split(jax.random.key(seed))
  return rng_random, rng_attack


def _chunks(
  index: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, int]]:
  """Yields (indices padded to batch_size by repeats, how many are real)."""
  for start in range(0, len(index), batch_size):
    preemption.check()
    part = index[start : start + batch_size]
    yield np.resize(part, batch_size), len(part)


def _compile(fn: Callable[..., Any], kind: str, shared: int, split: int):
  """fn compiled for all devices.

  Args:
    fn: The function.
    kind: One of parallel.KINDS.
    shared: How many arguments, the first ones, each device gets whole.
    split: How many arguments, after these, have rows to split over devices.
  """
  flags = (False,) * shared + (True,) * split
  return parallel.compile(fn, kind, split=flags, out_split=True)


# Each program is compiled once. It holds what it calls: a classifier too, so
# those of classifiers can be forgotten apart from those of the generator.
_of_classifier = functools.lru_cache(maxsize=32)(_compile)
_of_generator = functools.lru_cache(maxsize=32)(_compile)


def forget() -> None:
  """Drops the compiled programs of all classifiers, and so the classifiers."""
  _of_classifier.cache_clear()
  _bound.cache_clear()


@functools.lru_cache(maxsize=32)
def _bound(fn: Callable[..., Any], *static):
  """functools.partial, but equal arguments give the same object."""
  return functools.partial(fn, *static)


def _map_batches(run, params, x, batch_size: int) -> np.ndarray:
  """Applies run(params, .) to [N, ...] in padded batches; returns NumPy."""
  outputs = [
    np.asarray(run(params, datasets.to_float(x[index])))[:count]
    for index, count in _chunks(np.arange(len(x)), batch_size)
  ]
  return np.concatenate(outputs)


def predict(
  subject: Subject, images: np.ndarray, *, batch_size: int = 100
) -> np.ndarray:
  """Logits [N, K] of images [N, H, W, C], uint8 or floats in [0, 1]."""
  run = _of_classifier(subject.logits_fn, subject.parallel, 1, 1)
  return _map_batches(run, subject.params, images, batch_size)


def margins(
  subject: Subject, images: np.ndarray, label: np.ndarray, *, batch_size: int
) -> np.ndarray:
  """Best wrong logit minus the right one [N]; positive where misclassified.

  Infinite where a logit is NaN or infinite.
  """
  logits = predict(subject, images, batch_size=batch_size)
  margin = np.asarray(jax.jit(attacks.margin)(logits, label))
  return np.where(attacks.named(logits) < 0, np.inf, margin)


def decode(
  subject: Subject, latents: np.ndarray, *, batch_size: int = 100
) -> np.ndarray:
  """Images [N, H, W, C] of latents [N, L, D], with stored noise."""
  run = _of_generator(subject.generator.synthesize, subject.parallel, 1, 1)
  return _map_batches(run, subject.generator_params, latents, batch_size)


def _draw_z(generator, rng, index):
  """z ~ N(0, 1) [B, Z]; row b is a function of (rng, index[b])."""
  keys = jax.vmap(functools.partial(jax.random.fold_in, rng))(index)
  shape = (generator.latent_size,)
  return jax.vmap(lambda key: jax.random.normal(key, shape))(keys)


def _draw_uniform(index, rng, shape):
  """Numbers in [0, 1) [B, ...]; row b is a function of (rng, index[b])."""
  keys = jax.vmap(functools.partial(jax.random.fold_in, rng))(index)
  return jax.vmap(lambda key: jax.random.uniform(key, shape[1:]))(keys)


def _draw_fine(generator, generator_params, rng, index):
  """Random z_⊥ = map(z)_⊥ [B, L-S, D], of the z that `_draw_z` draws."""
  z = _draw_z(generator, rng, index)
  return mixing.map_fine(generator, generator_params, z)


def _random_round(logits_fn, generator, params, rng, draws, x):
  """Classifies n random mixes of each example of a batch.

  Args:
    logits_fn: As in Subject.
    generator: As in Subject.
    params: (classifier's, generator's).
    rng: Key of all draws.
    draws: [n] int32, the numbers of the draws.
    x: (z_par [B, S, D], label [B], index [B] in the test set).

  Returns:
    [B, n] bool, whether the mix is misclassified.
  """
  classifier_params, generator_params = params
  z_par, label, index = x
  activations = generator.coarse(generator_params, z_par)

  def failed(_, draw):
    key = jax.random.fold_in(rng, draw)
    z_perp = _draw_fine(generator, generator_params, key, index)
    image = generator.fine(generator_params, activations, z_perp)
    logits = logits_fn(classifier_params, image)
    return None, attacks.misclassified(logits, label)

  return jax.lax.scan(failed, None, draws)[1].T


def random_mixes(
  subject: Subject,
  rng: jax.Array,
  latents: np.ndarray,
  *,
  draw: np.ndarray | int = 0,
  index: np.ndarray | None = None,
) -> np.ndarray:
  """Latents whose fine part is a draw of `random_failures`.

  Args:
    subject: Classifier and generator.
    rng: The key of `random_failures`.
    latents: [N, L, D].
    draw: Number of the draw, the same for all or [N].
    index: [N], places in the test set; None: 0..N-1.

  Returns:
    [N, L, D].
  """
  index = np.arange(len(latents)) if index is None else index
  draw = np.broadcast_to(draw, index.shape)
  mixed = _mixer(subject.generator)
  return np.asarray(mixed(subject.generator_params, rng, latents, draw, index))


@functools.lru_cache(maxsize=32)
def _mixer(generator):
  """`_with_fine_draws` of one generator, compiled."""
  return jax.jit(functools.partial(_with_fine_draws, generator))


def _with_fine_draws(generator, generator_params, rng, latents, draw, index):
  """The latents with the fine ones of draw[n] for the place index[n]."""
  z = jax.vmap(
    lambda n, i: _draw_z(generator, jax.random.fold_in(rng, n), i[None])[0]
  )(draw, index)
  z_perp = mixing.map_fine(generator, generator_params, z)
  z_par, _ = mixing.split_latents(latents, generator.split)
  return mixing.merge_latents(z_par, z_perp)


def random_failures(
  subject: Subject,
  rng: jax.Array,
  batch: types.Batch,
  *,
  num_draws: int,
  first_draw: int = 0,
  skip: np.ndarray | None = None,
  batch_size: int = 100,
  draws_per_round: int = 10,
) -> np.ndarray:
  """The first random mix of each example that is misclassified.

  After each round, the examples that had a misclassified mix are dropped.

  Args:
    subject: Classifier and generator.
    rng: Key; draw n of example i depends on (rng, n, i) alone.
    batch: N examples; of their latents, only the coarse ones are used.
    num_draws: Number of the last draw, plus 1.
    first_draw: Number of the first draw.
    skip: [N] bool, examples to leave out; their result is -1. None: none.
    batch_size: Examples in one compiled call.
    draws_per_round: Draws in one compiled call.

  Returns:
    [N] int32, the number of the first misclassified draw, from 0; -1: none.
  """
  params = subject.params, subject.generator_params
  fn = _bound(_random_round, subject.logits_fn, subject.generator)
  run = _of_classifier(fn, subject.parallel, 3, 1)
  first = np.full(len(batch.label), -1, np.int32)
  tried = np.ones(len(first), bool) if skip is None else ~skip
  for start in range(first_draw, num_draws, draws_per_round):
    draws = np.arange(start, start + draws_per_round, dtype=np.int32)
    left = np.flatnonzero(tried & (first < 0))
    for index, count in _chunks(left, batch_size):
      z_par = batch.latents[index, : subject.generator.split]
      x = z_par, batch.label[index], index.astype(np.int32)
      wrong = run(params, rng, draws, x)
      wrong = np.asarray(wrong)[:count] & (draws < num_draws)
      hit = wrong.any(axis=1)
      first[index[:count][hit]] = start + wrong[hit].argmax(axis=1)
  return first


def _attack_batch(logits_fn, generator, attack, params, rng, batch, index):
  """Algorithm 2 on one batch.

  Args:
    logits_fn: As in Subject.
    generator: As in Subject.
    attack: `config.eval.attack`, frozen.
    params: (classifier's, generator's).
    rng: Key; the starts of example i are a function of (rng, i).
    batch: B examples.
    index: [B] int32, their places in the test set.

  Returns:
    Attacked, of arrays [B, ...].
  """
  classifier_params, generator_params = params
  logits_fn = functools.partial(logits_fn, classifier_params)
  result, kept_clean = attacks.algorithm2(
    rng,
    logits_fn,
    batch,
    generator,
    generator_params,
    attack=attack,
    draw_fn=lambda key: _draw_z(generator, key, index),
    uniform_fn=functools.partial(_draw_uniform, index),
  )
  start = _draw_fine(generator, generator_params, rng, index)
  steepest = _steepest(
    logits_fn, generator, generator_params, batch, start, attack.loss
  )
  return Attacked(
    result.x, result.success, result.first_success, kept_clean, steepest
  )


def _steepest(logits_fn, generator, generator_params, batch, z_perp, loss):
  """Largest magnitude [B] in the gradient of `loss` at z_⊥ [B, L-S, D]."""
  z_par, _ = mixing.split_latents(batch.latents, generator.split)
  activations = generator.coarse(generator_params, z_par)

  def loss_fn(z_perp):
    image = generator.fine(generator_params, activations, z_perp)
    return attacks.LOSSES[loss](logits_fn, image, batch.label)

  _, _, gradient = attacks.with_gradient(loss_fn, z_perp)
  return jnp.abs(gradient).max(axis=(1, 2))


def attack_examples(
  subject: Subject,
  rng: jax.Array,
  batch: types.Batch,
  *,
  attack: ml_collections.ConfigDict,
  index: np.ndarray | None = None,
  batch_size: int = 100,
  description: str = 'Algorithm 2',
) -> Attacked:
  """Attacks every example by Algorithm 2.

  Args:
    subject: Classifier and generator.
    rng: Key; the starts of example i are a function of (rng, i).
    batch: N examples.
    attack: `config.eval.attack`.
    index: [n], places of the examples to attack, n >= 1; None: all.
    batch_size: Examples in one compiled call.
    description: Of the progress bar.

  Returns:
    Attacked, of arrays [N, ...] or [n, ...].
  """
  attack = ml_collections.FrozenConfigDict(attack)  # Hashable, so static.
  params = subject.params, subject.generator_params
  fn = _bound(_attack_batch, subject.logits_fn, subject.generator, attack)
  run = _of_classifier(fn, subject.parallel, 2, 2)
  every = np.arange(len(batch.label)) if index is None else index
  parts = []
  with metrics.progress(
    description=description, total=len(every), unit='img'
  ) as bar:
    for rows, count in _chunks(every, batch_size):
      x = datasets.take(batch, rows)
      part = run(params, rng, x, rows.astype(np.int32))
      parts.append(jax.tree.map(lambda a, n=count: np.asarray(a)[:n], part))
      bar.update(count)
  return jax.tree.map(lambda *a: np.concatenate(a), *parts)


def adversarial_images(
  subject: Subject,
  batch: types.Batch,
  attacked: Attacked,
  *,
  batch_size: int = 100,
) -> np.ndarray:
  """The image [N, H, W, C] that Algorithm 2 kept for each example.

  Args:
    subject: Classifier and generator.
    batch: The N examples that were attacked, all of them.
    attacked: From `attack_examples`.
    batch_size: Examples in one compiled call.
  """
  z_par, _ = mixing.split_latents(batch.latents, subject.generator.split)
  mixed = np.asarray(mixing.merge_latents(z_par, attacked.z_perp))
  decoded = decode(subject, mixed, batch_size=batch_size)
  return np.where(
    attacked.kept_clean[:, None, None, None],
    datasets.to_float(batch.image),
    decoded,
  )
