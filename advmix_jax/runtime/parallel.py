"""Data parallelism over devices: every axis, collective and placement is here.

  step = parallel.compile(train_step, kind, split=(False, True, False),
                          out_split=False)
  state = step(state, batch, rng)

runs `train_step` on all devices, each with its rows of the arguments that are
split. `kind` is 'pmap', where the function sees its own rows only, or
'sharding', JAX's successor (jit and NamedSharding), where it sees the whole
batch and XLA splits the work. Both give what one device gives, up to the order
of sums, because functions say what they mean:

  parallel.rows(lambda n: jax.random.normal(rng, (n, 64)), len(x))
  loss = parallel.mean(losses, batch_size)   # this device's part of the mean
  grads = parallel.total(grads)              # the sum over devices
  whole = parallel.gather(x)                 # all rows

All of them are plain on a single device. A batch that the devices don't divide
is filled up with copies; `mean` doesn't count them, and outputs are cut off.
With several processes, each holds the whole batch in its memory, puts its own
rows on its own devices, and gets all rows of the outputs.

Contents: KINDS, check, count, rows, mean, counted, among_first, total, gather,
roll; compile.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

KINDS = ('pmap', 'sharding')
_AXIS = 'devices'


def check(kind: str) -> None:
  """Raises ValueError for a kind that isn't in KINDS."""
  if kind not in KINDS:
    raise ValueError(f'parallel is {kind!r}, expected one of {KINDS}')


def count() -> int:
  """Devices that share the batch in the function being traced."""
  try:
    return jax.lax.axis_size(_AXIS)
  except NameError:  # Not in a pmap.
    return 1


def rows(draw: Callable[[int], jax.Array], size: int) -> jax.Array:
  """This device's rows of draw(n), n being the rows of all devices.

  Args:
    draw: n -> [n, ...], the same on every device.
    size: Rows of one device.

  Returns:
    [size, ...]; draw(size) on a single device.
  """
  if count() == 1:
    return draw(size)
  whole = draw(size * count())
  first = jax.lax.axis_index(_AXIS) * size
  return jax.lax.dynamic_slice_in_dim(whole, first, size)


def mean(x: jax.Array, size: int) -> jax.Array:
  """This device's part of the mean over the batch: `total` of it is the mean.

  Args:
    x: [B, ...], a value per example of this device.
    size: Examples of the whole batch, without those that fill it up.

  Returns:
    [...].
  """
  if count() == 1 and len(x) == size:
    return x.mean(0)
  return counted(x, size).sum(0) / size


def counted(x: jax.Array, size: int) -> jax.Array:
  """x [B, ...] with zeros in rows that fill up a batch of `size` examples."""
  if count() == 1 and len(x) == size:
    return x
  return jnp.where(among_first(size, x), x, 0)


def among_first(size: int, x: jax.Array) -> jax.Array:
  """Which rows of x [B, ...] are of the first `size`: [B, 1, ...] bool."""
  place = rows(jnp.arange, len(x)).reshape((-1,) + (1,) * (x.ndim - 1))
  return place < size


def total(tree: Any) -> Any:
  """The sum over devices of every leaf."""
  return tree if count() == 1 else jax.lax.psum(tree, _AXIS)


def gather(x: jax.Array) -> jax.Array:
  """The rows of all devices."""
  return x if count() == 1 else jax.lax.all_gather(x, _AXIS, tiled=True)


def roll(x: jax.Array, size: int) -> jax.Array:
  """Row i of all devices' rows becomes row i + 1, and the last the first.

  Args:
    x: [B, ...].
    size: Examples of the whole batch; those beyond, which fill it up, stay.
  """
  whole = gather(x)
  parts = whole[size - 1 : size], whole[: size - 1], whole[size:]
  rolled = jnp.concatenate(parts)
  return rows(lambda n: rolled, len(x))


def compile(  # noqa: A001
  fn: Callable[..., Any],
  kind: str,
  *,
  split: Sequence[bool],
  out_split: bool,
  donate: Sequence[int] = (),
) -> Callable[..., Any]:
  """Compiles fn for all devices; `jax.jit` where there is a single one.

  Args:
    fn: Function of pytrees.
    kind: One of KINDS.
    split: Which arguments have rows, [B, ...] in every leaf, to share out.
    out_split: Whether the outputs have rows; else they are the same on all.
    donate: Arguments whose memory may be reused.

  Returns:
    A function of the same arguments and values; split outputs have the rows of
    the first split argument, on one device or on several.
  """
  check(kind)
  devices = list(jax.devices())
  if len(devices) == 1:
    return jax.jit(fn, donate_argnums=tuple(donate))
  build = {'pmap': _pmapped, 'sharding': _sharded}[kind]
  run = build(fn, tuple(split), out_split, tuple(donate), devices)
  return functools.partial(_call, run, tuple(split), out_split, len(devices))


def _call(run, split, out_split, parts, *args):
  """Fills up the rows to a multiple of the devices; cuts the outputs off."""
  size = next(
    len(jax.tree.leaves(arg)[0])
    for arg, s in zip(args, split, strict=True)
    if s
  )
  full = -(-size // parts) * parts
  if full != size:
    index = np.resize(np.arange(size), full)
    args = [
      jax.tree.map(lambda a: a[index], arg) if s else arg
      for arg, s in zip(args, split, strict=True)
    ]
  out = run(*args)
  if out_split and full != size:
    out = jax.tree.map(lambda a: a[:size], out)
  return out


def _pmapped(fn, split, out_split, donate, devices):
  """Each device sees its own rows; replicated outputs come once."""
  axes = tuple(0 if s else None for s in split)
  inner = jax.pmap(
    fn,
    axis_name=_AXIS,
    in_axes=axes,
    out_axes=0 if out_split else None,
    donate_argnums=donate,
    devices=devices,
  )
  parts, process = len(devices), jax.process_index()
  here = sum(device.process_index == process for device in devices)

  def fold(a):
    per_device = len(a) // parts
    first = process * here * per_device
    a = a[first : first + here * per_device]
    return a.reshape((here, per_device) + a.shape[1:])

  def run(*args):
    args = [
      jax.tree.map(fold, arg) if s else arg
      for arg, s in zip(args, split, strict=True)
    ]
    out = inner(*args)
    if out_split:
      out = jax.tree.map(lambda a: a.reshape((-1,) + a.shape[2:]), out)
      out = _all_rows(out)
    return out

  return run


def _sharded(fn, split, out_split, donate, devices):
  """XLA splits the work along the rows of a one-dimensional mesh."""
  mesh = jax.sharding.Mesh(
    np.array(devices), (_AXIS,), axis_types=(AxisType.Auto,)
  )
  shared = NamedSharding(mesh, PartitionSpec(_AXIS))
  whole = NamedSharding(mesh, PartitionSpec())
  shardings = tuple(shared if s else whole for s in split)
  inner = jax.jit(
    fn,
    in_shardings=shardings,
    out_shardings=shared if out_split else whole,
    donate_argnums=donate,
  )
  if jax.process_count() == 1:
    return inner

  def run(*args):
    args = [
      jax.tree.map(functools.partial(_place, sharding), arg)
      for sharding, arg in zip(shardings, args, strict=True)
    ]
    out = inner(*args)
    return _all_rows(out) if out_split else out

  return run


def _place(sharding, a):
  """An array that each process holds, as one array of all processes."""
  if isinstance(a, jax.Array):
    if not a.is_fully_addressable:
      return a  # It came from an earlier call.
    if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
      data = _place(sharding, jax.random.key_data(a))
      return jax.random.wrap_key_data(data, impl=jax.random.key_impl(a))
  a = np.asarray(a)
  return jax.make_array_from_callback(a.shape, sharding, lambda i: a[i])


def _all_rows(tree):
  """The rows of all processes, in each of them, as NumPy arrays."""
  if jax.process_count() == 1:
    return tree
  from jax.experimental import multihost_utils

  return multihost_utils.process_allgather(tree, tiled=True)
