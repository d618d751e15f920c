"""IRM: training that looks for a read-out that is best in every environment.

IRMv1 (arXiv:1907.02893, Equation 2) adds to the loss, for each environment e,
the squared gradient of its risk R_e with respect to a scale s of the logits:

  P = mean_e |d R_e(s * logits) / ds|^2 at s = 1

It is zero where no rescaling of the logits lowers the risk of any environment.
For cross-entropy the gradient has a closed form, without a second derivative:

  d R_e / ds = mean_{i in e} <softmax(logits_i) - target_i, logits_i>

A batch holds few examples of an environment, and the square of their mean is
mostly noise: in expectation it is the true square plus a variance. So the
square is estimated without bias, by the products of different examples:

  |d R_e / ds|^2 ~ mean_{i != j in e} g_i g_j,  g_i = <softmax - target, logits>

which is the mean over all ways to give IRM's minibatch form its two halves.

The environments are a grouping of the data set, which config.environment names.
They have to differ in how well the shortcut predicts the label. The colours of
Colored-MNIST cannot make IRM robust, for two reasons:

- Where colour is the label (sigma = 0), each environment has one class only,
  and naming it with certainty, which nominal training does by reading the
  colour, makes all R_e and the penalty zero.
- At larger sigma the colour that a digit looks like ('nearest_color') is still
  seen in the image. A classifier that reads it and gives each class its share
  in that colour is right in every environment: its penalty is zero.

The colour that a digit drew ('color') is the label in the biased training set,
whatever sigma is.

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

  P is the mean over the environments with two examples or more in the batch, 0
  if there is none; it may be negative, for it is an estimate. Above weight 1,
  the train step divides the whole loss by the weight, as the official code
  does.

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
      "'nearest_color': the method 'irm' needs environments"
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
    return _mean_product(slope, examples.environment, size)

  return types.Method(
    nominal(config, num_classes, generator).examples_fn,
    penalty_fn,
    lambda step: jnp.where(step < anneal_steps, 1.0, weight),
  )


def _mean_product(
  slope: jax.Array,  # [B]
  environment: jax.Array,  # [B] int32
  size: int,
) -> jax.Array:
  """This device's part of mean_e mean_{i != j in e} slope_i slope_j.

  An environment spans all devices, so each of them sees all rows. Every row of
  an environment of n rows stands for 1 / n of it: their number need not be
  known, and environments with one row do not count.

  Args:
    slope: One value per example of this device.
    environment: Of each example; any integers.
    size: Number of examples in the whole batch, without padding rows.
  """
  slope, environment = parallel.gather(slope), parallel.gather(environment)
  counted = jnp.arange(len(slope)) < size
  same = (environment[:, None] == environment) & counted  # [M, M]
  rows = same.sum(-1)
  paired = counted & (rows > 1)
  others = jnp.where(same, slope, 0).sum(-1) - slope  # Of the same environment.
  part = jnp.where(paired, 1 / jnp.maximum(rows, 1), 0)
  product = slope * others / jnp.maximum(rows - 1, 1)
  total = jnp.maximum(part.sum(), 1)  # The number of environments.
  return (part * product).sum() / total / parallel.count()
