"""CelebA (Section 5.2): faces at 64x64, with one attribute as the label.

  python experiments/train.py --config=configs/celeba.py \
    --config.data.data_dir=celeba --config.data.attribute=Smiling

The generator is the one of faces that ships; with `--config.generator.path` it
is your own. The attack is that of the paper: N_r = 5 restarts in training and
10 in evaluation. Every field can be overridden on the command line.
"""

import ml_collections

from advmix_jax import training
from advmix_jax.runtime import shipped


def get_config() -> ml_collections.ConfigDict:
  """Returns the config of a classifier of faces."""
  config = training.default_config('celeba')
  config.generator.path = str(shipped.DATA / 'face_generator.npz')
  config.optimizer.epochs = 20
  return config
