"""StyleGAN of faces, trained on CelebA's images at 64x64 (Section 5.2).

  python experiments/train_stylegan.py --config=configs/stylegan_celeba.py \
    --config.data.data_dir=celeba --workdir=runs/faces

It is unconditional, as in the paper, and sees each image and its mirror image.
It grows from 16x16 and mixes styles, as the official code does, and has no
noise inputs: an attack and an encoder need images that their latents decide.
The paper mixes the upper four of nine resolutions, at 128 to 1024 pixels; here
these are the last two of five, layers 6 to 9 of 10, at 32 and 64 pixels.
docs/faces.md has what came out.
"""

import ml_collections

from advmix_jax import datasets
from advmix_jax.generators import gan, stylegan


def get_config() -> ml_collections.ConfigDict:
  """Every field of a generator's training; see the modules for each part."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config('celeba')
  config.data.mirror = True
  config.preset = ''  # Or a size for any images: presets.PRESETS.
  config.network = stylegan.default_config()
  config.network.resolution = 64
  config.network.fmaps = (128, 128, 64, 32, 16)
  config.network.latent_size = 128
  config.network.dlatent_size = 64
  config.network.mapping_fmaps = 128
  config.network.split = 6
  config.network.use_noise = False
  config.gan = gan.default_config()
  config.gan.kimg = 310.0
  config.gan.decay_kimg = 80.0
  config.gan.start_resolution = 16
  config.gan.learning_rate = 2e-3
  config.gan.r1_gamma = 0.1
  config.gan.style_mixing = 0.9
  config.parallel = 'pmap'  # Several devices: 'pmap' | 'sharding'.
  config.log_kimg = 2.0  # Metrics.
  config.sample_kimg = 20.0  # Style-mixing grids in WORKDIR/samples.
  config.checkpoint_kimg = 10.0
  return config
