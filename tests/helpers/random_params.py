"""Networks that nobody has trained. Contents: draw, save_stylegan."""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax.generators import stylegan


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


def save_stylegan(path, fields, **metadata):
  """Writes a StyleGAN's file with drawn parameters; returns the path.

  Args:
    path: of the file.
    fields: of stylegan.default_config, those that differ.
    **metadata: what else the file says.
  """
  config = stylegan.default_config()
  config.update(fields)
  params = draw(stylegan.make_generator(config))
  stylegan.save(path, config, params, **metadata)
  return path
