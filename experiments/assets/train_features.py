"""Makes advmix_jax/data/features.npz, the small perceptual network that ships.

  python experiments/assets/train_features.py --output=features.npz

Fits the network to the embedded training digits, each in a colour drawn
uniformly, to predict the digit and the colour, so that its activations
represent both shape and colour. The same command resumes what was stopped.
"""

import os
import pathlib

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from absl import flags

from advmix_jax import datasets, ops, types
from advmix_jax.datasets.digits import NUM_CLASSES, Digits, load_digits
from advmix_jax.encoder import perceptual
from advmix_jax.runtime import cli, locks, loop

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = flags.DEFINE_string('output', 'features.npz', 'The file to write.')
WORKDIR = flags.DEFINE_string(
  'workdir', str(ROOT / 'runs' / 'features'), "The run's folder."
)
SEED = flags.DEFINE_integer('seed', 0, 'Of weights, colours and order.')


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
    x = ops.max_pool2d(perceptual.Trunk(widths)(images)[-1])
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
    Parameters for `perceptual.features`.
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
  levels = jax.jit(perceptual.features)(params, images)
  rms = jnp.stack([jnp.sqrt(jnp.square(a).mean()) for a in levels])
  vgg = params['vgg'] | {'rms': params['vgg']['rms'] * rms}
  return params | {'vgg': vgg}


def main(argv: list[str]) -> None:
  """Trains the network and writes it."""
  del argv  # cli.run has refused any.
  config, rng = default_config(), jax.random.key(SEED.value)
  with locks.hold(WORKDIR.value):
    params = train(
      rng, load_digits('embedded', 'train'), WORKDIR.value, config=config
    )
  metadata = {'config': config.to_dict(), 'seed': SEED.value}
  perceptual.save(OUTPUT.value, params, metadata)
  print(f'{OUTPUT.value}: a perceptual network of widths {config.widths}')


if __name__ == '__main__':
  cli.run(main)
