"""Data parallelism over devices: all axes, collectives and placements.

  step = parallel.compile(train_step, kind, split=(False, True, False),
                          out_split=False)
  state = step(state, batch, rng)

runs `train_step` on all devices; each device gets its rows of the arguments
that are split. With kind 'pmap' the function sees only the rows of its device.
With kind 'sharding', the successor of pmap in JAX (jit and NamedSharding), the
function sees the whole batch and XLA splits the work. Both give the result of a
single device, up to the order of sums, if the function uses these operations:

  parallel.rows(lambda n: jax.random.normal(rng, (n, 64)), len(x))
  loss = parallel.mean(losses, batch_size)   # this device's part of the mean
  grads = parallel.total(grads)              # the sum over devices
  whole = parallel.gather(x)                 # all rows

On a single device they communicate nothing. If the number of devices doesn't
divide the batch, copies of its rows are appended as padding rows. `mean`
ignores padding rows, and outputs are returned without them. With several
processes, each process holds the whole batch in memory, puts its rows on its
own devices, and gets all rows of the outputs.

Contents: KINDS, check, count, rows, mean, counted, among_first, total, gather,
compile.
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
  """Number of devices that share the batch in the function being traced."""
  try:
    return jax.lax.axis_size(_AXIS)
  except NameError:  # Not inside pmap.
    return 1


def rows(draw: Callable[[int], jax.Array], size: int) -> jax.Array:
  """This device's rows of draw(n), where n counts the rows of all devices.

  Args:
    draw: n -> [n, ...], the same on every device.
    size: Number of rows of one device.

  Returns:
    [size, ...]; draw(size) on a single device.
  """
  if count() == 1:
    return draw(size)
  whole = draw(size * count())
  first = jax.lax.axis_index(_AXIS) * size
  return jax.lax.dynamic_slice_in_dim(whole, first, size)


def mean(x: jax.Array, size: int) -> jax.Array:
  """This device's part of the batch mean; `total` of the parts is the mean.

  Args:
    x: [B, ...], one value per example of this device.
    size: Number of examples in the whole batch, without padding rows.

  Returns:
    [...].
  """
  if count() == 1 and len(x) == size:
    return x.mean(0)
  return counted(x, size).sum(0) / size


def counted(x: jax.Array, size: int) -> jax.Array:
  """x [B, ...] with zeros in the padding rows of a batch of `size` examples."""
  if count() == 1 and len(x) == size:
    return x
  return jnp.where(among_first(size, x), x, 0)


def among_first(size: int, x: jax.Array) -> jax.Array:
  """Masks the first `size` rows of the whole batch.

  Args:
    size: Number of rows, counted over all devices.
    x: [B, ...], the rows of this device.

  Returns:
    [B, 1, ...] bool, True for rows of x that are among the first `size`.
  """
  place = rows(jnp.arange, len(x)).reshape((-1,) + (1,) * (x.ndim - 1))
  return place < size


def total(tree: Any) -> Any:
  """Sums every leaf over devices."""
  return tree if count() == 1 else jax.lax.psum(tree, _AXIS)


def gather(x: jax.Array) -> jax.Array:
  """Returns the rows of all devices, on each device."""
  return x if count() == 1 else jax.lax.all_gather(x, _AXIS, tiled=True)


def compile(  # noqa: A001
  fn: Callable[..., Any],
  kind: str,
  *,
  split: Sequence[bool],
  out_split: bool,
  donate: Sequence[int] = (),
) -> Callable[..., Any]:
  """Compiles fn for all devices; with a single device, this is `jax.jit`.

  Args:
    fn: Function of pytrees.
    kind: One of KINDS.
    split: For each argument, whether its rows ([B, ...] in every leaf) are
      split over devices.
    out_split: Whether the outputs are split by rows; otherwise they are equal
      on all devices.
    donate: Indices of arguments whose memory may be reused.

  Returns:
    A function with the arguments and outputs of fn. Split outputs have as many
    rows as the first split argument, for any number of devices.
  """
  check(kind)
  devices = list(jax.devices())
  if len(devices) == 1:
    return jax.jit(fn, donate_argnums=tuple(donate))
  build = {'pmap': _pmapped, 'sharding': _sharded}[kind]
  run = build(fn, tuple(split), out_split, tuple(donate), devices)
  return functools.partial(_call, run, tuple(split), out_split, len(devices))


def _call(
  run: Callable[..., Any],
  split: Sequence[bool],
  out_split: bool,
  parts: int,
  *args: Any,
) -> Any:
  """Pads the rows to a multiple of `parts` devices, and trims the outputs."""
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
  """Each device sees its own rows; outputs that are not split exist once."""
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
  """Turns an array that each process holds into one global array."""
  if isinstance(a, jax.Array):
    if not a.is_fully_addressable:
      return a  # The output of an earlier call.
    if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
      data = _place(sharding, jax.random.key_data(a))
      return jax.random.wrap_key_data(data, impl=jax.random.key_impl(a))
  a = np.asarray(a)
  return jax.make_array_from_callback(a.shape, sharding, lambda i: a[i])


def _all_rows(tree):
  """Returns the rows of all processes, in each process, as NumPy arrays."""
  if jax.process_count() == 1:
    return tree
  from jax.experimental import multihost_utils

  return multihost_utils.process_allgather(tree, tiled=True)
