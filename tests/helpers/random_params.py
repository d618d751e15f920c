"""Parameters of a network that nobody has trained. Contents: draw."""

import jax
import jax.numpy as jnp
import numpy as np


def draw(network):
  """Parameters without a zero or a one, drawn by numpy (quick to compile).

  Args:
    network: what has an init(rng), as the generators and discriminators do.
  """
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(network.init, jax.random.key(0))
  return jax.tree.map(
    lambda x: jnp.asarray(rng.normal(size=x.shape), 'float32'), shapes
  )
