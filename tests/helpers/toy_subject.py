"""A classifier and a generator small enough to enumerate all that happens.

Latents [B, 2, 1], split at 1; an image is one pixel with the channels
(z_∥, z_⊥), z ~ N(0, 1) is its own latent. The classifier says 1 where
z_∥ + z_⊥ > 0. So a mix of an example of class 1 fails where z_⊥ <= -z_∥, and
Algorithm 2, which can lower z_⊥ by eps, where a start is below eps - z_∥.

Contents: generator, logits, SUBJECT, attack_config, batch, draws.
"""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import attacks, types
from advmix_jax.evaluation import measures

NUM = 23  # No multiple of any batch size below.
SIZE = {'batch_size': 8}  # Attacks of at most 8 compile a single loop.


def generator():
  def fine(params, activations, z_perp):
    del params
    pixel = jnp.concatenate([activations, z_perp[:, 0]], axis=-1)
    return pixel[:, None, None, :]

  def coarse(params, z_par):
    del params
    return z_par[:, 0]

  return types.Generator(
    init=lambda rng: {},
    map=lambda params, z: jnp.stack([z, z], axis=1),
    synthesize=lambda params, w, rng=None: fine(
      params, coarse(params, w[:, :1]), w[:, 1:]
    ),
    coarse=coarse,
    fine=fine,
    num_layers=2,
    split=1,
    latent_size=1,
    dlatent_size=1,
  )


def logits(params, image):
  score = params * (image[:, 0, 0, 0] + image[:, 0, 0, 1])
  return jnp.stack([jnp.zeros_like(score), score], axis=-1)


SUBJECT = measures.Subject(logits, jnp.float32(1), generator(), {})


def attack_config(**changes):
  attack = attacks.default_config()
  attack.update({'restarts': 3, 'steps': 2, 'alpha': 0.25, 'eps': 0.5})
  attack.update(changes)
  return attack


def batch():
  """Examples of class 1 with z_∥ in [0, 3] and z_⊥ = 1, all clean-correct."""
  z_par = np.linspace(0, 3, NUM, dtype=np.float32)
  latents = np.stack([z_par, np.ones(NUM, np.float32)], axis=1)[..., None]
  image = np.asarray(generator().synthesize({}, latents))
  return types.Batch(image, np.ones(NUM, np.int32), latents)


def draws(rng, numbers):
  """z of draw n of example i, [len(numbers), NUM], as measures draws it."""

  def one(n, i):
    key = jax.random.fold_in(jax.random.fold_in(rng, n), i)
    return jax.random.normal(key, (1,))[0]

  rows = [jax.vmap(lambda i, n=n: one(n, i))(jnp.arange(NUM)) for n in numbers]
  return np.stack(rows)
