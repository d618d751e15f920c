"""Glossary of axes and value ranges, and the tuples shared between modules.

Axes, as named in comments and docstrings throughout the project:
  B batch | L style layers, 2*log2(R)-2 | S split: layers 0..S-1 are coarse
  Z size of z | D size of w | H W C image | K classes | M training examples

Symbols of the paper (arXiv:1912.03192):
  z_∥  coarse latents [B, S, D], label-dependent      (Section 3, "z parallel")
  z_⊥  fine latents [B, L-S, D], label-independent    (Section 3, "z perp")
  dec  Generator.synthesize        enc  Algorithm 1, encoder/algorithm1.py
The split is made in StyleGAN's intermediate latents w, so "latents" always
means w here.

Images are float32 in [0, 1]; on the host, before `datasets.take`, they are
uint8. StyleGAN works in [-1, 1] internally, and `stylegan.make_generator`
converts. Attacks maximise their loss; training minimises its loss. This file
contains no logic.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

Params = Any  # Nested dict {module: {name: array}}, as Haiku returns it.


class Dataset(NamedTuple):
  """Labelled images on the host, in a fixed order.

  `groups` maps the name of a grouping to the group of each image, for instance
  {'style': [3, 3, 7, ...]}. One of them may give each example's environment,
  for methods such as IRM.
  """

  image: np.ndarray  # [N, H, W, C] uint8
  label: np.ndarray  # [N] int32 in [0, K)
  num_classes: int  # K
  groups: dict[str, np.ndarray]  # {name: [N] int32}
  source: str  # Where the images come from; written to records.
  # [N], the file or row of each image; (): they have the order of the source.
  names: tuple[str, ...] = ()
  classes: tuple[str, ...] = ()  # [K], what they are called; (): by number.


class Batch(NamedTuple):
  """Labelled images with the latents that encode them.

  `latents` is None for methods that need no generator, and `environment` is
  None for methods that need no environments. `step` is None outside of the
  train step.
  """

  image: jax.Array  # [B, H, W, C] float32 in [0, 1]; on the host uint8
  label: jax.Array  # [B] int32 in [0, K)
  latents: jax.Array | None = None  # [B, L, D] float32
  environment: jax.Array | None = None  # [B] int32
  step: jax.Array | None = None  # The train step's number from 0, scalar int32


class Examples(NamedTuple):
  """What a method trains on: images and (possibly soft) targets."""

  image: jax.Array  # [M, H, W, C] float32 in [0, 1]
  target: jax.Array  # [M, K] float32, rows sum to 1
  environment: jax.Array | None = None  # [M] int32


LogitsFn = Callable[[jax.Array], jax.Array]  # [B, H, W, C] -> [B, K]


class Method(NamedTuple):
  """A training method: what to train on, and what to add to the loss.

  The loss is the mean cross-entropy C on the examples. With a penalty P it is
  (C + w * P) / max(w, 1), where `penalty_weight_fn` gives w: a large weight
  doesn't make the gradient large. All functions are pure and can be traced by
  jax.jit.

  `logits_fn` is the current classifier. In `examples_fn` its parameters are
  constants; the penalty is differentiated with respect to them. With several
  devices, each device sees its own rows of the batch. So draw by
  `parallel.rows(lambda n: jax.random.normal(rng, (n, ...)), B)`, or all devices
  draw the same numbers. A penalty is this device's part of a sum over devices:
  for a mean over examples, return `parallel.mean(values, size)`, where `size`
  counts the whole batch without padding rows.
  """

  # (rng, logits_fn, batch, generator_params) -> Examples
  examples_fn: Callable[..., Examples]
  # (logits_fn, examples) -> scalar; None: no penalty
  penalty_fn: Callable[..., jax.Array] | None = None
  # step -> w >= 0, scalar; None: 1 at every step
  penalty_weight_fn: Callable[[jax.Array], jax.Array] | None = None


class Generator(NamedTuple):
  """A decoder of pure functions, split at layer `split`.

  Always true: synthesize(p, w) == fine(p, coarse(p, w[:, :S]), w[:, S:]).
  `params` is always an argument; no function keeps a copy. With `rng=None` the
  stored noise is used, so the image is deterministic.

  Images that leave [0, 1] are attacked as they are: a generator of your own
  clips them, as `generators.load` does. Every array in the activations is [B,
  ...], also what all examples share, for attacks pick out some of the rows.
  """

  init: Callable[..., Params]  # (rng) -> params
  map: Callable[..., jax.Array]  # (params, z [B, Z]) -> [B, L, D]
  synthesize: Callable[..., jax.Array]  # (params, w, rng=None) -> [B, H, W, C]
  # (params, z_∥ [B, S, D]) -> activations: the part that doesn't depend on z_⊥
  coarse: Callable[..., Any]
  fine: Callable[..., jax.Array]  # (params, activations, z_⊥) -> [B, H, W, C]
  num_layers: int  # L
  split: int  # S
  latent_size: int  # Z, length of the normal vector that `map` takes
  dlatent_size: int  # D


# x -> (loss [B] to maximise, logits [B, K])
LossFn = Callable[[jax.Array], tuple[jax.Array, jax.Array]]


class AttackResult(NamedTuple):
  """Outcome of an attack on a batch.

  `first_success` holds (restart, step) of the first misclassified iterate, or
  (-1, -1) if no iterate was misclassified. Step 0 is the start of a restart.
  """

  x: jax.Array  # [B, ...] a misclassified iterate, or else the worst found
  loss: jax.Array  # [B] loss at x
  success: jax.Array  # [B] bool
  first_success: jax.Array  # [B, 2] int32


class TrainState(NamedTuple):
  """All values that training updates."""

  step: jax.Array  # [] int32
  params: Params
  opt_state: Any
