"""z_∥ and z_⊥: cutting latents at the split, mixing them, and the sets Z_⊥.

A generator's latents w [B, L, D] are cut at layer S (Section 3): the coarse
ones z_∥ = w[:, :S] carry the label, the fine ones z_⊥ = w[:, S:] do not. A mix
keeps the label of its first part:

    z_par, _ = mixing.split_latents(w, generator.split)
    z_perp = mixing.random_fine(generator, params, rng, len(w))
    image = generator.synthesize(params, mixing.merge_latents(z_par, z_perp))

which is RandMix: dec(enc(x)_∥, map(z)_⊥) with z ~ N(0, 1). AdvMix starts from
such a mix and stays near it in an l_inf ball, the set Z_⊥ of the paper's
experiments (attacks.linf_ball). The other set, the image of the typical set of
N(0, 1) (Equation 15), is attacked in z: `random_z` starts, the loss decodes
map(z)_⊥, and the projection is that of `typical_set_fn`.

Contents: split_latents, merge_latents, mix_with_donors, random_z, map_fine,
random_fine, typical_set_fn.
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


def mix_with_donors(
  rng: jax.Array,
  w: jax.Array,  # [B, L, D]
  *,
  split: int,
) -> tuple[jax.Array, jax.Array]:
  """Gives every example the fine latents of another one of the batch.

  Returns:
    The mixed latents [B, L, D], and who gave the fine part, [B] int32: a
    random permutation.
  """
  z_par, z_perp = split_latents(w, split)
  donors = jax.random.permutation(rng, w.shape[0])
  return merge_latents(z_par, z_perp[donors]), donors


def random_z(generator: Generator, rng: jax.Array, batch: int) -> jax.Array:
  """Draws z ~ N(0, 1), [B, Z]."""
  return parallel.rows(
    lambda n: jax.random.normal(rng, (n, generator.latent_size)), batch
  )


def map_fine(generator: Generator, params: Params, z: jax.Array) -> jax.Array:
  """map(z)_⊥ of z [B, Z]: [B, L-S, D]."""
  return split_latents(generator.map(params, z), generator.split)[1]


def random_fine(
  generator: Generator,
  params: Params,
  rng: jax.Array,
  batch: int,
  *,
  truncation: float = 1.0,
  average: jax.Array | None = None,  # [L, D]
) -> jax.Array:
  """Draws map(z)_⊥ with z ~ N(0, 1), [B, L-S, D].

  Args:
    generator: a types.Generator.
    params: its parameters.
    rng: key of z.
    batch: B.
    truncation: psi; w is pulled to average + psi * (w - average). 1 leaves it.
    average: mean latents, needed where truncation is not 1.

  Raises:
    ValueError: truncation without `average`.
  """
  w = generator.map(params, random_z(generator, rng, batch))
  if truncation != 1.0:
    if average is None:
      raise ValueError(f'truncation is {truncation}, which needs `average`')
    w = average + truncation * (w - average)
  return split_latents(w, generator.split)[1]


def typical_set_fn(delta: float = 1.0):
  """Makes the projection of z [B, Z] on the typical set of N(0, 1) (Eq. 15).

  With d = Z, the set is the shell

    sqrt(d) - delta * d^(1/4) <= ||z||_2 <= sqrt(d) + delta * d^(1/4)

  to which z is scaled; where the lower radius is negative it is 0. The origin,
  which has no direction, is left alone. StyleGAN normalises z first of all, so
  for it the shell constrains nothing: only the direction of z matters. Of a
  conditional one, z has columns that draw the class, and is normalised with the
  class beside it, so there the length counts for a little.

  Args:
    delta: half width of the shell, in units of d^(1/4); >= 0.

  Returns:
    (z, center, eps) -> z, as attacks.pgd wants it; compose it after
    attacks.linf_ball to stay near the start as well.

  Raises:
    ValueError: delta is negative.
  """
  if delta < 0:
    raise ValueError(f'delta is {delta}, expected a number >= 0')

  def project(z, center, eps):
    del center, eps
    d = z.shape[-1]
    norm = jnp.linalg.norm(z, axis=-1, keepdims=True)
    low, high = d**0.5 - delta * d**0.25, d**0.5 + delta * d**0.25
    target = jnp.clip(norm, max(low, 0.0), high)
    return z * target / jnp.where(norm > 0, norm, 1.0)

  return project
