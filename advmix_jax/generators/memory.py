"""The same generator in less memory: parts of a batch, layers again, 16 bits.

  small = memory.planned(generator, microbatch=8, remat=True, dtype='bfloat16')

Gradients through a generator of 1024x1024 need most of a gigabyte per image, so
those of a batch of 64 fit nowhere. The functions here take and return what the
generator's do. So attacks, methods, the encoder and evaluations need not know:

- microbatch: `synthesize`, `coarse` and `fine` run on a few images at a time. A
  gradient keeps the inputs of each part only, and computes the rest again when
  it comes to that part: about one more forward pass.
- remat: a gradient keeps the input of each style layer only, and computes the
  layer again: one more forward pass. Checkpoints around each layer save memory
  where one around all layers doesn't: that holds all layers again at once.
- dtype 'bfloat16': weights and activations of the synthesis have 16 bits.
  Latents, `map`, styles, sums over pixels and images stay float32.

XLA removes the barriers of remat on the CPU, so remat saves nothing there.

With several devices, `parallel` 'pmap' gives each device parts of its own rows:
`microbatch` counts the images of one device. With 'sharding' the function sees
the whole batch: `microbatch` counts those of all devices. A part has every m-th
row of the batch, so that each device keeps a share of it; that is efficient
where the number of devices divides a part, and right in all cases.

Contents: DTYPES, planned, in_parts, rematerialised, in_bfloat16.
"""

import functools
from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.generators.stylegan_modules import StyleLayer

DTYPES = ('float32', 'bfloat16')


@functools.lru_cache(maxsize=8)  # Always the same functions: compiled once.
def planned(
  generator: types.Generator,
  *,
  microbatch: int = 0,
  remat: bool = False,
  dtype: str = 'float32',
) -> types.Generator:
  """The generator with another need of memory; by default, itself.

  Args:
    generator: a StyleGAN; `microbatch` takes any other, too.
    microbatch: images at a time; 0 = all.
    remat: whether a gradient computes style layers again.
    dtype: of the synthesis, one of DTYPES.

  Raises:
    ValueError: a negative microbatch, or an unknown dtype.
  """
  if microbatch < 0:
    raise ValueError(f'generator.microbatch is {microbatch}, expected >= 0')
  if dtype not in DTYPES:
    raise ValueError(f'generator.dtype is {dtype!r}, expected one of {DTYPES}')
  if dtype == 'bfloat16':
    generator = in_bfloat16(generator)
  if remat:
    generator = rematerialised(generator)
  return in_parts(generator, microbatch) if microbatch else generator


def in_parts(generator: types.Generator, most: int) -> types.Generator:
  """The generator with at most `most` images at a time; `map` stays whole.

  Fresh noise (`synthesize` with rng) differs from that of the whole batch where
  there are several parts: part i draws with fold_in(rng, i).
  """

  def synthesize(params, w, rng=None, **options):
    def part(rng, w):
      return generator.synthesize(params, w, rng, **options)

    return _map_parts(part, most, rng, w)

  def coarse(params, z_par):
    def part(_, z):
      return generator.coarse(params, z)

    return _map_parts(part, most, None, z_par)

  def fine(params, activations, z_perp):
    def part(_, x, z):
      return generator.fine(params, x, z)

    return _map_parts(part, most, None, activations, z_perp)

  return generator._replace(synthesize=synthesize, coarse=coarse, fine=fine)


def _map_parts(
  fn: Callable[..., Any], most: int, rng: jax.Array | None, *rows: Any
) -> Any:
  """fn(rng, *rows) on equal parts of the rows, one after the other.

  Args:
    fn: (key, *rows of a part) -> pytree of rows.
    most: rows of a part; the parts are as few, and as equal, as that allows.
    rng: key; None gives every part None.
    *rows: pytrees of arrays [B, ...].
  """
  size = len(jax.tree.leaves(rows)[0])
  count = -(-size // most)
  if count <= 1:
    return fn(rng, *rows)
  part = -(-size // count)

  def split(a):  # Row i goes to part i % count.
    if part * count != size:
      a = a[np.arange(part * count) % size]  # Padding rows, cut off below.
    return a.reshape((part, count) + a.shape[1:]).swapaxes(0, 1)

  def join(a):
    return a.swapaxes(0, 1).reshape((-1,) + a.shape[2:])[:size]

  def run(x):
    i, rows = x
    return fn(None if rng is None else jax.random.fold_in(rng, i), *rows)

  # In a loop, nothing merges what is computed again with the first pass.
  run = jax.checkpoint(run, prevent_cse=False)
  parts = jax.tree.map(split, rows)
  return jax.tree.map(join, jax.lax.map(run, (jnp.arange(count), parts)))


def rematerialised(generator: types.Generator) -> types.Generator:
  """The generator whose gradients compute each style layer again."""

  def layer(call, args, kwargs, context):
    # After the norm there is nothing to save: the style alone is left.
    whole = context.method_name == '__call__' and not kwargs.get('normalised')
    whole |= context.method_name == 'normalised'  # What `coarse` ends with.
    if isinstance(context.module, StyleLayer) and whole:
      return hk.remat(functools.partial(call, **kwargs))(*args)
    return call(*args, **kwargs)

  def again(fn):
    def run(*args, **kwargs):
      with hk.intercept_methods(layer):
        return fn(*args, **kwargs)

    return run

  return _around_synthesis(generator, again)


def in_bfloat16(generator: types.Generator) -> types.Generator:
  """The generator with weights and activations of 16 bits, see above.

  In 16 bits, `fine` of `coarse` and `synthesize` agree to rounding only.
  """

  def half(fn):
    return lambda params, *a, **k: fn(_half_synthesis(params), *a, **k)

  return _around_synthesis(generator, half)


def _half_synthesis(params):
  """Casts the weights of the synthesis, but for those that read latents."""
  return {
    module: weights
    if module.startswith('mapping') or module.endswith('/style')
    else jax.tree.map(lambda a: jnp.asarray(a, jnp.bfloat16), weights)
    for module, weights in params.items()
  }


def _around_synthesis(generator, wrap):
  return generator._replace(
    synthesize=wrap(generator.synthesize),
    coarse=wrap(generator.coarse),
    fine=wrap(generator.fine),
  )
