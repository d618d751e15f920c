"""StyleGAN v1 (Karras et al. 2019, arXiv:1812.04948) as pure functions.

A complete example:

  config = stylegan.default_config()
  generator = stylegan.make_generator(config)
  params = generator.init(jax.random.key(0))
  w = generator.map(params, jax.random.normal(jax.random.key(1), (4, 64)))
  images = generator.synthesize(params, stylegan.truncate(params, w, psi=0.7))

The networks are in stylegan_modules.py and work on images in [-1, 1]. The
functions here take and return images in [0, 1], which are (official + 1) / 2
without clipping.

Its config is in stylegan_config.py.

Contents: GENERATOR_KIND, DISCRIMINATOR_KIND, DiscriminatorFns, make_generator,
split_z, make_discriminator, clipped, truncate, save, load, load_discriminator.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import ops, types
from advmix_jax.generators import initial
from advmix_jax.generators.stylegan_config import check, default_config
from advmix_jax.generators.stylegan_modules import (
  Discriminator,
  Mapping,
  Synthesis,
  chosen_split,
  make_parameters,
  num_layers,
)
from advmix_jax.runtime import files, options, untrusted

# `kind` in the metadata of a file.
GENERATOR_KIND = 'stylegan_generator'
DISCRIMINATOR_KIND = 'stylegan_discriminator'


class DiscriminatorFns(NamedTuple):
  """A discriminator of pure functions; images are in [0, 1]."""

  init: Callable[..., types.Params]  # (rng) -> params
  # (params, images, labels=None, level=, blend=, size=) -> [B]; a conditional
  # network without labels returns [B, classes]. For size, see Discriminator.
  apply: Callable[..., jax.Array]


def _level(config, level, blend):
  """(level, blend); where level is None, those of the config's lod."""
  if level is None:
    level = int(config.lod)
    blend = float(config.lod) - level
  return level, blend


def _generator_functions(config):
  """The Haiku functions of a generator, (mapping, synthesis, coarse, fine)."""

  def build():
    mapping, synthesis = Mapping(config), Synthesis(config)
    functions = mapping, synthesis, synthesis.coarse, synthesis.fine
    return mapping, functions

  return hk.multi_transform(build).apply


def make_generator(config: ml_collections.ConfigDict) -> types.Generator:
  """Builds the pure functions of a StyleGAN generator.

  Beyond the common interface, `synthesize` takes `level` and `blend` for
  progressive growing (lod = level + blend, by default the config's lod). If the
  network is conditional, `map` takes `labels` [B, classes]; without labels, z
  has more columns, which draw the class (see `split_z`). `fine` raises
  ValueError if the config's lod is above 0.

  Args:
    config: as `default_config` returns.

  Returns:
    A types.Generator; images are on the scale [0, 1], but not clipped to it.

  Raises:
    ValueError: a bad resolution, fmaps, split or lod.
  """
  check(config)
  return _make_generator(ml_collections.FrozenConfigDict(config))


@functools.lru_cache(maxsize=8)
def _make_generator(config):
  """One set of functions per config, so that jit compiles them only once."""
  mapping, synthesis, coarse, fine = _generator_functions(config)

  def init(rng):
    labels = jnp.zeros((1, config.label_size)) if config.label_size else None
    z = jnp.zeros((1, config.latent_size))
    touch = functools.partial(make_parameters, config)
    return initial.draw(touch, rng, z, labels)

  def to_latents(
    params: types.Params, z: jax.Array, labels: jax.Array | None = None
  ) -> jax.Array:
    if labels is None:
      z, labels = split_z(config, z)
    elif labels.shape[1:] != (config.label_size,) or not config.label_size:
      raise ValueError(
        f'labels are {labels.shape}, expected {config.label_size} classes'
      )
    elif z.shape[1:] != (config.latent_size,):
      raise ValueError(
        f'z is {z.shape} with labels, expected {config.latent_size} columns'
      )
    return mapping(params, None, z, labels)

  def synthesize(
    params: types.Params,
    w: jax.Array,
    rng: jax.Array | None = None,
    *,
    level: int | None = None,
    blend: float | jax.Array = 0.0,
  ) -> jax.Array:
    level, blend = _level(config, level, blend)
    return (synthesis(params, None, w, rng, level, blend) + 1) / 2

  def finish(params: types.Params, x: Any, w: jax.Array) -> jax.Array:
    if config.lod:
      raise ValueError(f'fine needs a network of lod 0, got {config.lod}')
    return (fine(params, None, x, w) + 1) / 2

  return types.Generator(
    init=init,
    map=to_latents,
    synthesize=synthesize,
    coarse=lambda params, w: coarse(params, None, w),
    fine=finish,
    num_layers=num_layers(config),
    split=config.split,
    latent_size=config.latent_size + config.label_size,
    dlatent_size=config.dlatent_size,
  )


def split_z(
  config: ml_collections.ConfigDict, z: jax.Array
) -> tuple[jax.Array, jax.Array | None]:
  """Splits the normal draws for a conditional network into its z and a class.

  The class is the argmax of the last `label_size` columns, drawn from N(0, 1);
  so all classes have the same probability. With `label_frequencies`, the
  columns become Gumbel noise first, to which the logarithms of the frequencies
  are added: the argmax then has these frequencies (Gumbel-max).

  Args:
    config: as `default_config` returns.
    z: [B, Z + classes].

  Returns:
    z [B, Z], and one-hot labels [B, classes], or None without classes.

  Raises:
    ValueError: z has another number of columns.
  """
  size, classes = config.latent_size, config.label_size
  if z.shape[-1] != size + classes:
    raise ValueError(
      f'z is {z.shape}, expected {size} columns and labels, or '
      f'{size} + {classes} columns that draw the class too'
    )
  if not classes:
    return z, None
  scores = z[:, size:]
  if config.label_frequencies:
    scores = _gumbel(scores) + jnp.log(jnp.asarray(config.label_frequencies))
  return z[:, :size], jax.nn.one_hot(scores.argmax(-1), classes)


def _gumbel(normal):
  """Maps draws from N(0, 1) to draws from the Gumbel distribution."""
  uniform = jax.scipy.stats.norm.cdf(normal)
  return -jnp.log(-jnp.log(jnp.clip(uniform, 1e-7, 1 - 1e-7)))


def make_discriminator(config: ml_collections.ConfigDict) -> DiscriminatorFns:
  """Builds the pure functions of the discriminator (see DiscriminatorFns)."""
  check(config)
  blocks = len(config.fmaps)

  def score(
    image: jax.Array,
    labels: jax.Array | None = None,
    level: int | None = None,
    blend: float | jax.Array = 0.0,
    size: int | None = None,
  ) -> jax.Array:
    level, blend = _level(config, level, blend)
    return Discriminator(config)(image * 2 - 1, labels, level, blend, size)

  def touch(image):
    network = Discriminator(config)
    for level in range(blocks):
      network(image, None, level)

  shape = (1, config.resolution, config.resolution, config.num_channels)
  transformed = hk.without_apply_rng(hk.transform(score))
  return DiscriminatorFns(
    init=lambda rng: initial.draw(touch, rng, jnp.zeros(shape)),
    apply=transformed.apply,
  )


@functools.lru_cache(maxsize=8)  # Always the same functions: compiled once.
def clipped(
  generator: types.Generator, *, towards: bool = False
) -> types.Generator:
  """The generator with its images clipped to [0, 1].

  Args:
    generator: any, usually a StyleGAN, whose images may leave [0, 1].
    towards: clips by `ops.clip_towards`, for gradient descent on the images: a
      pixel outside [0, 1] keeps the gradient that leads back into the range.
  """

  clip = ops.clip_towards if towards else ops.clip_unit
  return generator._replace(
    synthesize=lambda *a, **k: clip(generator.synthesize(*a, **k)),
    fine=lambda *a: clip(generator.fine(*a)),
  )


def truncate(
  params: types.Params,
  w: jax.Array,
  *,
  psi: float | None = 0.7,
  cutoff: int | None = 8,
) -> jax.Array:
  """The truncation trick: moves early layers towards the mean w.

  Args:
    params: of the generator.
    w: [B, L, D].
    psi: 1 or None leaves w unchanged, 0 gives the mean w.
    cutoff: layers 0..cutoff-1 are moved; None leaves w unchanged.

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
  path: str | os.PathLike,
  config: ml_collections.ConfigDict,
  params: types.Params,
  *,
  kind: str = GENERATOR_KIND,
  **more: Any,
) -> None:
  """Writes a portable `.npz` with the parameters and their architecture.

  Args:
    path: the file to write.
    config: of the network, as `default_config` returns.
    params: its parameters.
    kind: GENERATOR_KIND or DISCRIMINATOR_KIND.
    **more: further metadata.
  """
  metadata = {'config': config.to_dict()} | more
  files.save_npz(path, params, metadata, kind=kind)


def load(
  path: str | os.PathLike, *, split: int = 0
) -> tuple[types.Generator, types.Params]:
  """Reads a generator that `save` or the converter wrote.

  Args:
    path: the file.
    split: S, the number of coarse layers; 0: the file's.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file, bad split.
  """
  config, params = _load(path, GENERATOR_KIND)
  config.split = chosen_split(config, split, path)
  return make_generator(config), params


def load_discriminator(
  path: str | os.PathLike,
) -> tuple[DiscriminatorFns, types.Params]:
  """Reads what the converter wrote with --network=D; raises as `load` does."""
  config, params = _load(path, DISCRIMINATOR_KIND)
  return make_discriminator(config), params


def _load(path, kind):
  needed = ['mapping/dlatent_avg'] if kind == GENERATOR_KIND else []
  params, metadata = files.load_npz(path, kind=kind, needed=needed)
  with untrusted.reading(path, 'corrupt'):
    config = options.fill(default_config(), metadata['config'], 'config')
    check(config)  # 8.0 is 8 to the cache of `_shapes`.
    _check_arrays(
      params, _shapes(kind, ml_collections.FrozenConfigDict(config))
    )
  # A file may hold 16-bit floats, to be small.
  return config, jax.tree.map(np.float32, params)


@functools.lru_cache(maxsize=16)
def _shapes(kind, config):
  """The shapes of a network's arrays, {(module, name): shape}; checks it."""
  make = make_generator if kind == GENERATOR_KIND else make_discriminator
  made = jax.eval_shape(make(config).init, jax.random.key(0))
  return {(m, name): x.shape for m in made for name, x in made[m].items()}


def _check_arrays(params, shapes):
  """Raises ValueError for arrays that a network lacks, or does not know."""
  found = {(m, name): x for m in params for name, x in dict(params[m]).items()}
  for key in sorted({*shapes, *found}):
    array, shape = found.get(key), shapes.get(key)
    if array is None or array.shape != shape or array.dtype.kind not in 'fiu':
      raise ValueError(
        f'{"/".join(key)} is {"missing" if array is None else array.shape}, '
        f'expected {shape or "no such array"}'
      )
