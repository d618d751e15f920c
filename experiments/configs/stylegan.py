"""StyleGAN on colour-biased digits: the generator that ships with advmix_jax.

Section 5.1 of arXiv:1912.03192 trains its generator on the biased training
digits; so does this, at sigma = 0 and with the embedded digits:

  python experiments/train_stylegan.py --config=configs/stylegan.py

In it the colour is the label, so no real image shows a digit in another's
colour. The generator learns to mix them all the same, from these images and
their labels alone:

- The first fine layer has one map (`split_fmaps`). Its instance norm, and the
  tanh after it (`split_bounded`), leave the coarse latents little to say about
  colour.
- The layers after it have no instance norm (`fine_norm`), so that thin and
  broad strokes can have one brightness.
- It is conditional on the class, and most fakes take their fine latents from
  another z of their class (style mixing at the split): they have to suit all
  shapes of their class.
- The discriminator sees how much the samples of a class differ
  (`mbstd_by_class`): otherwise each class is drawn in few ways.

There is no progressive growing (32x32 is small). docs/generator.md has every
try.
"""

import ml_collections

from advmix_jax import datasets
from advmix_jax.datasets.digits import NUM_CLASSES
from advmix_jax.generators import gan, stylegan


def get_config() -> ml_collections.ConfigDict:
  """Every field of a generator's training; see the modules for each part."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.data = datasets.default_config()
  config.preset = ''  # Or a size for any images: presets.PRESETS.
  config.network = stylegan.default_config()
  config.network.label_size = NUM_CLASSES  # 0: not conditional.
  config.network.split_fmaps = 1
  config.network.split_bounded = True
  config.network.fine_norm = False
  config.network.mbstd_by_class = True
  config.gan = gan.default_config()
  config.gan.kimg = 240.0
  config.gan.decay_kimg = 100.0
  config.gan.r1_gamma = 1.0
  config.gan.clip = True
  config.gan.style_mixing = 0.9
  config.gan.mixing_cut = 'split'
  config.parallel = 'pmap'  # Several devices: 'pmap' | 'sharding'.
  config.log_kimg = 2.0  # Metrics.
  config.sample_kimg = 10.0  # Style-mixing grids in WORKDIR/samples.
  config.checkpoint_kimg = 10.0
  return config
