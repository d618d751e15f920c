"""The architecture of a StyleGAN: its fields, their defaults, and what fits.

Contents: default_config, check.
"""

import ml_collections

from advmix_jax.datasets import class_shares
from advmix_jax.generators.stylegan_modules import num_layers

_MOST_CHANNELS = 4


def default_config() -> ml_collections.ConfigDict:
  """Architecture of a small generator of 32x32 images.

  Returns:
    resolution: a power of two, at least 4. num_channels: of the image. grey:
    these channels are equal. fmaps: channels at 4x4, 8x8, ..., up to the
    resolution. dense_fmaps: width of the discriminator's first dense layer, 0 =
    fmaps[0]. latent_size: Z. dlatent_size: D. mapping_fmaps, mapping_layers:
    the mapping network. mapping_lrmul: learning-rate multiplier of the mapping.
    label_size: classes of a conditional network, 0 = none. split: S, the number
    of coarse layers. mbstd_group_size: the discriminator's stddev groups.
    mbstd_by_class: a group is the samples of one class, where labels are known;
    so the discriminator sees whether a class is drawn in too few ways.
    split_fmaps: channels of layer S, the first one with a fine style, 0 = as
    fmaps says. Few of them (1) make a narrow gate for all that the coarse
    latents tell the fine layers. split_bounded: these maps pass through tanh,
    too; they then tell a shape, hardly a colour. fine_norm: whether the layers
    after S have an instance norm. With it, thin shapes tend to be brighter than
    broad ones. use_noise: whether the layers have noise inputs, as the official
    ones do; without them, an image is all from its latents. label_frequencies:
    shares of the classes among the samples, () = all equal. lod: how often the
    resolution is halved; above 0, maybe no integer, in one that was growing.
  """
  return ml_collections.ConfigDict(
    {
      'resolution': 32,
      'num_channels': 3,
      'grey': False,
      'fmaps': (64, 64, 32, 16),
      'dense_fmaps': 0,
      'latent_size': 64,
      'dlatent_size': 32,
      'mapping_fmaps': 64,
      'mapping_layers': 4,
      'mapping_lrmul': 0.01,
      'label_size': 0,
      'label_frequencies': (),
      'split': 6,
      'split_fmaps': 0,
      'split_bounded': False,
      'fine_norm': True,
      'use_noise': True,
      'mbstd_group_size': 4,
      'mbstd_by_class': False,
      'lod': 0.0,
    }
  )


def check(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError for an architecture that cannot be built."""
  size = config.resolution
  if size < 4 or size & (size - 1):
    raise ValueError(f'resolution must be a power of two >= 4, got {size}')
  if any(type(n) is not int for n in config.fmaps):
    raise ValueError(f'fmaps must be whole numbers, got {tuple(config.fmaps)}')
  if config.num_channels > _MOST_CHANNELS:
    raise ValueError(
      f'num_channels must be in 1..{_MOST_CHANNELS}, got {config.num_channels}'
    )
  blocks = num_layers(config) // 2
  if len(config.fmaps) != blocks:
    raise ValueError(
      f'fmaps must list {blocks} widths (4x4 to {size}x{size}), '
      f'got {tuple(config.fmaps)}'
    )
  if not 0 < config.split < num_layers(config):
    raise ValueError(
      f'split must be in 1..{num_layers(config) - 1}, got {config.split}'
    )
  if not 0 <= config.lod <= blocks - 1:
    raise ValueError(f'lod must be in 0..{blocks - 1}, got {config.lod}')
  if config.split_fmaps < 0:
    raise ValueError(f'split_fmaps must be >= 0, got {config.split_fmaps}')
  _check_frequencies(config.label_frequencies, config.label_size)


def _check_frequencies(shares, classes):
  if shares and not class_shares.are_shares(shares, classes):
    raise ValueError(
      f'label_frequencies must be {classes} shares >= 0 that sum to 1, or (), '
      f'got {tuple(shares)}'
    )
