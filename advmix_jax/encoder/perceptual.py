"""The perceptual network of Algorithm 1: three activations of a VGG.

Algorithm 1 compares images by the activations "after the second convolution of
the first three blocks" of a VGG. `features` runs any network of this structure:

  block i = 1, 2, 3:  conv<i>_1, ReLU, conv<i>_2, ReLU -> activation, max-pool

with 3x3 convolutions; the parameters define the widths. The first three blocks
of VGG-16 begin in this way (widths 64, 128, 256), so the same function runs its
weights; checkpoints_convert/convert_vgg.py stores them under these names.

The shipped network is small. `train` fits it to *training* digits, each in a
colour drawn uniformly, to predict the digit and the colour, so that its
activations represent both shape and colour. As with VGG-16, labels are used to
train the network and never to encode an image.

  features_fn = perceptual.load('features.npz')
  activations = features_fn(images)  # [B, 32, 32, 8], [B, 16, 16, 16], ...

Contents: BLOCKS, default_config, Trunk, features, make_features_fn, train,
save, load.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from advmix_jax import classifiers, datasets, ops, types
from advmix_jax.datasets.digits import NUM_CLASSES, Digits
from advmix_jax.runtime import files, loop

BLOCKS = 3
_KIND = 'perceptual_network'


def default_config() -> ml_collections.ConfigDict:
  """Architecture and training of the small network.

  Returns:
    widths: channels of the three blocks. epochs, batch_size, learning_rate: of
    Adam with a cosine decay. color_weight: weight of the colour's squared
    error, which is added to the digit's cross-entropy.
  """
  return ml_collections.ConfigDict(
    {
      'widths': (8, 16, 32),
      'epochs': 2,
      'batch_size': 64,
      'learning_rate': 2e-3,
      'color_weight': 1.0,
    }
  )


class Trunk(hk.Module):
  """The convolutions: images [B, H, W, 3] in [0, 1] -> three activations."""

  def __init__(self, widths: tuple[int, ...], name: str = 'vgg'):
    """Initialises for `widths` channels, one number per block."""
    super().__init__(name=name)
    self._widths = widths

  def __call__(self, images: jax.Array) -> list[jax.Array]:
    """Activations [B, H, W, C1], [B, H/2, W/2, C2], [B, H/4, W/4, C3]."""
    channels = images.shape[-1:]
    mean = hk.get_parameter(
      'mean', channels, init=hk.initializers.Constant(0.5)
    )
    std = hk.get_parameter('std', channels, init=hk.initializers.Constant(0.5))
    # Activations are divided by these, so that all levels weigh the same.
    rms = hk.get_parameter('rms', [BLOCKS], init=jnp.ones)
    stop = jax.lax.stop_gradient
    x, found = (images - stop(mean)) / stop(std), []
    for i, width in enumerate(self._widths):
      for j in (1, 2):
        conv = classifiers.Conv(width, name=f'conv{i + 1}_{j}')
        x = jax.nn.relu(conv(x))
      found.append(x / stop(rms)[i])
      x = ops.max_pool2d(x)
    return found


def _trunk(widths):
  return hk.without_apply_rng(hk.transform(lambda x: Trunk(widths)(x)))


def features(params: types.Params, images: jax.Array) -> list[jax.Array]:
  """Activations after the second convolution of the first three blocks.

  Args:
    params: of the network; the lengths of its biases are the widths.
    images: [B, H, W, 3] in [0, 1]; 4 divides H and W.

  Returns:
    [B, H, W, C1], [B, H/2, W/2, C2], [B, H/4, W/4, C3]. Those of the small
    network have mean square 1 over its training images; those of a converted
    VGG-16 are not scaled.
  """
  widths = tuple(len(params[f'vgg/conv{i + 1}_2']['b']) for i in range(BLOCKS))
  return _trunk(widths).apply(params, images)


def make_features_fn(
  params: types.Params,
) -> Callable[[jax.Array], list[jax.Array]]:
  """Binds `params` to `features`, as a pytree: jit sees no constants."""
  return jax.tree_util.Partial(features, jax.tree.map(jnp.asarray, params))


def _paint(ink: jax.Array, color: jax.Array) -> jax.Array:
  """Ink [B, H, W, 1] in colours [B, 3] -> images [B, H, W, 3]."""
  return ink * color[:, None, None]


def _ink(digits: Digits) -> np.ndarray:
  """Grey digits as [N, 32, 32, 1] in [0, 1]."""
  ink = np.pad(digits.image, ((0, 0), (2, 2), (2, 2)))
  return ink[..., None].astype(np.float32) / 255


def _network(widths):
  """images -> (digit logits [B, 10], colour [B, 3])."""

  def build(images):
    x = ops.max_pool2d(Trunk(widths)(images)[-1])
    out = hk.Linear(NUM_CLASSES + 3, name='head')(hk.Flatten()(x))
    return out[:, :-3], out[:, -3:]

  return hk.without_apply_rng(hk.transform(build))


def _make_step(config, steps):
  """Returns (init, step) of the training."""
  network = _network(tuple(config.widths))
  adam = optax.adam(optax.cosine_decay_schedule(config.learning_rate, steps))

  def loss_fn(params, rng, ink, label):
    color = jax.random.uniform(rng, (len(ink), 3))
    logits, guess = network.apply(params, _paint(ink, color))
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, label)
    error = jnp.square(guess - color).sum(-1)
    return (loss + config.color_weight * error).mean()

  def init(rng, ink):
    params = network.init(rng, _paint(ink, jnp.ones((len(ink), 3))))
    return params, adam.init(params)

  def step(state, rng, ink, label):
    params, opt_state = state
    loss, grads = jax.value_and_grad(loss_fn)(params, rng, ink, label)
    updates, opt_state = adam.update(grads, opt_state)
    return (optax.apply_updates(params, updates), opt_state), {'loss': loss}

  return init, jax.jit(step, donate_argnums=0)


def train(
  rng: jax.Array,
  digits: Digits,
  workdir: str | os.PathLike,
  *,
  config: ml_collections.ConfigDict,
) -> types.Params:
  """Trains the small network; the same call again resumes what WORKDIR holds.

  Args:
    rng: key of the weights, the colours and the order of the digits.
    digits: grey training digits with labels.
    workdir: where checkpoints and metrics go.
    config: as `default_config` returns.

  Returns:
    Parameters for `features`.
  """
  ink = _ink(digits)
  batch, size = min(config.batch_size, len(ink)), len(ink)
  seed = int(jax.random.randint(rng, (), 0, 2**31 - 1))
  per_epoch = -(-size // batch)
  init, update = _make_step(config, config.epochs * per_epoch)

  def step_fn(step, state):
    place = step % per_epoch
    order = datasets.epoch_batches((seed, step - place), size, batch)
    index = order[place]
    key = jax.random.fold_in(rng, step)
    return update(state, key, ink[index], digits.label[index])

  plan = loop.Plan(
    name='perceptual',
    description='perceptual network',
    steps=config.epochs * per_epoch,
    log_every=50,
    save_every=per_epoch,
  )
  params, _ = loop.run(workdir, init(rng, ink[:1]), step_fn, plan)
  params = {k: v for k, v in params.items() if k != 'head'}
  return _normalised(params, rng, ink[:1000])


def _normalised(params, rng, ink):
  """Sets `rms` so that each level has mean square 1 on painted digits."""
  images = _paint(ink, jax.random.uniform(rng, (len(ink), 3)))
  levels = jax.jit(features)(params, images)
  rms = jnp.stack([jnp.sqrt(jnp.square(a).mean()) for a in levels])
  vgg = params['vgg'] | {'rms': params['vgg']['rms'] * rms}
  return params | {'vgg': vgg}


def save(
  path: str | os.PathLike, params: types.Params, metadata: Mapping[str, Any]
) -> None:
  """Writes a perceptual network as a portable `.npz`."""
  files.save_npz(path, params, metadata, kind=_KIND)


def load(
  path: str | os.PathLike,
) -> Callable[[jax.Array], list[jax.Array]]:
  """Reads what `save` wrote and returns its features_fn.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  return make_features_fn(files.load_npz(path, kind=_KIND)[0])
