"""z_∥ and z_⊥: splits latents into coarse and fine ones, draws and mixes them.

The latents w [B, L, D] of a generator are split at layer S (Section 3): the
coarse latents z_∥ = w[:, :S] carry the label, the fine latents z_⊥ = w[:, S:]
do not. A mix keeps the label of its coarse latents:

    z_par, _ = mixing.split_latents(w, generator.split)
    z_perp = mixing.random_fine(generator, params, rng, len(w))
    image = generator.synthesize(params, mixing.merge_latents(z_par, z_perp))

This is RandMix: dec(enc(x)_∥, map(z)_⊥) with z ~ N(0, 1). AdvMix starts from
such mixes and searches for the worst one (attacks/algorithm2.py).

Contents: split_latents, merge_latents, random_z, map_fine, random_fine.
"""

import jax
import jax.numpy as jnp

from advmix_jax.runtime import parallel
from advmix_jax.types import Generator, Params


def split_latents(w: jax.Array, split: int) -> tuple[jax.Array, jax.Array]:
  """Splits latents [B, L, D] into z_∥ [B, S, D] and z_⊥ [B, L-S, D].

  Raises:
    ValueError: w does not have three axes, or one of the parts would be empty.
  """
  if w.ndim != 3 or not 0 < split < w.shape[1]:
    raise ValueError(
      f'split is {split} for latents of shape {w.shape}, expected [B, L, D]'
      ' with 0 < split < L'
    )
  return w[:, :split], w[:, split:]


def merge_latents(z_par: jax.Array, z_perp: jax.Array) -> jax.Array:
  """Joins z_∥ [B, S, D] and z_⊥ [B, L-S, D] to latents [B, L, D]."""
  return jnp.concatenate([z_par, z_perp], axis=1)


def random_z(generator: Generator, rng: jax.Array, batch: int) -> jax.Array:
  """Draws z ~ N(0, 1), [B, Z]."""
  return parallel.rows(
    lambda n: jax.random.normal(rng, (n, generator.latent_size)), batch
  )


def map_fine(generator: Generator, params: Params, z: jax.Array) -> jax.Array:
  """Maps z [B, Z] to its fine latents map(z)_⊥ [B, L-S, D]."""
  return split_latents(generator.map(params, z), generator.split)[1]


def random_fine(
  generator: Generator, params: Params, rng: jax.Array, batch: int
) -> jax.Array:
  """Draws fine latents map(z)_⊥ [B, L-S, D], z ~ N(0, 1), B = `batch`."""
  return map_fine(generator, params, random_z(generator, rng, batch))
