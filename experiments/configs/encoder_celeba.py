"""The learned start of Algorithm 1, for a generator of faces.

  python experiments/train_encoder.py --config=configs/encoder_celeba.py \
    --config.data.data_dir=celeba --generator=runs/faces/generator.npz \
    --output_dir=runs/faces

It is trained on CelebA's training images, without labels, as the generator is.
"""

import ml_collections

from advmix_jax import datasets, generators
from advmix_jax.encoder import algorithm1, learned_start


def get_config() -> ml_collections.ConfigDict:
  """Returns the config; see the modules for the fields of each part."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config('celeba')
  config.data.mirror = True
  config.generator = generators.stylegan_config()
  config.inversion = learned_start.large_config()
  config.encoder = algorithm1.default_config()
  return config
