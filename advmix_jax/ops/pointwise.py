"""Functions that act on each number of an array.

Contents: clip_unit, clip_towards, leaky_relu.
"""

import jax
import jax.numpy as jnp


def clip_unit(x: jax.Array) -> jax.Array:
  """Clips to [0, 1]; the gradient is 1 within, ends included, and 0 outside.

  `jnp.clip` is made of maximum and minimum, whose gradients ask for equality,
  as `leaky_relu` says.

  Args:
    x: Any shape.

  Returns:
    The same shape, in [0, 1].
  """
  return jnp.where(x < 0, 0.0, jnp.where(x > 1, 1.0, x))


@jax.custom_vjp
def clip_towards(x: jax.Array) -> jax.Array:
  """Clips to [0, 1]; outside, gradients pass only if descent moves x inwards.

  So pixels may saturate at no cost, and gradient descent can still move them
  back into the range.

  Args:
    x: Any shape.

  Returns:
    The same shape, in [0, 1].
  """
  return jnp.clip(x, 0, 1)


def _clip_towards_bwd(x, g):
  outward = ((x < 0) & (g > 0)) | ((x > 1) & (g < 0))
  return (jnp.where(outward, 0, g),)


clip_towards.defvjp(lambda x: (clip_towards(x), x), _clip_towards_bwd)


def leaky_relu(x: jax.Array) -> jax.Array:
  """Leaky rectifier with slope 0.2 and no gain.

  Not `maximum(x, 0.2 * x)`: its gradient asks which of the two equals the
  result. Neither does where a compiled program computes x twice, with other
  rounding.
  """
  return jnp.where(x > 0, x, 0.2 * x)
