"""The loop around advmix_jax/gan.py: data, resume, records, pictures.

A run folder holds config.json (of the last call: options may change between
calls, as in docs/generator.md), checkpoints/, metrics.jsonl, tensorboard/,
samples/ (style-mixing grids) and, at the end, generator.npz: the averaged
generator with its config, ready for `stylegan.load`.

Contents: train.
"""

import functools
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from advmix_jax import types
from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.generators import gan, stylegan
from advmix_jax.ops import conv as ops
from advmix_jax.runtime import checkpoints, locks, metrics, preemption


def train(config, workdir: str) -> dict:
  """Trains a generator; running again with the same workdir resumes.

  Args:
    config: `network` (stylegan.default_config), `gan` (gan.default_config),
      `data` (datasets.default_config), `seed`, and the periods `log_kimg`,
      `sample_kimg`, `checkpoint_kimg` in thousands of images.
    workdir: the run's folder.

  Returns:
    A record: kimg, seconds of this call, path of the generator.

  Raises:
    ValueError: non-finite loss (the last checkpoint is kept), bad options, a
      workdir that another process is using.
  """
  with locks.hold(workdir):
    return _train(config, pathlib.Path(workdir))


def _train(config, workdir):
  checkpoints.write_json(workdir / 'config.json', config.to_dict())
  data = datasets.load(config.data, 'train')
  _check_classes(config.network, data.label)
  # Threefry compiles for a second per shape, rbg for a tenth.
  rng = jax.random.key(config.seed, impl='rbg')
  state = gan.init(rng, config.network, config.gan)
  manager = checkpoints.make_manager(workdir)
  restored = checkpoints.restore(manager, state)
  state = restored[1] if restored else state
  first = restored[0] if restored else 0
  metrics.truncate(workdir, first)
  started = time.monotonic()
  with metrics.writer(workdir) as write, preemption.saving():
    state = _loop(config, workdir, state, first, data, manager, write)
  path = workdir / 'generator.npz'
  stylegan.save(path, config.network, state.average, **_provenance(config))
  return {
    'kimg': config.gan.kimg,
    'wall_seconds': time.monotonic() - started,
    'generator': str(path),
  }


def _provenance(config) -> dict:
  return {'training': config.to_dict()}


def _check_classes(network, labels):
  """Refuses a conditional network of too few classes."""
  if network.label_size and labels.max() >= network.label_size:
    raise ValueError(
      f'network.label_size is {network.label_size}, expected 0 (no classes) '
      f'or at least {labels.max() + 1}, the classes of the images'
    )


def _loop(config, workdir, state, first, data, manager, write):
  """Runs steps first..last; checkpoints and pictures at round numbers."""
  step_fn = gan.make_step(config.network, config.gan, config.parallel)
  batch = config.gan.batch_size
  last = int(config.gan.kimg * 1000) // batch
  log_every = max(1, int(config.log_kimg * 1000) // batch)
  picture_every = max(1, int(config.sample_kimg * 1000) // batch)
  save_every = max(1, int(config.checkpoint_kimg * 1000) // batch)
  rng = jax.random.key(config.seed + 1)
  bar = metrics.progress(
    description='StyleGAN',
    total=last * batch,
    initial=first * batch,
    unit='img',
  )
  for step in range(first, last):
    level, blend = _level(config, step)
    if level != _level(config, max(step - 1, 0))[0]:
      state = gan.reset_optimizers(state, config.gan)
    index = _batch_index(len(data.label), config, step)
    real = _at_level(data.image[index], level, blend)
    state, record = step_fn(
      state,
      types.Batch(real, data.label[index]),
      jax.random.fold_in(rng, step),
      jnp.float32(blend),
      level=level,
      with_r1=step % config.gan.r1_interval == 0,
      with_mix=_mixes(config.gan, level, step),
    )
    bar.update(batch)
    done = step + 1
    if done % log_every == 0 or done == last:
      write(done, _finite(record, done - log_every + 1, done))
    if done % picture_every == 0 or done == last:
      _picture(config, workdir, state, done * batch)
    stop_now = preemption.asked(done, every=log_every)
    if done % save_every == 0 or done == last or stop_now:
      checkpoints.save(manager, done, state)
    if stop_now:
      preemption.stop()
  bar.close()
  return state


def _level(config, step):
  kimg = step * config.gan.batch_size / 1000
  return gan.level_at(config.gan, config.network.resolution, kimg)


def _mixes(config, level, step) -> bool:
  """Whether this step has the mixing loss; it needs the finest level."""
  started = step * config.batch_size >= 1000 * config.mix_start_kimg
  return bool(config.mix_consistency) and level == 0 and started


def _batch_index(size, config, step):
  """Batch `step` of an endless sequence of shuffled epochs of `size`."""
  batch = config.gan.batch_size
  epoch, offset = divmod(step * batch, size)
  order = np.random.default_rng([config.seed, epoch]).permutation(size)
  index = order[offset : offset + batch]
  if len(index) < batch:
    order = np.random.default_rng([config.seed, epoch + 1]).permutation(size)
    index = np.concatenate([index, order[: batch - len(index)]])
  return index


def _at_level(images, level, blend):
  """Averages real images down to what the generator can draw at this lod."""
  if level:
    images = ops.upscale2d(ops.downscale2d(images, 2**level), 2**level)
  if blend:
    coarser = 2 ** (level + 1)
    smooth = ops.upscale2d(ops.downscale2d(images, coarser), coarser)
    images = images + (smooth - images) * blend
  return images


def _finite(record, first, last):
  """The record as numbers; refuses to go on after a NaN or infinity."""
  values = {name: float(value) for name, value in record.items()}
  for name, value in values.items():
    if not np.isfinite(value):
      raise ValueError(
        f'{name} is {value} in steps {first}..{last}; the last checkpoint is '
        'kept. A lower gan.learning_rate or a higher gan.r1_gamma may help.'
      )
  return values


def mixing_grid(generator, params, rng, *, rows=10, columns=10) -> jax.Array:
  """Style-mixing grid: shapes by row, colours by column.

  Returns:
    [rows + 1, columns + 1, H, W, C] in [0, 1]: the first column holds the
    images of the coarse latents, the first row those of the fine ones, and
    cell (i, j) is dec(coarse_i, fine_j).
  """
  z = jax.random.normal(rng, (rows + columns, generator.latent_size))
  w = generator.map(params, z)
  plain = generator.synthesize(params, w)
  a = jnp.repeat(w[:rows], columns, axis=0)
  b = jnp.tile(w[rows:], (rows, 1, 1))
  s = generator.split
  mixed = jnp.concatenate([a[:, :s], b[:, s:]], axis=1)
  cells = generator.synthesize(params, mixed)
  cells = cells.reshape((rows, columns) + cells.shape[1:])
  top = jnp.concatenate([jnp.zeros_like(plain[:1]), plain[rows:]])
  body = jnp.concatenate([plain[:rows, None], cells], axis=1)
  return jnp.clip(jnp.concatenate([top[None], body]), 0, 1)


def save_grid(path, grid) -> None:
  """Writes [rows, columns, H, W, C] in [0, 1] as one PNG, twice as large."""
  rows, columns, h, w, c = grid.shape
  image = np.asarray(grid).transpose(0, 2, 1, 3, 4)
  image = np.round(image.reshape(rows * h, columns * w, c) * 255)
  picture = Image.fromarray(image.astype(np.uint8))
  picture = picture.resize((2 * columns * w, 2 * rows * h), Image.NEAREST)
  checkpoints.write_atomically(path, lambda f: picture.save(f, 'png'))


@functools.lru_cache(maxsize=8)  # The same function is compiled once.
def _grid_fn(generator):
  return jax.jit(lambda p: mixing_grid(generator, p, jax.random.key(0)))


def _picture(config, workdir, state, images):
  level, _ = gan.level_at(config.gan, config.network.resolution, images / 1000)
  if level:  # The fine layers don't exist yet.
    return
  path = workdir / 'samples' / f'{images // 1000:06d}k.png'
  generator = stylegan.make_generator(config.network)
  save_grid(path, _grid_fn(generator)(state.average))
