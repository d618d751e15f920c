"""The perceptual network of Algorithm 1: three activations of VGG-16.

Algorithm 1 compares images by the activations "after the second convolution of
the first three blocks" of a VGG. `features` runs any network of this structure:

  block i = 1, 2, 3:  conv<i>_1, ReLU, conv<i>_2, ReLU -> activation, max-pool

with 3x3 convolutions; the parameters define the widths (VGG-16: 64, 128, 256).
The last max-pool is left out, since nothing reads it.

VGG-16 ships with the package (Simonyan and Zisserman 2015, arXiv:1409.1556,
trained on ImageNet, CC BY 4.0), up to conv3_2 and in 16-bit floats;
checkpoints_convert/convert_vgg.py reads it from other files. It has seen no
digit.

  features_fn = perceptual.load()
  activations = features_fn(images)  # [B, 32, 32, 64], [B, 16, 16, 128], ...

Contents: BLOCKS, path, features, pooled, make_features_fn, save, load.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import ops, types
from advmix_jax.ops import norms
from advmix_jax.runtime import files, shipped

BLOCKS = 3
_KIND = 'perceptual_network'


def path(name: str | os.PathLike = '') -> pathlib.Path:
  """File of a perceptual network; '' is the VGG-16 that ships."""
  return pathlib.Path(name) if str(name) else shipped.DATA / 'vgg16.npz'


def features(params: types.Params, images: jax.Array) -> list[jax.Array]:
  """Activations after the second convolution of the first three blocks.

  Args:
    params: of the network; 'vgg' has the mean and the standard deviation that
      normalise its input, 'vgg/conv<i>_<j>' the weights w and b.
    images: [B, H, W, 3] in [0, 1]; 4 divides H and W.

  Returns:
    [B, H, W, C1], [B, H/2, W/2, C2], [B, H/4, W/4, C3], at least 0 and not
    normalised: VGG-16's are in the hundreds.
  """
  x, found = (images - params['vgg']['mean']) / params['vgg']['std'], []
  for i in range(BLOCKS):
    x = ops.max_pool2d(x) if i else x
    for j in range(2):
      layer = params[f'vgg/conv{i + 1}_{j + 1}']
      x = ops.winograd_conv2d(x, layer['w'])
      x = jax.nn.relu(norms.add_bias(x, layer['b']))
    found.append(x)
  return found


def pooled(activations: Sequence[jax.Array]) -> jax.Array:
  """One vector per image, for distances between sets of images.

  Args:
    activations: what `features` returns, [B, H_i, W_i, C_i] each.

  Returns:
    [B, C_1 + C_2 + C_3], the means over the pixels.
  """
  return jnp.concatenate([a.mean((1, 2)) for a in activations], axis=-1)


def make_features_fn(
  params: types.Params,
) -> Callable[[jax.Array], list[jax.Array]]:
  """Binds `params` to `features`, as a pytree: jit sees no constants."""
  cast = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
  return jax.tree_util.Partial(features, cast)


def save(
  path: str | os.PathLike,
  params: types.Params,
  metadata: Mapping[str, Any],
  *,
  half: bool = False,
) -> None:
  """Writes a perceptual network as a portable `.npz`.

  Args:
    path: the file.
    params: as `features` takes them.
    metadata: JSON values.
    half: stores the weights in 16-bit floats; the mean and the standard
      deviation of the input stay in 32 bits.
  """
  if half:
    weights = {k: v for k, v in params.items() if k != 'vgg'}
    params = params | jax.tree.map(np.float16, weights)
  files.save_npz(path, params, metadata, kind=_KIND)


def load(
  name: str | os.PathLike = '',
) -> Callable[[jax.Array], list[jax.Array]]:
  """Returns the features_fn of a file that `save` wrote; '' is VGG-16's.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  needed = ['vgg/mean', 'vgg/std'] + [
    f'vgg/conv{i}_{j}/{leaf}'
    for i in range(1, BLOCKS + 1)
    for j in (1, 2)
    for leaf in 'wb'
  ]
  params, _ = files.load_npz(path(name), kind=_KIND, needed=needed)
  return make_features_fn(params)
