"""Trains a StyleGAN: runtime/loop.py runs the training steps of gan.py.

A run folder holds config.json, data.sha256, checkpoints/, metrics.jsonl,
tensorboard/, samples/ (style-mixing grids) and, at the end, generator.npz: the
averaged generator with its config, ready for `stylegan.load`. A run may be
made longer, with a larger gan.kimg.

Contents: train, mixing_grid.
"""

import functools
import math
import os
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import datasets, types
from advmix_jax.datasets import image_hash
from advmix_jax.generators import gan, growing, mixing, presets, stylegan
from advmix_jax.runtime import (
  files,
  locks,
  loop,
  options,
  parallel,
  pictures,
  run_folder,
  untrusted,
)

_FREE = ('log_kimg', 'sample_kimg', 'checkpoint_kimg', 'parallel')
_LONGER = ('gan.kimg', 'gan.decay_kimg', 'gan.learning_rate')
# So many training images a generator's file knows by hash, in 11 MB.
_MOST_HASHES = 2**18


def train(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> dict[str, Any]:
  """Trains a generator; the same call again resumes what WORKDIR holds.

  Args:
    config: `preset` (one of presets.PRESETS, which may decide `network`),
      `network` (stylegan.default_config), `gan` (gan.default_config), `data`
      (datasets.default_config), `seed`, `parallel` (one of parallel.KINDS), and
      the periods `log_kimg`, `sample_kimg` and `checkpoint_kimg` in thousands
      of images.
    workdir: the run's folder.

  Returns:
    A record: 'kimg', 'wall_seconds' of this call, and 'generator', the path of
    its file.

  Raises:
    ValueError: a loss is not finite (the last checkpoint is kept), the options
      are bad, WORKDIR holds a run of another config or other data, or another
      process is using it.
  """
  options.check(config)
  parallel.check(config.parallel)
  with locks.hold(workdir):
    return _train(config, pathlib.Path(workdir))


def _train(config, workdir):
  data = datasets.load(config.data, 'train')
  config = _with_frequencies(_with_preset(config, data.image), data.label)
  step_fn, plan = _step_fn(config, data), _plan(config)
  run_folder.claim_workdir(
    config,
    workdir,
    image_hash.data_hash(data),
    may_change=_may_change(config, workdir),
  )
  # Per shape, Threefry compiles in a second, rbg in a tenth of a second.
  rng = jax.random.key(config.seed, impl='rbg')
  started = time.monotonic()
  state = loop.run(
    workdir,
    gan.init(rng, config.network, config.gan),
    step_fn,
    plan,
    after_fn=_picture_fn(config, workdir),
  )
  path = workdir / 'generator.npz'
  _save(path, config, state.average, data.image)
  return {
    'kimg': config.gan.kimg,
    'wall_seconds': time.monotonic() - started,
    'generator': str(path),
  }


def _save(path, config, params, images):
  """Writes the generator, unless the file has it: latents are held to its hash.

  The file also says how it was trained, of which some may have changed, and on
  which images (evaluation/leaks.py).
  """
  network = _grown(config)
  if not _has(path, network, params):
    few = images if len(images) <= _MOST_HASHES else images[:0]
    stylegan.save(
      path,
      network,
      params,
      training=config.to_dict(),
      training_images=image_hash.to_text(few),
    )


def _has(path, network, params):
  """Whether a file holds this very generator."""
  try:
    theirs, metadata = files.load_npz(path, kind=stylegan.GENERATOR_KIND)
  except (FileNotFoundError, ValueError):  # There is none, or another one.
    return False
  return (
    metadata.get('config') == run_folder.plain(network)
    and jax.tree.structure(theirs) == jax.tree.structure(params)
    and jax.tree.all(jax.tree.map(np.array_equal, theirs, params))
  )


def _may_change(config, workdir):
  """The fields that may differ from those with which the run began."""
  path = workdir / 'config.json'
  if not path.exists():
    return ()
  values = untrusted.read_json(path, 'not the config of a run')
  with untrusted.reading(path, 'not the config of a run'):
    longer = config.gan.kimg > float(values['gan']['kimg'])
  return (*_FREE, *(_LONGER if longer else ()))


def _with_preset(config, images):
  """Replaces the fields of the network that a preset decides, and prints them.

  A preset counts images without their mirror images.

  Raises:
    ValueError: an unknown preset, or images that do not fit the network.
  """
  mirrored = 'mirror' in config.data and config.data.mirror
  count = len(images) // 2 if mirrored else len(images)
  fields = presets.network(
    config.preset,
    resolution=min(images.shape[1:3]),
    images=count,
    accelerator=jax.default_backend() != 'cpu',
    grey=bool(config.preset) and _is_grey(images),
  )
  if fields:
    shown = ', '.join(f'{name} {value}' for name, value in fields.items())
    print(f'preset {config.preset!r} of {count} images: {shown}')
  config = config.copy_and_resolve_references()
  config.network.update(fields)
  stylegan.make_generator(config.network)  # Checks it.
  size, channels = config.network.resolution, config.network.num_channels
  if images.shape[3] != channels:
    raise ValueError(
      f'network.num_channels is {channels}, the images have {images.shape[3]}; '
      'network.grey=True is for grey ones'
    )
  if images.shape[1:3] != (size, size):
    raise ValueError(
      f'network.resolution is {size}, the images are {images.shape[1]}x'
      f'{images.shape[2]}; --config.preset=auto takes the size of the images'
    )
  return config


def _is_grey(images):
  """Whether all channels of [N, H, W, C] uint8 are the same."""
  return all((chunk == chunk[..., :1]).all() for chunk in images)


def _grown(config):
  """The network's config, with the lod at which its training ended.

  A network that still grows draws with its lod; attacks refuse it.
  """
  options, network = config.gan, _network_at(config, config.gan.kimg)
  if network.lod:
    levels = network.resolution.bit_length()
    levels -= options.start_resolution.bit_length()
    enough = 2 * levels * options.phase_kimg
    print(
      f'still growing, lod {network.lod:g}: attacks need the full size, from '
      f'gan.kimg={enough:g} on; the same command with it goes on'
    )
  return network


def _network_at(config, kimg):
  """The network's config, with its lod after `kimg` thousand images."""
  network = config.network.copy_and_resolve_references()
  lod = growing.level_at(config.gan, network.resolution, kimg)
  network.lod = float(sum(lod))
  return network


def _with_frequencies(config, labels):
  """Adds the shares of the classes among the training images to the network.

  Raises:
    ValueError: a conditional network with too few classes.
  """
  classes = config.network.label_size
  if not classes:
    return config
  if labels.max() >= classes:
    raise ValueError(
      f'network.label_size is {classes}, expected 0 (no classes) or at least '
      f'{labels.max() + 1}, the classes of the images'
    )
  config = config.copy_and_resolve_references()
  counts = np.bincount(labels, minlength=classes)
  config.network.label_frequencies = tuple((counts / len(labels)).tolist())
  return config


def _steps(config, kimg):
  """The steps that show `kimg` thousand images, at least one."""
  return max(1, int(kimg * 1000) // config.gan.batch_size)


def _plan(config):
  batch, kimg = config.gan.batch_size, config.gan.kimg
  steps = int(kimg * 1000) // batch
  if not steps:
    raise ValueError(
      f'gan.kimg is {kimg:g}, expected at least {batch / 1000:g}, one batch'
    )
  return loop.Plan(
    name='gan',
    description='StyleGAN',
    steps=steps,
    log_every=_steps(config, config.log_kimg),
    save_every=_steps(config, config.checkpoint_kimg),
    unit='img',
    per_step=batch,
    hint='a lower gan.learning_rate or a higher gan.r1_gamma may help',
  )


def _step_fn(config, data):
  """Returns (step, state) -> (state, record)."""
  update = gan.make_step(config.network, config.gan, config.parallel)
  rng = jax.random.key(config.seed + 1)
  _level(config, 0)  # Raises for a bad start of growing.

  def step_fn(step, state):
    level, blend = _level(config, step)
    if level != _level(config, max(step - 1, 0))[0]:
      state = gan.reset_optimizers(state, config.gan)
    batch = _batch(config, data, step)
    batch = batch._replace(image=growing.at_level(batch.image, level, blend))
    return update(
      state,
      batch,
      jax.random.fold_in(rng, step),
      jnp.float32(blend),
      level=level,
      with_r1=step % config.gan.r1_interval == 0,
    )

  return step_fn


def _batch(config, data, step):
  index = datasets.endless_batch(
    config.seed, len(data.label), config.gan.batch_size, step
  )
  return datasets.take(types.Batch(data.image, data.label), index)


def _level(config, step):
  kimg = step * config.gan.batch_size / 1000
  return growing.level_at(config.gan, config.network.resolution, kimg)


def mixing_grid(
  generator: types.Generator,
  params: types.Params,
  rng: jax.Array,
  *,
  rows: int = 10,
  columns: int = 10,
) -> jax.Array:
  """Style-mixing grid: a row shares coarse latents, a column fine latents.

  Args:
    generator: any generator.
    params: its parameters.
    rng: key of the latents.
    rows: number of coarse latents.
    columns: number of fine latents.

  Returns:
    [rows + 1, columns + 1, H, W, C] in [0, 1]. The first column holds the
    images that the coarse latents come from, the first row those that the fine
    latents come from; below and to the right, cell (i, j) is
    dec(coarse_i, fine_j).
  """
  z = jax.random.normal(rng, (rows + columns, generator.latent_size))
  w = generator.map(params, z)
  plain = generator.synthesize(params, w)
  a = jnp.repeat(w[:rows], columns, axis=0)
  b = jnp.tile(w[rows:], (rows, 1, 1))
  s = generator.split
  mixed = mixing.merge_latents(a[:, :s], b[:, s:])
  cells = generator.synthesize(params, mixed)
  cells = cells.reshape((rows, columns) + cells.shape[1:])
  top = jnp.concatenate([jnp.zeros_like(plain[:1]), plain[rows:]])
  body = jnp.concatenate([plain[:rows, None], cells], axis=1)
  return jnp.clip(jnp.concatenate([top[None], body]), 0, 1)


@functools.lru_cache(maxsize=8)  # Always the same function: compiled once.
def _grid_fn(generator):
  return jax.jit(lambda p: mixing_grid(generator, p, jax.random.key(0)))


def _picture_fn(config, workdir):
  """Returns after_fn, which writes grids every sample_kimg and at the end."""
  every, last = _steps(config, config.sample_kimg), _plan(config).steps

  def after(done, state):
    if done % every == 0 or done == last:
      _picture(config, workdir, state, done * config.gan.batch_size)

  return after


def _picture(config, workdir, state, images):
  network = _network_at(config, images / 1000)
  network.lod = float(math.ceil(network.lod))  # What fades in is not shown yet.
  path = workdir / 'samples' / f'{images // 1000:06d}k.png'
  generator = stylegan.make_generator(network)
  cells = pictures.to_uint8(_grid_fn(generator)(state.average))
  pictures.write_png(path, pictures.grid(cells), scale=2)
