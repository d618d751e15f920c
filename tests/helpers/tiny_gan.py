"""A StyleGAN whose training takes seconds. Contents: config, leaves."""

import ml_collections
import numpy as np

from advmix_jax import datasets
from advmix_jax.generators import gan, stylegan


def config(kimg, **fields):
  """The config of a run of `kimg` thousand images; `fields` go to its gan."""
  small = ml_collections.ConfigDict()
  small.seed = 0
  small.data = datasets.default_config()
  small.data.num_train = 32
  small.network = stylegan.default_config()
  small.network.update(
    fmaps=(8, 8, 4, 4), latent_size=8, dlatent_size=8, mapping_fmaps=8
  )
  small.gan = gan.default_config()
  small.gan.update(batch_size=8, kimg=kimg, r1_interval=1, mix_consistency=0.1)
  small.gan.update(fields)
  small.parallel = 'pmap'
  small.log_kimg = small.sample_kimg = small.checkpoint_kimg = 0.016
  return small


def leaves(path):
  """The arrays of a released network, by name."""
  with np.load(path) as f:
    return {k: f[k] for k in f.files if not k.startswith('__')}
