"""What the encoder of Colored-MNIST is made of: perceptual network and start.

  python experiments/train_encoder.py --config=configs/encoder.py

The embedded training digits at sigma = 0, as for the generator. Labels are
used for the perceptual network and the judge (as VGG-16's were), never for the
learned start or for Algorithm 1.
"""

import ml_collections

from advmix_jax import datasets
from advmix_jax.encoder import algorithm1, learned_start, perceptual


def get_config() -> ml_collections.ConfigDict:
  """Returns the config; see the modules for the fields of each part."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config()
  config.features = perceptual.default_config()
  config.inversion = learned_start.default_config()
  config.inversion.steps = 1800
  config.encoder = algorithm1.default_config()
  return config
