"""StyleGAN v1 (Karras et al. 2019, arXiv:1812.04948) as Haiku modules.

A use from start to end:

  config = stylegan.default_config()
  generator = stylegan.make_generator(config)
  params = generator.init(jax.random.key(0))
  w = generator.map(params, jax.random.normal(jax.random.key(1), (4, 64)))
  images = generator.synthesize(params, stylegan.truncate(params, w, psi=0.7))

Written from the paper's equations and held against reference arrays of the
official network. Inside, images are in [-1, 1]; the public functions speak
[0, 1], that is (official + 1) / 2, before any clipping.

Contents: default_config, make_generator, make_discriminator, truncate,
average_latents, save, load; the modules Mapping, Synthesis, Discriminator.
"""

from collections.abc import Callable
from typing import NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import checkpoints, ops, types

FUSED_FROM = 128  # From this output size on, official kernels are turned.


def default_config() -> ml_collections.ConfigDict:
  """Architecture of the small generator for 32x32 digits.

  Returns:
    resolution: a power of two, at least 4. num_channels: of the image.
    fmaps: channels at 4x4, 8x8, ... up to the resolution.
    dense_fmaps: width of the discriminator's first dense layer, 0 = fmaps[0].
    latent_size: Z. dlatent_size: D. mapping_fmaps, mapping_layers: the mapping
    network. mapping_lrmul: learning-rate multiplier of the mapping.
    label_size: classes of a conditional network, 0 = none. split: S, the number
    of coarse layers. mbstd_group_size: the discriminator's stddev groups.
  """
  return ml_collections.ConfigDict(
    dict(
      resolution=32,
      num_channels=3,
      fmaps=(64, 64, 32, 16),
      dense_fmaps=0,
      latent_size=64,
      dlatent_size=32,
      mapping_fmaps=64,
      mapping_layers=4,
      mapping_lrmul=0.01,
      label_size=0,
      split=6,
      mbstd_group_size=4,
    )
  )


class Discriminator_(NamedTuple):
  """A discriminator of pure functions; images are in [0, 1]."""

  init: Callable[..., types.Params]  # (rng) -> params
  apply: Callable[..., jax.Array]  # (params, images, labels=None) -> [B]


def num_layers(config) -> int:
  """L = 2 * log2(resolution) - 2, the number of style layers."""
  return 2 * (int(config.resolution).bit_length() - 1) - 2


def _check(config):
  size = config.resolution
  if size < 4 or size & (size - 1):
    raise ValueError(f'resolution must be a power of two >= 4, got {size}')
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


def _weight(shape, *, gain=2**0.5, lrmul=1.0, name='w'):
  """Equalized learning rate: unit-normal storage, scaled when used."""
  fan_in = 1
  for size in shape[:-1]:
    fan_in *= size
  w = hk.get_parameter(name, shape, init=hk.initializers.RandomNormal(1 / lrmul))
  return w * (gain / fan_in**0.5 * lrmul)


def _bias(size, *, lrmul=1.0, name='b'):
  return hk.get_parameter(name, [size], init=jnp.zeros) * lrmul


class Dense(hk.Module):
  """Equalized fully connected layer: [B, I] -> [B, O]."""

  def __init__(self, size, *, gain=2**0.5, lrmul=1.0, name=None):
    super().__init__(name=name)
    self._size, self._scale = size, dict(gain=gain, lrmul=lrmul)

  def __call__(self, x):
    w = _weight([x.shape[-1], self._size], **self._scale)
    return x @ w + _bias(self._size, lrmul=self._scale['lrmul'])


class Mapping(hk.Module):
  """z [B, Z] -> w [B, L, D], the same w for every layer (Section 2)."""

  def __init__(self, config, name='mapping'):
    super().__init__(name=name)
    self._config = config

  def __call__(self, z, labels=None):
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
    x = ops.pixel_norm(z)
    for i in range(c.mapping_layers):
      last = i == c.mapping_layers - 1
      size = c.dlatent_size if last else c.mapping_fmaps
      dense = Dense(size, lrmul=c.mapping_lrmul, name=f'dense{i}')
      x = ops.leaky_relu(dense(x))
    return jnp.broadcast_to(x[:, None], (len(x), num_layers(c), x.shape[-1]))


class StyleLayer(hk.Module):
  """One layer of synthesis: source, noise, bias, leaky ReLU, AdaIN.

  The source is the learned constant (layer 0), an enlarging convolution with
  blur (even layers) or a plain convolution (odd layers).
  """

  def __init__(self, index, channels, name):
    super().__init__(name=name)
    self._index, self._channels = index, channels
    self._size = 2 ** (index // 2 + 2)

  def __call__(self, x, w, rng):
    x = self._source(x, len(w))
    x = x + self._noise(len(w), rng)
    x = ops.leaky_relu(x + _bias(self._channels))
    style = Dense(2 * self._channels, gain=1.0, name='style')
    return ops.adain(x, style(w))

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
    return strength * jax.random.normal(rng, (batch, s, s, 1))


class Synthesis(hk.Module):
  """Style layers and read-outs; the first S layers can run on their own."""

  def __init__(self, config, name='synthesis'):
    super().__init__(name=name)
    self._config = config
    self._layers = [
      StyleLayer(i, config.fmaps[i // 2], _layer_name(i))
      for i in range(num_layers(config))
    ]

  def layers(self, x, w, first, rng=None):
    """Runs layers first..first+n-1 on activations x, w [B, n, D]."""
    for i in range(w.shape[1]):
      x = self._layers[first + i](x, w[:, i], rng)
    return x

  def to_rgb(self, x, lod):
    """[B, h, h, C] -> [B, h, h, num_channels] in [-1, 1]."""
    return _Rgb(self._config.num_channels, name=f'to_rgb_lod{lod}')(x)

  def fine(self, x, w):
    """Activations after layer S-1 and z_⊥ [B, L-S, D] -> image [-1, 1]."""
    first = num_layers(self._config) - w.shape[1]
    return self.to_rgb(self.layers(x, w, first), 0)

  def __call__(self, w, rng=None, level=0, blend=0.0):
    """Image at lod = level + blend, enlarged to the full size.

    Args:
      w: [B, L, D].
      rng: fresh noise; None uses the stored noise.
      level: int, halvings left out (progressive growing).
      blend: in [0, 1], share of the next coarser read-out.
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


class _Rgb(hk.Module):
  """A 1x1 convolution between features and colours."""

  def __init__(self, channels, gain=1.0, name=None):
    super().__init__(name=name)
    self._channels, self._gain = channels, gain

  def __call__(self, x):
    w = _weight([1, 1, x.shape[-1], self._channels], gain=self._gain)
    return ops.conv2d(x, w) + _bias(self._channels)


def _layer_name(index):
  size = 2 ** (index // 2 + 2)
  if index == 0:
    return 'b4_const'
  if index == 1:
    return 'b4_conv'
  return f'b{size}_conv1' if index % 2 else f'b{size}_conv0_up'


class _Conv(hk.Module):
  """3x3 convolution, bias, leaky ReLU; `down` blurs first, halves after."""

  def __init__(self, channels, down=False, name=None):
    super().__init__(name=name)
    self._channels, self._down = channels, down

  def __call__(self, x):
    w = _weight([3, 3, x.shape[-1], self._channels])
    if self._down:
      y = ops.conv2d_downscale(ops.blur2d(x), w)
    else:
      y = ops.conv2d(x, w)
    return ops.leaky_relu(y + _bias(self._channels))


class Discriminator(hk.Module):
  """Images [B, H, W, C] in [-1, 1] -> scores [B] (higher is more real)."""

  def __init__(self, config, name='discriminator'):
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

  def __call__(self, image, labels=None, level=0, blend=0.0):
    c = self._config
    x = self._from_rgb(image, level)
    for lod in range(level, len(c.fmaps) - 1):
      x = self._block(x, lod)
      if lod == level and not (isinstance(blend, float) and blend == 0.0):
        x = x + (self._from_rgb(image, level + 1) - x) * blend
    x = ops.minibatch_stddev(x, c.mbstd_group_size)
    x = _Conv(c.fmaps[0], name='b4_conv')(x)
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    dense = Dense(c.dense_fmaps or c.fmaps[0], name='b4_dense0')
    x = ops.leaky_relu(dense(x))
    scores = Dense(max(c.label_size, 1), gain=1.0, name='b4_dense1')(x)
    return scores[:, 0] if labels is None else (scores * labels).sum(-1)


def _generator_functions(config):
  """The Haiku side of a generator; `init` touches every parameter."""

  def build():
    mapping, synthesis = Mapping(config), Synthesis(config)

    def touch(z, labels):
      w = mapping(z, labels)
      x = None
      for i in range(num_layers(config)):
        x = synthesis.layers(x, w[:, i : i + 1], i)
        if i % 2:
          synthesis.to_rgb(x, num_layers(config) // 2 - 1 - i // 2)

    def coarse(w):
      return synthesis.layers(None, w, 0)

    return touch, (mapping, synthesis, coarse, synthesis.fine)

  return hk.multi_transform(build)


def make_generator(config: ml_collections.ConfigDict) -> types.Generator:
  """Builds the pure functions of a StyleGAN generator.

  `synthesize` takes, beyond the common interface, `level` and `blend` for
  progressive growing (lod = level + blend); `map` takes `labels` [B, classes]
  where the network is conditional.

  Args:
    config: as `default_config` returns.

  Returns:
    A types.Generator; images are in [0, 1] before clipping.

  Raises:
    ValueError: for a resolution, fmaps or split that make no network.
  """
  _check(config)
  functions = _generator_functions(config)
  mapping, synthesis, coarse, fine = functions.apply

  def init(rng):
    labels = jnp.zeros((1, config.label_size)) if config.label_size else None
    return functions.init(rng, jnp.ones((1, config.latent_size)), labels)

  def synthesize(params, w, rng=None, *, level=0, blend=0.0):
    return (synthesis(params, None, w, rng, level, blend) + 1) / 2

  return types.Generator(
    init=init,
    map=lambda params, z, labels=None: mapping(params, None, z, labels),
    synthesize=synthesize,
    coarse=lambda params, w: coarse(params, None, w),
    fine=lambda params, x, w: (fine(params, None, x, w) + 1) / 2,
    num_layers=num_layers(config),
    split=config.split,
    latent_size=config.latent_size,
    dlatent_size=config.dlatent_size,
  )


def make_discriminator(config: ml_collections.ConfigDict) -> Discriminator_:
  """Builds the pure functions of the discriminator (see Discriminator_)."""
  _check(config)
  blocks = len(config.fmaps)

  def score(image, labels=None, level=0, blend=0.0):
    return Discriminator(config)(image * 2 - 1, labels, level, blend)

  def touch(image):
    network = Discriminator(config)
    for level in range(blocks):
      network(image, None, level)

  shape = (1, config.resolution, config.resolution, config.num_channels)
  transformed = hk.without_apply_rng(hk.transform(score))
  return Discriminator_(
    init=lambda rng: hk.transform(touch).init(rng, jnp.zeros(shape)),
    apply=transformed.apply,
  )


def average_latents(params: types.Params, layers: int) -> jax.Array:
  """The generator's mean latents, tiled: [L, D]."""
  mean = params['mapping']['dlatent_avg']
  return jnp.broadcast_to(mean, (layers,) + mean.shape)


def truncate(
  params: types.Params,
  w: jax.Array,
  *,
  psi: float | None = 0.7,
  cutoff: int | None = 8,
) -> jax.Array:
  """The truncation trick: pulls early layers towards the mean w.

  Args:
    params: of the generator.
    w: [B, L, D].
    psi: 1 or None leaves w as it is, 0 gives the mean image.
    cutoff: layers 0..cutoff-1 are pulled; None leaves w as it is.

  Returns:
    [B, L, D].
  """
  if psi is None or cutoff is None:
    return w
  mean = params['mapping']['dlatent_avg']
  pulled = mean + (w - mean) * psi
  layer = jnp.arange(w.shape[1])[:, None]
  return jnp.where(layer < cutoff, pulled, w)


def save(
  path: str, config: ml_collections.ConfigDict, params: types.Params, **more
) -> None:
  """Writes a portable `.npz` with the parameters and their architecture."""
  metadata = {'kind': 'stylegan_generator', 'config': config.to_dict()} | more
  checkpoints.save_npz(path, params, metadata)


def load(path: str) -> tuple[types.Generator, types.Params]:
  """Reads what `save` or the converter wrote.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  params, metadata = checkpoints.load_npz(path)
  if metadata.get('kind') != 'stylegan_generator':
    raise ValueError(
      f'{path} holds {metadata.get("kind")!r}, expected a stylegan_generator'
    )
  config = default_config()
  config.update(metadata['config'])
  return make_generator(config), params
