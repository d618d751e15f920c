"""A StyleGAN whose training takes seconds. Contents: config, state,
leaves, averaged.
"""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import datasets
from advmix_jax.generators import gan, stylegan


def config(kimg, **fields):
  """The config of a run of `kimg` thousand images; `fields` go to its gan."""
  small = ml_collections.ConfigDict()
  small.seed, small.preset = 0, ''
  small.data = datasets.default_config()
  small.data.num_train = 32
  small.network = stylegan.default_config()
  small.network.update(
    fmaps=(8, 8, 4, 4), latent_size=8, dlatent_size=8, mapping_fmaps=8
  )
  small.gan = gan.default_config()
  small.gan.update(batch_size=8, kimg=kimg, r1_interval=1)
  small.gan.update(fields)
  small.parallel = 'pmap'
  small.log_kimg = small.sample_kimg = small.checkpoint_kimg = 0.016
  return small


def state(config):
  """Random weights and fresh moments, drawn by numpy (quick to compile)."""
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(
    lambda key: gan.init(key, config.network, config.gan), jax.random.key(0)
  )

  def weights(tree):
    return jax.tree.map(
      lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), tree
    )

  zeros = jax.tree.map(
    lambda x: jnp.asarray(np.zeros(x.shape, x.dtype)), shapes
  )
  return zeros._replace(
    generator=weights(shapes.generator),
    discriminator=weights(shapes.discriminator),
    average=weights(shapes.average),
  )


def leaves(path):
  """The arrays of a released network, by name."""
  with np.load(path) as f:
    return {k: f[k] for k in f.files if not k.startswith('__')}


def averaged(images, size):
  """The mean of each block of size x size pixels, in all of its pixels."""
  n, h, w, c = images.shape
  blocks = images.reshape(n, h // size, size, w // size, size, c)
  mean = blocks.mean((2, 4), keepdims=True)
  return np.broadcast_to(mean, blocks.shape).reshape(images.shape)
