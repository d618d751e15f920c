"""A toy generator: layer k of the latents decides row k of a 4x5 image.

Contents: LAYERS, make.
"""

import jax
import jax.numpy as jnp

from advmix_jax import types

LAYERS = 4


def make() -> types.Generator:
  """Its latents are normal; a row's level is the logistic function of w_k0."""

  def synthesize(params, w, rng=None):
    del params, rng
    level = jax.nn.sigmoid(jnp.asarray(w)[:, :, :1])  # [B, L, 1]
    return jnp.broadcast_to(level[..., None], (len(w), LAYERS, 5, 3))

  return types.Generator(
    init=None,
    map=lambda params, z: z.reshape(-1, LAYERS, 2),
    synthesize=synthesize,
    coarse=None,
    fine=None,
    num_layers=LAYERS,
    split=1,
    latent_size=2 * LAYERS,
    dlatent_size=2,
  )
