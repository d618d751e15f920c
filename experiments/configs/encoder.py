"""The learned start of Algorithm 1, for the generator of Colored-MNIST.

  python experiments/train_encoder.py --config=configs/encoder.py

It is trained on the embedded training digits at sigma = 0, as the generator is,
and without labels.
"""

import ml_collections

from advmix_jax import datasets, generators
from advmix_jax.encoder import algorithm1, learned_start


def get_config() -> ml_collections.ConfigDict:
  """Returns the config; see the modules for the fields of each part."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config()
  config.generator = generators.stylegan_config()
  config.inversion = learned_start.default_config()
  config.inversion.steps = 1800
  config.encoder = algorithm1.default_config()
  return config
