"""The learned start of Algorithm 1: a network that maps images to latents.

It is trained without labels, first on samples and then on real images:

- Samples of the generator, whose latents are known. Some of them are mixes: the
  fine latents come from another sample, so that the network also sees contents
  in styles that they don't have in the training data.
- Real training images, whose latents are unknown: the network minimises the
  losses of Algorithm 1 through the generator (amortised). Mixes of these images
  with random fine latents are inputs of the next step, so that the network sees
  real contents in every style of the generator.

Algorithm 1 needs only a few steps from the latents that the network returns:

  start_fn = learned_start.load('encoder.npz')
  w = start_fn(images)  # [B, L, D]

Contents: KIND, default_config, large_config, Inverter, apply, make_start_fn,
check, train, save, load, made_for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from advmix_jax import classifiers, datasets, ops, types
from advmix_jax.encoder import algorithm1
from advmix_jax.generators import mixing
from advmix_jax.runtime import files, loop, untrusted

KIND = 'learned_start'


def default_config() -> ml_collections.ConfigDict:
  """Architecture and training of the learned start.

  Returns:
    widths: channels at 1/2, 1/4, 1/8 of the resolution. hidden: width of the
    dense layer. sample_steps: steps on samples. steps: steps on real images and
    their mixes. batch_size: number of samples, of real images and of mixes per
    step. learning_rate: of Adam; it warms up, then falls to 0 along a cosine.
    latent_weight: of the squared error of latents, in units of their standard
    deviation; the losses of Algorithm 1 are added to it. mixed: share of
    samples with the fine latents of another sample. draws: number of latents
    that give the mean and standard deviation. perceptual_weight, mixing_weight:
    α of the activations and β of Algorithm 1, for this training; with both at 0
    the perceptual network is not run. log_every, checkpoint_every: in steps;
    without checkpoint_every (0), the end alone is saved.
  """
  return ml_collections.ConfigDict(
    {
      'widths': (32, 64, 96),
      'hidden': 192,
      'sample_steps': 300,
      'steps': 1000,
      'batch_size': 32,
      'learning_rate': 1.5e-3,
      'latent_weight': 0.05,
      'perceptual_weight': 0.0,
      'mixing_weight': 0.0,
      'mixed': 0.5,
      'draws': 4000,
      'log_every': 50,
      'checkpoint_every': 200,
    }
  )


def large_config() -> ml_collections.ConfigDict:
  """Options of `default_config` for images of 64x64 pixels and more."""
  config = default_config()
  config.update(widths=(32, 64, 96, 128), hidden=256)
  config.update(sample_steps=500, steps=1500)
  return config


class Inverter(hk.Module):
  """Convolutions and a dense layer, then scaled and shifted latents."""

  def __init__(
    self,
    config: ml_collections.ConfigDict,  # Reads `widths` and `hidden`.
    num_layers: int,  # L
    size: int,  # D
    name: str = 'inverter',
  ):
    """Initialises for latents [B, L, D]."""
    super().__init__(name=name)
    self._config, self._shape = config, (num_layers, size)

  def __call__(self, images: jax.Array) -> jax.Array:
    """Maps images [B, H, W, C] in [0, 1] to latents [B, L, D]."""
    mean = hk.get_parameter('mean', self._shape[1:], init=jnp.zeros)
    std = hk.get_parameter('std', self._shape[1:], init=jnp.ones)
    b, h, w, c = images.shape
    # Each 2x2 block of pixels becomes one pixel of 4C channels.
    x = (2 * images - 1).reshape(b, h // 2, 2, w // 2, 2, c)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)
    for i, width in enumerate(self._config.widths):
      x = ops.leaky_relu(classifiers.Conv(width, name=f'conv{i}_0')(x))
      x = ops.leaky_relu(classifiers.Conv(width, name=f'conv{i}_1')(x))
      last = i == len(self._config.widths) - 1
      x = x if last else ops.max_pool2d(x)
    x = ops.leaky_relu(
      hk.Linear(self._config.hidden, name='hidden')(hk.Flatten()(x))
    )
    x = hk.Linear(self._shape[0] * self._shape[1], name='latents')(x)
    stop = jax.lax.stop_gradient
    return stop(mean) + stop(std) * x.reshape(b, *self._shape)


def _network(config, num_layers, size):
  def build(images):
    return Inverter(config, num_layers, size)(images)

  return hk.without_apply_rng(hk.transform(build))


def apply(params: types.Params, images: jax.Array) -> jax.Array:
  """Latents [B, L, D] of images [B, H, W, C]; `params` define all sizes."""
  inverter = {k.split('/')[-1]: v for k, v in params.items()}
  size = len(inverter['inverter']['mean'])
  count = sum(name.startswith('conv') for name in inverter) // 2
  config = ml_collections.ConfigDict(
    {
      'widths': tuple(len(inverter[f'conv{i}_1']['b']) for i in range(count)),
      'hidden': len(inverter['hidden']['b']),
    }
  )
  layers = len(inverter['latents']['b']) // size
  return _network(config, layers, size).apply(params, images)


def make_start_fn(params: types.Params) -> algorithm1.StartFn:
  """Binds `params` to `apply`, as a pytree: jit sees no constants."""
  cast = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
  return jax.tree_util.Partial(apply, cast)


def _samples(rng, generator, params, batch, mixed):
  """Latents [B, L, D], a share `mixed` of them mixes, and their images."""
  z_rng, mix_rng, fine_rng = jax.random.split(rng, 3)
  z = jax.random.normal(z_rng, (batch, generator.latent_size))
  z_par, z_perp = mixing.split_latents(
    generator.map(params, z), generator.split
  )
  fine = mixing.random_fine(generator, params, fine_rng, batch)
  use = jax.random.uniform(mix_rng, (batch, 1, 1)) < mixed
  w = mixing.merge_latents(z_par, jnp.where(use, fine, z_perp))
  return w, jnp.clip(generator.synthesize(params, w), 0, 1)


class _State(NamedTuple):
  params: types.Params
  opt_state: Any
  mixes: jax.Array  # [B, H, W, C] images to encode again
  mixed_latents: jax.Array  # [B, L, D] latents that decode to `mixes`


def _make_step(generator, config, encoder_config):
  """Returns step(state, rng, generator_params, features_fn, images or None)."""
  adam = _optimizer(config)
  target_fn, losses = algorithm1.make_losses(generator, encoder_config)

  def latent_loss(found, known, std):
    return jnp.square((found - jax.lax.stop_gradient(known)) / std).mean()

  def through(rng, decoder, features_fn, w, x):
    fine = mixing.random_fine(generator, decoder, rng, len(w))
    target = target_fn(features_fn, x)
    rec, mix, _, mixes = losses(decoder, features_fn, w, target, fine[:, None])
    half = len(w) // 2
    z_par, _ = mixing.split_latents(w[:half], generator.split)
    kept = (
      jnp.clip(mixes[:half, 0], 0, 1),
      mixing.merge_latents(z_par, fine[:half]),
    )
    return (rec + mix).mean(), jax.lax.stop_gradient(kept)

  def loss_fn(params, state, rng, decoder, features_fn, images):
    std = jax.lax.stop_gradient(params['inverter']['std'])
    if images is None:
      known, samples = _samples(
        rng, generator, decoder, config.batch_size, config.mixed
      )
      error = latent_loss(apply(params, samples), known, std)
      return error, (state.mixes, state.mixed_latents, {'latent': error})
    batch = len(images)
    x = jnp.concatenate([images, state.mixes])
    w = apply(params, x)
    error = latent_loss(w[batch:], state.mixed_latents, std)
    loss, kept = through(rng, decoder, features_fn, w, x)
    record = {'latent': error, 'image': loss}
    return config.latent_weight * error + loss, (*kept, record)

  def step(state, rng, decoder, features_fn, images):
    grads, (mixes, mixed_latents, record) = jax.grad(loss_fn, has_aux=True)(
      state.params, state, rng, decoder, features_fn, images
    )
    updates, opt_state = adam.update(grads, state.opt_state)
    params = optax.apply_updates(state.params, updates)
    return _State(params, opt_state, mixes, mixed_latents), record

  return jax.jit(step, donate_argnums=0)


def _optimizer(config):
  total = max(config.sample_steps + config.steps, 1)
  rate = optax.warmup_cosine_decay_schedule(
    0.0, config.learning_rate, min(50, total // 10), total
  )
  return optax.adam(rate, b1=0.9, b2=0.99)


def _init(rng, generator, decoder, images, config) -> _State:
  """Returns a new state; its network is centred at the mean latents."""
  z = jax.random.normal(rng, (config.draws, generator.latent_size))
  w = generator.map(decoder, z)[:, 0]
  network = _network(config, generator.num_layers, generator.dlatent_size)
  params = jax.jit(network.init)(rng, images[:1])
  params['inverter'] = {'mean': w.mean(0), 'std': w.std(0)}
  known, samples = _samples(rng, generator, decoder, config.batch_size, 1.0)
  return _State(
    params=params,
    opt_state=_optimizer(config).init(params),
    mixes=samples,
    mixed_latents=known,
  )


def check(config: ml_collections.ConfigDict, size: int) -> None:
  """Raises ValueError if the network does not fit images of this size.

  Args:
    config: as `default_config` returns.
    size: H of the images, which each width halves.
  """
  most = (size & -size).bit_length() - 1  # How often 2 divides it.
  if not 0 < len(config.widths) <= most:
    raise ValueError(
      f'inversion.widths is {tuple(config.widths)}, expected 1 to {most} '
      f'widths for images of {size} pixels, each of which halves them'
    )


def train(
  rng: jax.Array,
  images: np.ndarray,
  workdir: str | os.PathLike,
  *,
  generator: types.Generator,
  generator_params: types.Params,
  features_fn: algorithm1.FeaturesFn,
  config: ml_collections.ConfigDict,
  encoder_config: ml_collections.ConfigDict,
) -> types.Params:
  """Trains a learned start; the same call again resumes what WORKDIR holds.

  Args:
    rng: key of the weights, the samples and the order of the images.
    images: [N, H, W, C], uint8 or floats in [0, 1], training images.
    workdir: where checkpoints and metrics go.
    generator: the decoder to invert.
    generator_params: its parameters.
    features_fn: the perceptual network; see perceptual.py.
    config: as `default_config` returns.
    encoder_config: as `algorithm1.default_config` returns; options of the
      losses, except the two weights that `config` has too.

  Returns:
    Parameters for `apply`.

  Raises:
    ValueError: a metric is not finite, or no checkpoint fits.
  """
  encoder_config = encoder_config.copy_and_resolve_references()
  encoder_config.update(
    perceptual_weight=config.perceptual_weight,
    mixing_weight=config.mixing_weight,
    mixing_draws=1,
  )
  update = _make_step(generator, config, encoder_config)
  features_fn = algorithm1.as_pytree(features_fn)
  init_rng, rng = jax.random.split(rng)
  batch = _batch_fn(init_rng, images, config)

  def step_fn(step, state):
    key = jax.random.fold_in(rng, step)
    return update(state, key, generator_params, features_fn, batch(step))

  first = datasets.to_float(images[:1])
  state = _init(init_rng, generator, generator_params, first, config)
  steps = config.sample_steps + config.steps
  plan = loop.Plan(
    name='start',
    description='learned start',
    steps=steps,
    log_every=config.log_every,
    save_every=config.checkpoint_every or steps,
  )
  return loop.run(workdir, state, step_fn, plan).params


def _batch_fn(rng, images, config):
  """Returns step -> real images [B, H, W, C]; None for steps on samples."""
  seed = int(jax.random.randint(rng, (), 0, 2**31 - 1))
  index = datasets.shuffled(seed, len(images), config.batch_size)

  def batch(step):
    step -= config.sample_steps
    return datasets.to_float(images[index(step)]) if step >= 0 else None

  return batch


def save(
  path: str | os.PathLike, params: types.Params, metadata: Mapping[str, Any]
) -> None:
  """Writes a learned start as a portable `.npz`, in 16-bit floats."""
  half = jax.tree.map(lambda a: np.asarray(a, np.float16), params)
  files.save_npz(path, half, metadata, kind=KIND)


def load(
  path: str | os.PathLike,
  *,
  generator_hash: str | None = None,
  size: int = 0,
) -> algorithm1.StartFn:
  """Reads what `save` wrote and returns its start_fn.

  Args:
    path: the file.
    generator_hash: SHA-256 of the generator's file, which has to equal
      `generator` in the metadata; None accepts a start for any generator.
    size: to which the generator's images are resized, 0 = not; it has to be
      the size of the training.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
    ValueError: the start was trained for another generator or size.
  """
  needed = ['inverter/mean', 'inverter/std']
  params, metadata = files.load_npz(path, kind=KIND, needed=needed)
  if generator_hash is not None:
    with untrusted.reading(path, 'does not fit'):
      _check_made_for(metadata, generator_hash, size)
  return make_start_fn(params)


def made_for(path: str | os.PathLike) -> tuple[str, int]:
  """What a learned start inverts: a generator's SHA-256, and its `size`.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  return _made_for(files.load_npz(path, kind=KIND)[1])


def _made_for(metadata):
  # Starts of earlier versions know no size.
  size = metadata.get('config', {}).get('generator', {}).get('size', 0)
  return str(metadata.get('generator')), size


def _check_made_for(metadata, generator_hash, size):
  """Raises ValueError if a start inverts another generator or size."""
  hint = 'encoder.start=average needs none, train_encoder.py trains another'
  trained_for, found = _made_for(metadata)
  if trained_for != generator_hash:
    raise ValueError(
      f'it inverts generator {trained_for[:12]}, expected '
      f'{generator_hash[:12]}; {hint}'
    )
  if found != size:
    raise ValueError(
      f'its generator.size is {found}, expected {size}; {hint} with '
      f'--config.generator.size={size}'
    )
