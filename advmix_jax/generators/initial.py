"""Initial weights of a StyleGAN, drawn by NumPy.

Haiku draws each weight by an operation of its own, and JAX compiles one for
each shape: 35 seconds of CPU time for a small generator and its discriminator.
Here Haiku only says which shape and distribution each weight has.

Contents: draw.
"""

from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types


def draw(
  function: Callable[..., Any], rng: jax.Array, *args: Any
) -> types.Params:
  """Returns what `hk.transform(function).init(rng, *args)` does, faster.

  The random numbers are others, of the same distribution. Inside of a compiled
  function NumPy has no key, and Haiku draws them.

  Args:
    function: of Haiku modules. Its initializers are RandomNormal, jnp.zeros and
      jnp.ones, as those of StyleGAN are.
    rng: key; the weights are a pure function of it.
    *args: inputs of the function; only their shapes are read.

  Raises:
    ValueError: another initializer.
  """
  if isinstance(rng, jax.core.Tracer):
    return hk.transform(function).init(rng, *args)
  initializers = {}

  def note(create, shape, dtype, init, context):
    initializers[context.full_name] = init
    return create(shape, dtype, init)

  def noted(*args):
    with hk.custom_creator(note):
      return function(*args)

  shapes = jax.eval_shape(hk.transform(noted).init, rng, *args)
  numbers = np.random.default_rng(np.asarray(jax.random.key_data(rng)))
  return {
    module: {
      name: _values(numbers, leaf, initializers[f'{module}/{name}'])
      for name, leaf in sorted(weights.items())
    }
    for module, weights in sorted(shapes.items())
  }


def _values(numbers, leaf, init):
  """One weight of that shape and type."""
  if init in (jnp.zeros, jnp.ones):
    return jnp.asarray(np.full(leaf.shape, init is jnp.ones, leaf.dtype))
  if not isinstance(init, hk.initializers.RandomNormal):
    raise ValueError(f'cannot draw weights of {init}')
  normal = numbers.standard_normal(leaf.shape, np.float32)
  return jnp.asarray(init.mean + init.stddev * normal, leaf.dtype)
