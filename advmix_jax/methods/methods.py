"""Methods: each turns a batch into the examples that a classifier trains on.

All methods share one loss, `cross_entropy` with soft targets, and one train
step (training.py); they differ in the examples alone:

  nominal               x
  mixup                 convex combinations of pairs (Zhang et al. 2018)
  adversarial_training  worst case in an l_inf ball of pixels (Madry et al.)
  randmix               dec(z_∥, z_⊥) with one random z_⊥ per example
  advmix                dec(z_∥, z_⊥) with the worst z_⊥ found (Algorithm 2)

with [z_∥, z_∥'] = enc(x). The last two train on mixed images alone (Eq. 6 and
Eq. 4); config.mixing.clean_fraction leaves that part of a batch unmixed.

  method = make_method('advmix', config, num_classes=10, generator=generator)
  examples = method(rng, logits_fn, batch, generator_params)

A method is pure and can be traced by jax.jit. `logits_fn` maps images
[B, H, W, C] to logits [B, K] with the current classifier.

Contents: Method, METHODS, NEEDS_LATENTS, check_name, make_method,
cross_entropy, and one function per method.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import optax

from advmix_jax import attacks, types
from advmix_jax.generators import mixing
from advmix_jax.runtime import parallel

LogitsFn = Callable[[jax.Array], jax.Array]

# (rng, logits_fn, batch, generator_params) -> Examples
Method = Callable[..., types.Examples]

# Methods that need Batch.latents and a generator.
NEEDS_LATENTS = ('randmix', 'advmix')


def cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
  """-sum_k target_k log softmax(logits)_k per example.

  Args:
    logits: [B, K].
    target: [B, K] probabilities.

  Returns:
    [B] float32, in nats.
  """
  return optax.softmax_cross_entropy(logits, target)


def _clean(batch: types.Batch, num_classes: int) -> types.Examples:
  """The batch itself, with one-hot targets."""
  return types.Examples(batch.image, jax.nn.one_hot(batch.label, num_classes))


def nominal(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> Method:
  """Empirical risk minimisation: the batch as it is."""
  del config, generator

  def method(rng, logits_fn, batch, generator_params):
    del rng, logits_fn, generator_params
    return _clean(batch, num_classes)

  return method


def mixup(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> Method:
  """mixup (arXiv:1710.09412): x = l x_i + (1 - l) x_j, and so the targets.

  l ~ Beta(alpha, alpha) is drawn per example, with alpha from config.mixup; j
  is a random permutation of the batch.
  """
  del generator
  alpha = config.mixup.alpha
  if alpha <= 0:
    raise ValueError(f'mixup.alpha is {alpha}, expected > 0')
  total = config.optimizer.batch_size

  def method(rng, logits_fn, batch, generator_params):
    del logits_fn, generator_params
    rng_weight, rng_partner = jax.random.split(rng)
    clean = _clean(batch, num_classes)
    size = batch.label.shape[0]
    weight = parallel.rows(
      lambda n: jax.random.beta(rng_weight, alpha, alpha, (n,)), size
    )
    partner = parallel.rows(lambda n: _partners(rng_partner, total, n), size)

    def mix(x):
      l = weight.reshape((size,) + (1,) * (x.ndim - 1))
      return l * x + (1 - l) * parallel.gather(x)[partner]

    return types.Examples(*map(mix, clean))

  return method


def _partners(rng: jax.Array, total: int, n: int) -> jax.Array:
  """A permutation of `total` examples; those that fill up to n keep theirs."""
  total = min(total, n)
  return jnp.append(jax.random.permutation(rng, total), jnp.arange(total, n))


def adversarial_training(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> Method:
  """Adversarial training (arXiv:1706.06083) on pixels.

  Maximises the loss in the l_inf ball of config.pixel_attack.eps around x and
  in [0, 1], by `steps` signed steps of `alpha` from one uniform start. Unlike
  Algorithm 2, it goes on with examples that are misclassified already.
  """
  del generator
  attack = config.pixel_attack
  if attack.eps < 0:
    raise ValueError(f'pixel_attack.eps is {attack.eps}, expected >= 0')
  project_fn = attacks.compose(attacks.linf_ball, attacks.box_fn(0.0, 1.0))

  def method(rng, logits_fn, batch, generator_params):
    del generator_params
    clean = _clean(batch, num_classes)

    def loss_fn(image):
      # The truth in place of the prediction: nothing counts as broken, so that
      # the attack goes on and keeps the highest loss.
      return cross_entropy(logits_fn(image), clean.target), clean.target

    result = attacks.pgd(
      loss_fn,
      rng,
      attacks.uniform_start_fn(batch.image, attack.eps),
      batch.label,
      restarts=1,
      steps=attack.steps,
      alpha=attack.alpha,
      eps=attack.eps,
      center=batch.image,
      project_fn=project_fn,
    )
    return clean._replace(image=result.x)

  return method


def randmix(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator,
) -> Method:
  """RandMix (Eq. 6): dec(enc(x)_∥, map(z)_⊥) for one random z per example."""

  def mix(rng, logits_fn, batch, generator_params, draw_fn):
    del logits_fn
    z_par, _ = mixing.split_latents(batch.latents, generator.split)
    z_perp = mixing.map_fine(generator, generator_params, draw_fn(rng))
    activations = generator.coarse(generator_params, z_par)
    return generator.fine(generator_params, activations, z_perp)

  return _mixed(mix, config, num_classes, generator)


def advmix(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator,
) -> Method:
  """AdvMix (Eq. 4): the worst mix that Algorithm 2 finds, with config.attack.

  Coarse activations are computed once per batch. An example that is
  misclassified as it is stays as it is, as do those for which no mix has a
  higher loss than the clean image (x~ <- x at the start of Algorithm 2).
  """
  attack = config.attack
  attacks.attack_options(attack)  # Bad options fail here rather than in a step.

  def mix(rng, logits_fn, batch, generator_params, draw_fn):
    z_par, _ = mixing.split_latents(batch.latents, generator.split)
    result, kept_clean = attacks.algorithm2(
      *(rng, logits_fn, batch, generator, generator_params),
      attack=attack,
      draw_fn=draw_fn,
    )
    activations = generator.coarse(generator_params, z_par)
    image = generator.fine(generator_params, activations, result.x)
    return jnp.where(kept_clean[:, None, None, None], batch.image, image)

  return _mixed(mix, config, num_classes, generator)


def _mixed(
  mix: Callable[..., jax.Array],
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator,
) -> Method:
  """The method that mixes all of a batch but its first, clean fraction.

  z is drawn for the whole batch, so that an example meets the same z on one
  device, which mixes the rest alone, and on several, which mix all and then
  put the clean images back.
  """
  fraction = config.mixing.clean_fraction
  if not 0 <= fraction <= 1:
    raise ValueError(
      f'mixing.clean_fraction is {fraction}, expected a number in [0, 1]'
    )

  total = config.optimizer.batch_size

  def method(rng, logits_fn, batch, generator_params):
    clean = _clean(batch, num_classes)
    rows = batch.label.shape[0]
    whole = min(total, rows * parallel.count())
    kept = round(fraction * whole)
    if kept == whole:
      return clean
    first = kept if parallel.count() == 1 else 0
    image = mix(
      *(rng, logits_fn, jax.tree.map(lambda a: a[first:], batch)),
      generator_params,
      lambda key: mixing.random_z(generator, key, rows)[first:],
    )
    image = jnp.concatenate([batch.image[:first], image])
    if kept > first:
      clean_rows = parallel.among_first(kept, image)
      image = jnp.where(clean_rows, batch.image, image)
    return clean._replace(image=jax.lax.stop_gradient(image))

  return method


METHODS = {
  'nominal': nominal,
  'mixup': mixup,
  'adversarial_training': adversarial_training,
  'randmix': randmix,
  'advmix': advmix,
}


def check_name(name: str) -> None:
  """Raises ValueError for a name that isn't in METHODS."""
  if name not in METHODS:
    raise ValueError(f'method is {name!r}, expected one of {tuple(METHODS)}')


def make_method(
  name: str,
  config: ml_collections.ConfigDict,
  *,
  num_classes: int,
  generator: types.Generator | None = None,
) -> Method:
  """Returns the method of that name.

  Args:
    name: A key of METHODS.
    config: The run's config; a method reads the section of its name, 'mixing',
      'pixel_attack' or 'attack'.
    num_classes: K.
    generator: Needed for the methods in NEEDS_LATENTS.

  Raises:
    ValueError: Unknown name, no generator where one is needed, or a bad option.
  """
  check_name(name)
  if name in NEEDS_LATENTS and generator is None:
    raise ValueError(f'method {name!r} needs a generator, got None')
  return METHODS[name](config, num_classes, generator)
