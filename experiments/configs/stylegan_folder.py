"""StyleGAN of your own images: command 1 of docs/own-data.md.

  python experiments/train_stylegan.py --config=configs/stylegan_folder.py \
    --config.data.data_dir=birds --workdir=runs/birds

  python experiments/train_stylegan.py \
    --config=configs/stylegan_folder.py:arrays --config.data.path=cells.npz \
    --workdir=runs/cells

The size of the network follows from the images (`preset`). It is unconditional
and sees mirror images too (only of a folder; `data.mirror=False` where left and
right have a meaning).
"""

import ml_collections

from advmix_jax import datasets
from advmix_jax.generators import gan, stylegan


def get_config(source: str = 'folder') -> ml_collections.ConfigDict:
  """Every field of a generator's training; `source` is a name of data sets."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config(source)
  if 'mirror' in config.data:
    config.data.mirror = True
  config.preset = 'auto'  # Or 'small', 'large'; '': as `network` says.
  config.network = stylegan.default_config()
  config.network.use_noise = False
  config.gan = gan.default_config()
  config.gan.kimg = 300.0
  config.gan.decay_kimg = 80.0
  config.gan.learning_rate = 2e-3
  config.gan.r1_gamma = 0.1
  config.gan.clip = True  # As a classifier sees its images.
  config.gan.style_mixing = 0.9
  config.gan.start_resolution = 16
  config.gan.phase_kimg = 30.0  # So that 256x256 is reached, too.
  config.parallel = 'pmap'  # Several devices: 'pmap' | 'sharding'.
  config.log_kimg = 2.0  # Metrics.
  config.sample_kimg = 20.0  # Style-mixing grids in WORKDIR/samples.
  config.checkpoint_kimg = 10.0
  return config
