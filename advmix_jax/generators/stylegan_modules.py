"""The Haiku modules of StyleGAN v1 (arXiv:1812.04948), images in [-1, 1].

Written from the paper's equations and compared with reference arrays of the
official network. The names of modules and parameters are part of the file
format; a golden test checks them.

Contents: FUSED_FROM, num_layers, chosen_split, layer_name, Dense, Mapping,
StyleLayer, Synthesis, make_parameters, Discriminator.
"""

import os

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import ops
from advmix_jax.ops import norms
from advmix_jax.runtime import parallel

FUSED_FROM = 128  # From this output size on, official kernels are flipped.


def num_layers(config: ml_collections.ConfigDict) -> int:
  """L = 2 * log2(resolution) - 2, the number of style layers."""
  return 2 * (int(config.resolution).bit_length() - 1) - 2


def chosen_split(
  config: ml_collections.ConfigDict, split: int, path: str | os.PathLike
) -> int:
  """The split that `generator.split` asks for; 0 is the network's own.

  Args:
    config: of a trained network.
    split: wanted number of coarse layers.
    path: the network's file, for errors.

  Raises:
    ValueError: the network has too few layers, or its layers depend on its own
      split: a narrow one (split_fmaps), or fine ones without a norm.
  """
  last = num_layers(config) - 1
  if not 0 <= split <= last:
    raise ValueError(
      f"generator.split is {split}, expected 1 to {last}, or 0 for the file's "
      f'own, {config.split}; {path} has {last + 1} layers'
    )
  gate = config.split_fmaps or config.split_bounded
  fixed = gate or not config.fine_norm
  if fixed and split not in (0, config.split):
    raise ValueError(
      f'generator.split is {split}, expected {config.split}, for which the '
      f"layers of {path} were made, or 0 for the file's own"
    )
  return split or config.split


def _weight(shape, *, gain=2**0.5, lrmul=1.0):
  """Equalized learning rate: a weight is stored unscaled, scaled when used."""
  fan_in = 1
  for size in shape[:-1]:
    fan_in *= size
  w = hk.get_parameter('w', shape, init=hk.initializers.RandomNormal(1 / lrmul))
  return w * (gain / fan_in**0.5 * lrmul)


def _bias(size, *, lrmul=1.0):
  return hk.get_parameter('b', [size], init=jnp.zeros) * lrmul


class Dense(hk.Module):
  """Equalized fully connected layer: [B, I] -> [B, O]."""

  def __init__(
    self,
    size: int,
    *,
    gain: float = 2**0.5,
    lrmul: float = 1.0,
    name: str | None = None,
  ):
    super().__init__(name=name)
    self._size, self._scale = size, {'gain': gain, 'lrmul': lrmul}

  def __call__(self, x: jax.Array) -> jax.Array:
    w = _weight([x.shape[-1], self._size], **self._scale)
    return x @ w + _bias(self._size, lrmul=self._scale['lrmul'])


class Mapping(hk.Module):
  """z [B, Z] -> w [B, L, D], the same w for every layer (Section 2)."""

  def __init__(self, config: ml_collections.ConfigDict, name: str = 'mapping'):
    super().__init__(name=name)
    self._config = config

  def __call__(
    self,
    z: jax.Array,
    labels: jax.Array | None = None,  # [B, classes]
  ) -> jax.Array:
    c = self._config
    # The running mean of w; training updates it, truncation reads it.
    hk.get_parameter('dlatent_avg', [c.dlatent_size], init=jnp.zeros)
    if c.label_size:
      embed = hk.get_parameter(
        'label_concat',
        [c.label_size, c.latent_size],
        init=hk.initializers.RandomNormal(),
      )
      z = jnp.concatenate([z, labels @ embed], axis=-1)
    x = norms.pixel_norm(z)
    for i in range(c.mapping_layers):
      last = i == c.mapping_layers - 1
      size = c.dlatent_size if last else c.mapping_fmaps
      dense = Dense(size, lrmul=c.mapping_lrmul, name=f'dense{i}')
      x = ops.leaky_relu(dense(x))
    return jnp.broadcast_to(x[:, None], (len(x), num_layers(c), x.shape[-1]))


class StyleLayer(hk.Module):
  """One layer of synthesis: source, noise, bias, leaky ReLU, AdaIN.

  The source is the learned constant (layer 0), an upsampling convolution with
  blur (even layers) or a plain convolution (odd layers).
  """

  def __init__(
    self,
    index: int,
    channels: int,
    name: str,
    *,
    norm: bool = True,
    noise: bool = True,
    bounded: bool = False,
  ):
    """Layer `index`; before its style, `norm` and, if `bounded`, tanh."""
    super().__init__(name=name)
    self._index, self._channels, self._norm = index, channels, norm
    self._has_noise, self._bounded = noise, bounded
    self._size = 2 ** (index // 2 + 2)

  def __call__(
    self,
    x: jax.Array | None,  # None for layer 0
    w: jax.Array,  # [B, D]
    rng: jax.Array | None = None,
    *,
    normalised: bool = False,
  ) -> jax.Array:
    """Runs the layer; if x comes from `normalised`, only the style is left."""
    style = Dense(2 * self._channels, gain=1.0, name='style')
    if normalised:
      return norms.modulate(x, style(w))
    x = self._before_norm(x, len(w), rng)
    if self._norm and not self._bounded:  # Both in one: faster.
      return norms.adain(x, style(w))
    return norms.modulate(self._before_style(x), style(w))

  def _before_norm(self, x, batch, rng):
    x = self._source(x, batch)
    if self._has_noise:
      x = x + self._noise(batch, rng)
    return ops.leaky_relu(norms.add_bias(x, _bias(self._channels)))

  def normalised(self, x: jax.Array | None) -> jax.Array:
    """Runs the layer up to its instance norm, just before the style."""
    return self._before_style(self._before_norm(x, len(x), None))

  def _before_style(self, x):
    x = norms.instance_norm(x) if self._norm else x
    return jnp.tanh(x) if self._bounded else x

  def _source(self, x, batch):
    c, s = self._channels, self._size
    if self._index == 0:
      const = hk.get_parameter('const', [1, 4, 4, c], init=jnp.ones)
      return jnp.broadcast_to(const, (batch, 4, 4, c))
    w = _weight([3, 3, x.shape[-1], c])
    if self._index % 2:
      return ops.conv2d(x, w)
    w = w[::-1, ::-1] if s >= FUSED_FROM else w
    return ops.blur2d(ops.upscale_conv2d(x, w))

  def _noise(self, batch, rng):
    s = self._size
    strength = hk.get_parameter(
      'noise_strength', [self._channels], init=jnp.zeros
    )
    stored = hk.get_parameter(
      'noise', [1, s, s, 1], init=hk.initializers.RandomNormal()
    )
    if rng is None:
      return strength * jax.lax.stop_gradient(stored)
    rng = jax.random.fold_in(rng, self._index)
    fresh = parallel.rows(lambda n: jax.random.normal(rng, (n, s, s, 1)), batch)
    return strength * fresh.astype(strength.dtype)


def _channels(config, index):
  """Channels of style layer `index`; see split_fmaps of the config."""
  narrow = config.split_fmaps and index == config.split
  return config.split_fmaps if narrow else config.fmaps[index // 2]


class Synthesis(hk.Module):
  """Style layers and image layers; the first S layers can run on their own."""

  def __init__(
    self, config: ml_collections.ConfigDict, name: str = 'synthesis'
  ):
    super().__init__(name=name)
    self._config = config
    self._layers = [
      StyleLayer(
        i,
        _channels(config, i),
        layer_name(i),
        norm=config.fine_norm or i <= config.split,
        noise=config.use_noise,
        bounded=config.split_bounded and i == config.split,
      )
      for i in range(num_layers(config))
    ]

  def layers(
    self,
    x: jax.Array | None,
    w: jax.Array,
    first: int,
    rng: jax.Array | None = None,
  ) -> jax.Array:
    """Runs layers first..first+n-1 on activations x, with w [B, n, D]."""
    for i in range(w.shape[1]):
      x = self._layers[first + i](x, w[:, i], rng)
    return x

  def to_rgb(self, x: jax.Array, lod: int) -> jax.Array:
    """[B, h, h, C] -> [B, h, h, num_channels] in [-1, 1], float32."""
    channels, grey = self._config.num_channels, self._config.grey
    x = _Rgb(1 if grey else channels, name=f'to_rgb_lod{lod}')(x)
    x = x.repeat(channels, axis=-1) if grey else x
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))

  def coarse(self, w: jax.Array) -> jax.Array:
    """z_∥ [B, S, D] -> activations of layer S before its style."""
    return self._layers[w.shape[1]].normalised(self.layers(None, w, 0))

  def fine(self, x: jax.Array, w: jax.Array) -> jax.Array:
    """Output of `coarse`, z_⊥ [B, L-S, D] -> image [B, H, W, C] in [-1, 1]."""
    first = num_layers(self._config) - w.shape[1]
    x = self._layers[first](x, w[:, 0], normalised=True)
    return self.to_rgb(self.layers(x, w[:, 1:], first + 1), 0)

  def __call__(
    self,
    w: jax.Array,
    rng: jax.Array | None = None,
    level: int = 0,
    blend: float | jax.Array = 0.0,
  ) -> jax.Array:
    """Image at lod = level + blend, enlarged to the full size.

    Args:
      w: [B, L, D].
      rng: key of fresh noise; None uses the stored noise.
      level: how often the resolution is halved (progressive growing).
      blend: in [0, 1], share of the image at the next coarser level.
    """
    count = num_layers(self._config) - 2 * level
    if isinstance(blend, float) and blend == 0.0:
      image = self.to_rgb(self.layers(None, w[:, :count], 0, rng), level)
    else:
      x = self.layers(None, w[:, : count - 2], 0, rng)
      coarse = ops.upscale2d(self.to_rgb(x, level + 1))
      x = self.layers(x, w[:, count - 2 : count], count - 2, rng)
      image = self.to_rgb(x, level)
      image = image + (coarse - image) * blend
    return ops.upscale2d(image, 2**level) if level else image


def make_parameters(
  config: ml_collections.ConfigDict, z: jax.Array, labels: jax.Array | None
) -> None:
  """Calls each part of a generator once, the images of all sizes too.

  Args:
    config: of the network.
    z: [B, Z].
    labels: [B, classes]; None without classes.
  """
  mapping, synthesis = Mapping(config), Synthesis(config)
  w = mapping(z, labels)
  x = None
  for i in range(num_layers(config)):
    x = synthesis.layers(x, w[:, i : i + 1], i)
    if i % 2:
      synthesis.to_rgb(x, num_layers(config) // 2 - 1 - i // 2)


class _Rgb(hk.Module):
  """A 1x1 convolution between features and the channels of an image."""

  def __init__(self, channels, gain=1.0, name=None):
    super().__init__(name=name)
    self._channels, self._gain = channels, gain

  def __call__(self, x):
    w = _weight([1, 1, x.shape[-1], self._channels], gain=self._gain)
    return norms.add_bias(ops.conv2d(x, w), _bias(self._channels))


def layer_name(index: int) -> str:
  """Name of style layer `index`: b4_const, b4_conv, b8_conv0_up, ..."""
  size = 2 ** (index // 2 + 2)
  if index == 0:
    return 'b4_const'
  if index == 1:
    return 'b4_conv'
  return f'b{size}_conv1' if index % 2 else f'b{size}_conv0_up'


class _Conv(hk.Module):
  """3x3 convolution, bias, leaky ReLU; `down`: blurred before, halved after."""

  def __init__(self, channels, down=False, name=None):
    super().__init__(name=name)
    self._channels, self._down = channels, down

  def __call__(self, x):
    w = _weight([3, 3, x.shape[-1], self._channels])
    if self._down:
      y = ops.conv2d_downscale(ops.blur2d(x), w)
    else:
      y = ops.conv2d(x, w)
    return ops.leaky_relu(norms.add_bias(y, _bias(self._channels)))


class Discriminator(hk.Module):
  """Images [B, H, W, C] in [-1, 1] -> scores [B] (higher is more real).

  A conditional network without labels returns the scores of all classes,
  [B, classes]. The batch on all devices has `size` images and then padding
  rows; see norms.minibatch_stddev.
  """

  def __init__(
    self, config: ml_collections.ConfigDict, name: str = 'discriminator'
  ):
    super().__init__(name=name)
    self._config = config

  def _from_rgb(self, image, lod):
    fmaps = self._config.fmaps[len(self._config.fmaps) - 1 - lod]
    image = ops.downscale2d(image, 2**lod) if lod else image
    rgb = _Rgb(fmaps, gain=2**0.5, name=f'from_rgb_lod{lod}')
    return ops.leaky_relu(rgb(image))

  def _block(self, x, lod):
    fmaps = self._config.fmaps
    i = len(fmaps) - 1 - lod
    size = 2 ** (i + 2)
    x = _Conv(fmaps[i], name=f'b{size}_conv0')(x)
    return _Conv(fmaps[i - 1], True, name=f'b{size}_conv1_down')(x)

  def __call__(
    self,
    image: jax.Array,
    labels: jax.Array | None = None,  # [B, classes]
    level: int = 0,
    blend: float | jax.Array = 0.0,
    size: int | None = None,
  ) -> jax.Array:
    c = self._config
    x = self._from_rgb(image, level)
    for lod in range(level, len(c.fmaps) - 1):
      x = self._block(x, lod)
      if lod == level and not (isinstance(blend, float) and blend == 0.0):
        x = x + (self._from_rgb(image, level + 1) - x) * blend
    if c.mbstd_by_class and labels is not None:
      x = norms.class_stddev(x, labels, size)
    else:
      x = norms.minibatch_stddev(x, c.mbstd_group_size, size)
    x = _Conv(c.fmaps[0], name='b4_conv')(x)
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    dense = Dense(c.dense_fmaps or c.fmaps[0], name='b4_dense0')
    x = ops.leaky_relu(dense(x))
    scores = Dense(max(c.label_size, 1), gain=1.0, name='b4_dense1')(x)
    if labels is None:
      return scores if c.label_size else scores[:, 0]
    return (scores * labels).sum(-1)
