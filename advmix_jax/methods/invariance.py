"""IRM: training that looks for a read-out that is best in every environment.

IRMv1 (arXiv:1907.02893, Equation 2) adds to the loss, for each environment e,
the squared gradient of its risk R_e with respect to a scale s of the logits:

  P = mean_e |d R_e(s * logits) / ds|^2 at s = 1

It is zero where no rescaling of the logits lowers the risk of any environment.
For cross-entropy the gradient has a closed form, without a second derivative:

  d R_e / ds = mean_{i in e} <softmax(logits_i) - target_i, logits_i>

The environments are a grouping of the data set, which config.environment names.
They have to differ in how well the shortcut predicts the label. The colours of
Colored-MNIST, grouping 'color', do not make IRM robust, for two reasons:

- In the biased training set colour is the label. So each environment has one
  class only, and naming the environment's class with certainty, which nominal
  training does by reading the colour, makes all R_e and the penalty zero.
- Where colours are skewed but not equal to the label, the environment is still
  seen in the image. A classifier that reads the colour and gives each class
  its share in that colour is right in every environment: its penalty is zero.

Contents: default_config, irm.
"""

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import types
from advmix_jax.methods.nominal import nominal
from advmix_jax.runtime import parallel


def default_config() -> ml_collections.ConfigDict:
  """Options of IRM.

  Returns:
    weight: of the penalty, from step `anneal_steps` on; the official code has
    some 1e4 to 1e5 for two environments and full batches. anneal_steps: steps
    with weight 1 before that (official: 100 to 200).
  """
  return ml_collections.ConfigDict({'weight': 1e4, 'anneal_steps': 100})


def irm(
  config: ml_collections.ConfigDict,
  num_classes: int,
  generator: types.Generator | None,
) -> types.Method:
  """IRMv1 on the batch as it is, with the environments of config.environment.

  P is the mean over the environments that are in the batch. Above weight 1, the
  train step divides the whole loss by the weight, as the official code does.
  The square of a mean over few examples is more than the square of the true
  mean: large batches give a more faithful penalty.

  Raises:
    ValueError: No config.environment, a negative weight or anneal_steps; when
      the penalty is computed: the examples have no environment.
  """
  weight, anneal_steps = config.irm.weight, config.irm.anneal_steps
  for name, value in config.irm.items():
    if value < 0:
      raise ValueError(f'irm.{name} is {value}, expected >= 0')
  if not config.environment:
    raise ValueError(
      "environment is '', expected a grouping of the data set, such as "
      "'color': the method 'irm' needs environments"
    )
  size = config.optimizer.batch_size

  def penalty_fn(
    logits_fn: types.LogitsFn, examples: types.Examples
  ) -> jax.Array:
    if examples.environment is None:
      raise ValueError("environment is None, the method 'irm' needs one")
    logits = logits_fn(examples.image)
    error = jax.nn.softmax(logits) - examples.target
    slope = (error * logits).sum(-1)
    return _mean_square(slope, examples.environment, size)

  return types.Method(
    nominal(config, num_classes, generator).examples_fn,
    penalty_fn,
    lambda step: jnp.where(step < anneal_steps, 1.0, weight),
  )


def _mean_square(
  slope: jax.Array,  # [B]
  environment: jax.Array,  # [B] int32
  size: int,
) -> jax.Array:
  """This device's part of mean_e (mean_{i in e} slope_i)^2.

  An environment spans all devices, so each of them sees all rows. Every row of
  an environment of n rows stands for 1 / n of it: their number need not be
  known, and environments without rows do not count.

  Args:
    slope: One value per example of this device.
    environment: Of each example; any integers.
    size: Number of examples in the whole batch, without padding rows.
  """
  slope, environment = parallel.gather(slope), parallel.gather(environment)
  counted = jnp.arange(len(slope)) < size
  same = (environment[:, None] == environment) & counted  # [M, M]
  rows = jnp.maximum(same.sum(-1), 1)
  part = jnp.where(counted, 1 / rows, 0)
  square = (jnp.where(same, slope, 0).sum(-1) / rows) ** 2
  return (part * square).sum() / part.sum() / parallel.count()
