"""The classifiers that methods train: a truncated VGG and a linear model.

The paper's truncated VGG (Section 5, "Training") has 5 layers; their widths
aren't given. Here they are convolutions of w, w | 2w, 2w | 4w channels (3x3,
ReLU) with a 2x2 max-pool at each bar and at the end, and a linear read-out.
With w = 16 a step on 64 images of 32x32 costs about 2.8 GFLOP.

  classifier = make_classifier(config.classifier, num_classes=10)
  params = classifier.init(rng, image)
  logits = classifier.apply(params, image)  # [B, K]

Images come in [0, 1] and are shifted to [-1, 1] inside. Every image is
classified on its own: logits don't depend on the rest of the batch.

Contents: default_config, Classifier, Conv, TruncatedVGG, Linear,
make_classifier, features, save, check_classes, load.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import ops, types
from advmix_jax.ops import norms
from advmix_jax.runtime import files, options, untrusted

NAMES = ('vgg', 'linear')
_KIND = 'classifier'  # In the metadata of a release.


def default_config() -> ml_collections.ConfigDict:
  """Which classifier: name, one of NAMES; width, w of the truncated VGG."""
  return ml_collections.ConfigDict({'name': 'vgg', 'width': 16})


class Classifier(NamedTuple):
  """A model as a value of pure functions."""

  init: Callable[..., types.Params]  # (rng, image [B, H, W, C]) -> params
  apply: Callable[..., jax.Array]  # (params, image) -> logits [B, K]


class Conv(hk.Module):
  """A 3x3 convolution with bias, same size, by `ops.conv2d`."""

  def __init__(self, channels: int, *, name: str | None = None):
    """Initialises for `channels` outputs; He-normal weights, zero bias."""
    super().__init__(name=name)
    self._channels = channels

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, channels]."""
    shape = (3, 3, x.shape[-1], self._channels)
    w = hk.get_parameter('w', shape, init=hk.initializers.VarianceScaling(2.0))
    b = hk.get_parameter('b', shape[-1:], init=jnp.zeros)
    return norms.add_bias(ops.conv2d(x, w), b)


class TruncatedVGG(hk.Module):
  """Five convolution layers in three blocks, then a linear read-out."""

  def __init__(self, num_classes: int, *, width: int, name: str = 'vgg'):
    """Initialises for K logits and `width` channels in the first block."""
    super().__init__(name=name)
    self._num_classes = num_classes
    self._blocks = ((width, width), (2 * width, 2 * width), (4 * width,))

  def __call__(self, image: jax.Array) -> jax.Array:
    """Maps images [B, H, W, C] in [0, 1] to logits [B, K]; 8 divides H, W."""
    if image.shape[1] % 8 or image.shape[2] % 8:
      raise ValueError(
        f'images are {image.shape[1]}x{image.shape[2]}, expected multiples of '
        "8 for classifier.name 'vgg'; 'linear' takes any"
      )
    x = 2 * image - 1
    for i, block in enumerate(self._blocks):
      for j, channels in enumerate(block):
        x = Conv(channels, name=f'conv{i + 1}_{j + 1}')(x)
        if j == len(block) - 1:
          x = ops.max_pool2d(x)  # Before the ReLU: the same, on fewer pixels.
        x = jax.nn.relu(x)
    return hk.Linear(self._num_classes, name='logits')(hk.Flatten()(x))


class Linear(hk.Module):
  """Multinomial logistic regression on pixels."""

  def __init__(self, num_classes: int, *, name: str = 'linear'):
    """Initialises for K logits."""
    super().__init__(name=name)
    self._num_classes = num_classes

  def __call__(self, image: jax.Array) -> jax.Array:
    """Maps images [B, H, W, C] in [0, 1] to logits [B, K]."""
    x = hk.Flatten()(2 * image - 1)
    return hk.Linear(self._num_classes, name='logits')(x)


def make_classifier(
  config: ml_collections.ConfigDict, num_classes: int
) -> Classifier:
  """Returns the classifier that `config` names.

  Args:
    config: `name`, one of NAMES, and for 'vgg' its `width` in channels. What it
      lacks is as in `default_config`.
    num_classes: K.

  Raises:
    ValueError: Unknown name, or a width below 1.
  """
  config = default_config().to_dict() | config.to_dict()
  config = ml_collections.FrozenConfigDict(config)
  if config.name not in NAMES:
    raise ValueError(
      f'classifier.name is {config.name!r}, expected one of {NAMES}'
    )
  if config.name == 'vgg' and config.width < 1:
    raise ValueError(f'classifier.width is {config.width}, expected >= 1')
  return _make(config, num_classes)


@functools.lru_cache(maxsize=8)
def _make(
  config: ml_collections.FrozenConfigDict, num_classes: int
) -> Classifier:
  """The same functions for the same config, so that jit compiles them once."""

  def logits(image: jax.Array) -> jax.Array:
    if config.name == 'linear':
      return Linear(num_classes)(image)
    return TruncatedVGG(num_classes, width=config.width)(image)

  net = hk.without_apply_rng(hk.transform(logits))
  return Classifier(init=net.init, apply=net.apply)


def features(
  classifier: Classifier,
  params: types.Params,
  image: jax.Array,  # [B, H, W, C] in [0, 1]
) -> jax.Array:
  """What the linear read-out sees, [B, F]: logits = features @ w + b.

  F is 4 * width * H * W / 64 for 'vgg', H * W * C for 'linear'.
  """
  seen = []

  def watch(call, args, kwargs, context):
    if context.method_name == '__call__' and context.module.name == 'logits':
      seen.append(args[0])
    return call(*args, **kwargs)

  with hk.intercept_methods(watch):
    classifier.apply(params, image)
  (found,) = seen
  return found


def save(
  path: str | os.PathLike,
  config: ml_collections.ConfigDict,
  params: types.Params,
  *,
  num_classes: int,
  classes: Sequence[str] = (),
) -> None:
  """Writes a portable `.npz` with the parameters and their architecture.

  `classes` are their names, if the data have any, for `check_classes`.
  """
  metadata = {'config': config.to_dict(), 'num_classes': num_classes}
  if classes:
    metadata['classes'] = list(classes)
  files.save_npz(path, params, metadata, kind=_KIND)


def check_classes(
  path: str | os.PathLike, classes: Sequence[str], kind: str = _KIND
) -> None:
  """Checks that a network's classes are those of the data.

  Args:
    path: of what `save` wrote, or of another file that notes its classes.
    classes: names of the data's classes, (): they have none.
    kind: of the file.

  Raises:
    ValueError: They have other names, or another order.
    FileNotFoundError, ValueError: As `load`.
  """
  trained = files.load_npz(path, kind=kind)[1].get('classes')
  if trained and classes and list(classes) != trained:
    ours, theirs = ', '.join(map(str, trained)), ', '.join(classes)
    raise ValueError(
      f'{path}: the classes were {ours[:200]} in training, the data now have '
      f'{theirs[:200]}'
    )


def load(path: str | os.PathLike) -> tuple[Classifier, types.Params]:
  """Reads what `save` wrote.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  params, metadata = files.load_npz(path, kind=_KIND)
  with untrusted.reading(path, 'corrupt'):
    config = options.fill(default_config(), metadata['config'], 'config')
    return make_classifier(config, int(metadata['num_classes'])), params
