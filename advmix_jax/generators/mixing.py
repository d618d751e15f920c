"""z_∥ and z_⊥: cutting latents at the split, drawing and mixing them.

A generator's latents w [B, L, D] are cut at layer S (Section 3): the coarse
ones z_∥ = w[:, :S] carry the label, the fine ones z_⊥ = w[:, S:] do not. A mix
keeps the label of its first part:

    z_par, _ = mixing.split_latents(w, generator.split)
    z_perp = mixing.random_fine(generator, params, rng, len(w))
    image = generator.synthesize(params, mixing.merge_latents(z_par, z_perp))

which is RandMix: dec(enc(x)_∥, map(z)_⊥) with z ~ N(0, 1). AdvMix searches for
the worst mix, starting from such ones (attacks/algorithm2.py).

Contents: split_latents, merge_latents, random_z, map_fine, random_fine.
"""

import jax
import jax.numpy as jnp

from advmix_jax.runtime import parallel
from advmix_jax.types import Generator, Params


def split_latents(w: jax.Array, split: int) -> tuple[jax.Array, jax.Array]:
  """Cuts latents [B, L, D] into z_∥ [B, S, D] and z_⊥ [B, L-S, D].

  Raises:
    ValueError: w has not three axes, or one of the parts would be empty.
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
  """map(z)_⊥ of z [B, Z]: [B, L-S, D]."""
  return split_latents(generator.map(params, z), generator.split)[1]


def random_fine(
  generator: Generator, params: Params, rng: jax.Array, batch: int
) -> jax.Array:
  """Draws map(z)_⊥ with z ~ N(0, 1), [B, L-S, D], for B = `batch`."""
  return map_fine(generator, params, random_z(generator, rng, batch))
