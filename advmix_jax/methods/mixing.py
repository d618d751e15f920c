"""RandMix and AdvMix: training on images whose fine latents are replaced.

Both train only on such mixes (Eq. 6 and Eq. 4), except for the first
config.mixing.clean_fraction of a batch, which stays unmixed.

Contents: default_config, randmix, advmix.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import attacks, types
from advmix_jax.generators import mixing
from advmix_jax.methods.nominal import clean_examples
from advmix_jax.runtime import parallel


def default_config() -> ml_collections.ConfigDict:
  """Options of mixing: clean_fraction, the part of a batch left unmixed."""
  return ml_collections.ConfigDict({'clean_fraction': 0.0})


def randmix(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator,
) -> types.Method:
  """RandMix (Eq. 6): dec(enc(x)_∥, map(z)_⊥) for one random z per example.

  Raises:
    ValueError: config.mixing.clean_fraction is not in [0, 1].
  """

  def mix(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> jax.Array:
    del logits_fn
    z_par, _ = mixing.split_latents(batch.latents, generator.split)
    z_perp = mixing.random_fine(
      generator, generator_params, rng, batch.label.shape[0]
    )
    activations = generator.coarse(generator_params, z_par)
    return generator.fine(generator_params, activations, z_perp)

  return _mixed(mix, config, num_classes)


def advmix(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator,
) -> types.Method:
  """AdvMix (Eq. 4): the worst mix that Algorithm 2 finds, with config.attack.

  The clean image is kept where it is misclassified already, and where the
  attack finds no worse mix (x~ <- x at the start of Algorithm 2).

  Raises:
    ValueError: config.mixing.clean_fraction is not in [0, 1], or config.attack
      is bad (`attacks.check_attack`).
  """
  attack = config.attack
  attacks.check_attack(attack)

  def mix(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> jax.Array:
    z_par, _ = mixing.split_latents(batch.latents, generator.split)
    result, kept_clean = attacks.algorithm2(
      rng, logits_fn, batch, generator, generator_params, attack=attack
    )
    activations = generator.coarse(generator_params, z_par)
    image = generator.fine(generator_params, activations, result.x)
    return jnp.where(kept_clean[:, None, None, None], batch.image, image)

  return _mixed(mix, config, num_classes)


def _mixed(
  mix: Callable[..., jax.Array],  # (rng, logits_fn, batch, params) -> images
  config: ml_collections.ConfigDict,
  num_classes: int,
) -> types.Method:
  """The method that mixes a batch, except for its first, clean fraction.

  All rows are mixed; then clean images replace the first rows of the whole
  batch. This way, every device computes the same shapes.
  """
  fraction, size = config.mixing.clean_fraction, config.optimizer.batch_size
  if not 0 <= fraction <= 1:
    raise ValueError(
      f'mixing.clean_fraction is {fraction}, expected a number in [0, 1]'
    )
  kept = round(fraction * size)

  def examples_fn(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> types.Examples:
    clean = clean_examples(batch, num_classes)
    if kept == size:
      return clean
    image = mix(rng, logits_fn, batch, generator_params)
    if kept > 0:
      clean_rows = parallel.among_first(kept, image)
      image = jnp.where(clean_rows, batch.image, image)
    return clean._replace(image=jax.lax.stop_gradient(image))

  return types.Method(examples_fn)
