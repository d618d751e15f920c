"""Adversarial training on pixels: the worst case in a small ball.

Contents: default_config, adversarial_training.
"""

import jax
import ml_collections
import optax

from advmix_jax import attacks, types
from advmix_jax.methods.nominal import clean_examples


def default_config() -> ml_collections.ConfigDict:
  """Options of the attack: eps, its l_inf radius on pixels; alpha; steps."""
  return ml_collections.ConfigDict({'eps': 0.1, 'alpha': 0.025, 'steps': 7})


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

    def loss_fn(image):
      logits = logits_fn(image)
      return optax.softmax_cross_entropy(logits, clean.target), logits

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
      stop_early=False,
    )
    return clean._replace(image=result.x)

  return types.Method(examples_fn)
