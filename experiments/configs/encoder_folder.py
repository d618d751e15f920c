"""The learned start of Algorithm 1 for your own images: command 2.

  python experiments/train_encoder.py --config=configs/encoder_folder.py \
    --config.data.data_dir=birds --generator=runs/birds/generator.npz \
    --output_dir=runs/birds --workdir=runs/birds/encoder --encode=train,test

`configs/encoder_folder.py:arrays` reads `--config.data.path=cells.npz`. It is
trained on the training images, without labels. docs/own-data.md has the rest.
"""

import ml_collections

from advmix_jax import datasets, generators
from advmix_jax.encoder import algorithm1, learned_start


def get_config(source: str = 'folder') -> ml_collections.ConfigDict:
  """Returns the config; `source` is a name of data sets."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config(source)
  config.generator = generators.stylegan_config()
  config.inversion = learned_start.large_config()
  config.encoder = algorithm1.default_config()
  return config
