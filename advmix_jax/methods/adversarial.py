"""Adversarial training on pixels: the worst case in a small ball.

Contents: default_config, adversarial_training.
"""

import jax
import jax.numpy as jnp
import ml_collections
import optax

from advmix_jax import attacks, types
from advmix_jax.methods.nominal import clean_examples


def default_config() -> ml_collections.ConfigDict:
  """Options of the attack.

  Returns:
    eps: l_inf radius on pixels in [0, 1]. alpha: size of a step. steps: of an
    attack. ramp_steps: training steps in which eps and alpha grow from 0 to
    these values; 0: full strength from the first step on, as in the source. In
    a short training a classifier may then learn nothing at all.
  """
  return ml_collections.ConfigDict(
    {'eps': 0.1, 'alpha': 0.025, 'steps': 7, 'ramp_steps': 0}
  )


def adversarial_training(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> types.Method:
  """Adversarial training (arXiv:1706.06083) on pixels.

  Maximises the loss in the l_inf ball of config.pixel_attack.eps around x and
  in [0, 1], by `steps` signed steps of `alpha` from one uniform start. Unlike
  Algorithm 2, the attack doesn't stop where an example is misclassified.

  Raises:
    ValueError: config.pixel_attack.eps is negative.
  """
  del generator
  attack = config.pixel_attack
  if attack.eps < 0:
    raise ValueError(f'pixel_attack.eps is {attack.eps}, expected >= 0')
  project_fn = attacks.compose(attacks.linf_ball, attacks.box_fn(0.0, 1.0))

  def examples_fn(
    rng: jax.Array,
    logits_fn: types.LogitsFn,
    batch: types.Batch,
    generator_params: types.Params,
  ) -> types.Examples:
    del generator_params
    clean = clean_examples(batch, num_classes)
    strength = _strength(batch.step, attack.ramp_steps)
    eps = strength * attack.eps

    def loss_fn(image):
      logits = logits_fn(image)
      return optax.softmax_cross_entropy(logits, clean.target), logits

    result = attacks.pgd(
      loss_fn,
      rng,
      attacks.uniform_start_fn(batch.image, eps),
      batch.label,
      restarts=1,
      steps=attack.steps,
      alpha=strength * attack.alpha,
      eps=eps,
      center=batch.image,
      project_fn=project_fn,
      stop_early=False,
    )
    return clean._replace(image=result.x)

  return types.Method(examples_fn)


def _strength(step, ramp_steps):
  """The share of eps and alpha at a step; 1 outside of training."""
  if step is None or not ramp_steps:
    return 1.0
  return jnp.minimum(step / ramp_steps, 1.0)
