"""Methods: each turns a batch into the examples that a classifier trains on.

All methods share one loss, cross-entropy with soft targets, and one train step
(training.py). They differ in the examples, and some may add a penalty:

  nominal               x
  mixup                 convex combinations of pairs (Zhang et al. 2018)
  cutout                x without a box of pixels (DeVries and Taylor 2017)
  cutmix                x with a box of another image (Yun et al. 2019)
  irm                   x, with a penalty over environments (Arjovsky et al.)
  adversarial_training  worst case in an l_inf ball of pixels (Madry et al.)
  randmix               dec(z_∥, z_⊥) with one random z_⊥ per example
  advmix                dec(z_∥, z_⊥) with the worst z_⊥ found (Algorithm 2)

with z_∥ = enc(x)_∥.

  method = methods.make(
    'advmix', config, num_classes=dataset.num_classes, generator=generator)
  examples = method.examples_fn(rng, logits_fn, batch, generator_params)

A method is a types.Method. `logits_fn` maps images [B, H, W, C] to logits
[B, K] with the current classifier.

Contents: METHODS, NEEDS_LATENTS, default_config, check_name, make; one builder
per method, (config, num_classes, generator) -> types.Method, in the files of
this folder.
"""

import ml_collections

from advmix_jax import attacks, types
from advmix_jax.methods import (
  adversarial,
  augmentation,
  cutting,
  invariance,
  mixing,
)
from advmix_jax.methods.adversarial import adversarial_training
from advmix_jax.methods.augmentation import mixup
from advmix_jax.methods.cutting import cutmix, cutout
from advmix_jax.methods.invariance import irm
from advmix_jax.methods.mixing import advmix, randmix
from advmix_jax.methods.nominal import nominal

METHODS = {
  'nominal': nominal,
  'mixup': mixup,
  'cutout': cutout,
  'cutmix': cutmix,
  'irm': irm,
  'adversarial_training': adversarial_training,
  'randmix': randmix,
  'advmix': advmix,
}

# Methods that need Batch.latents and a generator.
NEEDS_LATENTS = ('randmix', 'advmix')


def default_config() -> ml_collections.ConfigDict:
  """The sections of a config that methods read, with their defaults.

  Returns:
    mixup: augmentation.default_config. cutout, cutmix: cutting.default_config.
    irm: invariance.default_config. mixing: mixing.default_config, for RandMix
    and AdvMix. pixel_attack: adversarial.default_config. attack:
    attacks.default_config, for AdvMix.
  """
  config = ml_collections.ConfigDict()
  config.mixup = augmentation.default_config()
  config.update(cutting.default_config())
  config.irm = invariance.default_config()
  config.mixing = mixing.default_config()
  config.pixel_attack = adversarial.default_config()
  config.attack = attacks.default_config()
  return config


def check_name(name: str) -> None:
  """Raises ValueError for a name that isn't in METHODS."""
  if name not in METHODS:
    raise ValueError(f'method is {name!r}, expected one of {tuple(METHODS)}')


def make(
  name: str,
  config: ml_collections.ConfigDict,
  *,
  num_classes: int,
  generator: types.Generator | None = None,
) -> types.Method:
  """Returns the method of that name.

  Args:
    name: A key of METHODS.
    config: The run's config; methods read the sections of `default_config`,
      optimizer.batch_size and environment.
    num_classes: K.
    generator: Needed for the methods in NEEDS_LATENTS.

  Raises:
    ValueError: Unknown name, no generator where one is needed, or a bad option.
  """
  check_name(name)
  if name in NEEDS_LATENTS and generator is None:
    raise ValueError(f'method {name!r} needs a generator, got None')
  return METHODS[name](config, num_classes, generator)
