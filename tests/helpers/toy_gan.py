"""A generator and a discriminator of one number each: steps in closed form.

G(w) is a pixel of brightness `level`, whatever w is: one-hot, the drawn class.
D(x) = slope * (2 x - 1), so |grad D|^2 = slope^2 on the scale of R1.

Contents: SLOPE, LEVEL, REAL, config, step.
"""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.generators import gan, stylegan
from helpers import tiny_gan

SLOPE, LEVEL = 0.7, 0.6
REAL = np.linspace(0, 0.6, 8)  # Brightness of real images, again and again.


def _generator(config):
  def synthesize(params, w, rng=None, *, level=None, blend=0.0):
    return jnp.broadcast_to(params['image']['level'], (len(w), 1, 1, 1))

  return types.Generator(
    init=None,
    map=lambda params, z, labels: labels[:, None],
    synthesize=synthesize,
    coarse=None,
    fine=None,
    num_layers=1,
    split=1,
    latent_size=10,
    dlatent_size=2,
  )


def _score(params, images, *_):
  return params['slope'] * (2 * images[:, 0, 0, 0] - 1)


def config(**fields):
  """Of two classes; `fields` go to its gan."""
  made = tiny_gan.config(1.0, **fields)
  made.network.label_size = 2
  return made


def step(monkeypatch, config, *, average=LEVEL, mean=0.0, steps=1):
  """The state and the record after steps that begin at SLOPE and LEVEL.

  Args:
    monkeypatch: pytest's.
    config: as `config` returns.
    average: the averaged generator's level before the first step.
    mean: both entries of the mean w before it.
    steps: how many.
  """
  monkeypatch.setattr(stylegan, 'make_generator', _generator)
  fns = stylegan.DiscriminatorFns(None, _score)
  monkeypatch.setattr(stylegan, 'make_discriminator', lambda config: fns)
  update = gan.make_step(config.network, config.gan)
  state = _state(config, average, mean)
  image = np.resize(np.float32(REAL), (config.gan.batch_size, 1, 1, 1))
  batch = types.Batch(image, np.zeros(len(image), int))
  for i in range(steps):
    rng, blend = jax.random.key(i), jnp.float32(0)
    state, record = update(state, batch, rng, blend, level=0, with_r1=True)
  return state, record


def _state(config, average, mean):
  adam = gan.optimizer(config.gan)

  def generator(level):
    mapping = {'dlatent_avg': jnp.full(2, mean, jnp.float32)}
    return {'mapping': mapping, 'image': {'level': jnp.float32(level)}}

  g, d = generator(LEVEL), {'slope': jnp.float32(SLOPE)}
  return gan.GanState(
    jnp.zeros((), int), g, d, generator(average), adam.init(g), adam.init(d)
  )
