"""StyleGAN on colour-biased digits: the generator that ships with advmix_jax.

Section 5.1 of arXiv:1912.03192 trains its generator on the biased training
digits; so does this, at sigma = 0 and with the embedded digits:

  python experiments/train_stylegan.py --config=configs/stylegan.py

There is no style mixing (colour = label, so mixes are off the data and the
discriminator would punish them) and no progressive growing (32x32 is small).
"""

import ml_collections

from advmix_jax import datasets, gan, stylegan


def get_config() -> ml_collections.ConfigDict:
  """Every field of a generator's training; see the modules for each part."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config()
  config.network = stylegan.default_config()
  config.gan = gan.default_config()
  config.parallel = 'pmap'  # Several devices: 'pmap' | 'sharding'.
  config.log_kimg = 2.0  # Metrics.
  config.sample_kimg = 10.0  # Style-mixing grids in WORKDIR/samples.
  config.checkpoint_kimg = 10.0
  return config
