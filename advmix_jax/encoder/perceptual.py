"""The perceptual network of Algorithm 1: three activations of a VGG.

Algorithm 1 compares images by the activations "after the second convolution of
the first three blocks" of a VGG. `features` runs any network of this structure:

  block i = 1, 2, 3:  conv<i>_1, ReLU, conv<i>_2, ReLU -> activation, max-pool

with 3x3 convolutions; the parameters define the widths. The first three blocks
of VGG-16 begin in this way (widths 64, 128, 256), so the same function runs its
weights; checkpoints_convert/convert_vgg.py stores them under these names.

The shipped network is small; experiments/assets/train_features.py made it. As
with VGG-16, labels were used to train the network and never to encode an image.

  features_fn = perceptual.load('features.npz')
  activations = features_fn(images)  # [B, 32, 32, 8], [B, 16, 16, 16], ...

Contents: BLOCKS, Trunk, features, make_features_fn, save, load.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from advmix_jax import classifiers, ops, types
from advmix_jax.runtime import files

BLOCKS = 3
_KIND = 'perceptual_network'


class Trunk(hk.Module):
  """The convolutions: images [B, H, W, 3] in [0, 1] -> three activations."""

  def __init__(self, widths: tuple[int, ...], name: str = 'vgg'):
    """Initialises for `widths` channels, one number per block."""
    super().__init__(name=name)
    self._widths = widths

  def __call__(self, images: jax.Array) -> list[jax.Array]:
    """Activations [B, H, W, C1], [B, H/2, W/2, C2], [B, H/4, W/4, C3]."""
    channels = images.shape[-1:]
    mean = hk.get_parameter(
      'mean', channels, init=hk.initializers.Constant(0.5)
    )
    std = hk.get_parameter('std', channels, init=hk.initializers.Constant(0.5))
    # Activations are divided by these, so that all levels weigh the same.
    rms = hk.get_parameter('rms', [BLOCKS], init=jnp.ones)
    stop = jax.lax.stop_gradient
    x, found = (images - stop(mean)) / stop(std), []
    for i, width in enumerate(self._widths):
      for j in (1, 2):
        conv = classifiers.Conv(width, name=f'conv{i + 1}_{j}')
        x = jax.nn.relu(conv(x))
      found.append(x / stop(rms)[i])
      x = ops.max_pool2d(x)
    return found


def _trunk(widths):
  return hk.without_apply_rng(hk.transform(lambda x: Trunk(widths)(x)))


def features(params: types.Params, images: jax.Array) -> list[jax.Array]:
  """Activations after the second convolution of the first three blocks.

  Args:
    params: of the network; the lengths of its biases are the widths.
    images: [B, H, W, 3] in [0, 1]; 4 divides H and W.

  Returns:
    [B, H, W, C1], [B, H/2, W/2, C2], [B, H/4, W/4, C3]. Those of the small
    network have mean square 1 over its training images; those of a converted
    VGG-16 are not scaled.
  """
  widths = tuple(len(params[f'vgg/conv{i + 1}_2']['b']) for i in range(BLOCKS))
  return _trunk(widths).apply(params, images)


def make_features_fn(
  params: types.Params,
) -> Callable[[jax.Array], list[jax.Array]]:
  """Binds `params` to `features`, as a pytree: jit sees no constants."""
  return jax.tree_util.Partial(features, jax.tree.map(jnp.asarray, params))


def save(
  path: str | os.PathLike, params: types.Params, metadata: Mapping[str, Any]
) -> None:
  """Writes a perceptual network as a portable `.npz`."""
  files.save_npz(path, params, metadata, kind=_KIND)


def load(
  path: str | os.PathLike,
) -> Callable[[jax.Array], list[jax.Array]]:
  """Reads what `save` wrote and returns its features_fn.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  return make_features_fn(files.load_npz(path, kind=_KIND)[0])
