"""Convolutions, NHWC for images and HWIO for kernels.

XLA's own gradient of a convolution is slow on its CPU backend (10 to 30 times
slower inside `lax.scan`), so `conv2d` defines its own backward pass: the input
gradient is again a plain convolution, the weight gradient one matrix product
per kernel row. The backward pass is itself differentiable, so a gradient of a
gradient (R1) works. GPU and TPU use XLA's own gradient.

Contents: weight_gradient, conv2d, upscale_conv2d, conv2d_downscale, and the
slow twins of the last two, upscale_conv2d_reference and
conv2d_downscale_reference.
"""

import functools

import jax
import jax.numpy as jnp

from advmix_jax.ops.resample import downscale2d, upscale2d
from advmix_jax.runtime import parallel

_CACHE = 2 << 20  # Bytes; about the private cache of one core.
_NARROW = 4  # Channels.


def _lax_conv(x, w, pad):
  return jax.lax.conv_general_dilated(
    x, w, (1, 1), (pad, pad), dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )


def _from_narrow_conv(x, w, pad):
  """`_lax_conv` for few input channels: one product of k * k copies of x."""
  return _taps(x, w.shape[0], pad) @ w.reshape(-1, w.shape[-1])


def _taps(x, k, pad):
  """The shifted copies of x that a k x k kernel reads, joined as channels."""
  x = jnp.pad(x, ((0, 0), pad, pad, (0, 0)))
  h, width = (n - k + 1 for n in x.shape[1:3])
  taps = [(i, j) for i in range(k) for j in range(k)]
  copies = [x[:, i : i + h, j : j + width] for i, j in taps]
  return jnp.concatenate(copies, axis=-1)


def _to_narrow_conv(x, w, pad):
  """`_lax_conv` for few output channels: products per pixel, shifted, added."""
  k, _, c, o = w.shape
  y = x @ w.transpose(2, 0, 1, 3).reshape(c, -1)
  y = y.reshape(x.shape[:3] + (k, k, o))

  def edges(i):
    return pad[0] - i, pad[1] - (k - 1 - i), 0  # Below 0: crops.

  def shifted(i, j):
    whole = (0, 0, 0)
    widths = (whole, edges(i), edges(j), whole)
    return jax.lax.pad(y[:, :, :, i, j], jnp.zeros((), y.dtype), widths)

  return sum(shifted(i, j) for i in range(k) for j in range(k))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _cpu_conv(x, w, pad):
  """Convolves by matrix products if channels are few: faster than XLA's."""
  c, o = w.shape[-2:]
  if c <= _NARROW < o:
    return _from_narrow_conv(x, w, pad)
  return (_to_narrow_conv if o <= _NARROW < c else _lax_conv)(x, w, pad)


def _cpu_conv_fwd(x, w, pad):
  return _cpu_conv(x, w, pad), (x, w)


def _cpu_conv_bwd(pad, residual, gy):
  x, w = residual
  flipped = w[::-1, ::-1].swapaxes(2, 3)
  k = w.shape[0]
  dx = _cpu_conv(gy, flipped, (k - 1 - pad[0], k - 1 - pad[1]))
  return dx, weight_gradient(x, gy, k, pad)


def weight_gradient(
  x: jax.Array, gy: jax.Array, k: int, pad: tuple[int, int]
) -> jax.Array:
  """Gradient of a stride-1 convolution, summed over parts of the batch.

  The shifted copies of a part fit in the processor's cache. The last part is
  padded with images of zeros, which add nothing.

  Args:
    x: [B, H, W, C], the input.
    gy: [B, H', W', O], the gradient of the output.
    k: size of the kernel.
    pad: zeros before and after both spatial axes.

  Returns:
    [k, k, C, O].
  """
  narrow = x.shape[-1] <= _NARROW
  part_gradient = _narrow_part_gradient if narrow else _part_gradient
  parts = _parts(len(gy), k * k * x.nbytes if narrow else k * gy.nbytes)
  x, gy = (_split_batch(a, parts) for a in (x, gy))

  def add(total, pair):
    return total + part_gradient(*pair, k, pad), None

  total = jnp.zeros((k, k, x.shape[-1], gy.shape[-1]), x.dtype)
  return jax.lax.scan(add, total, (x, gy))[0]


def _parts(size, nbytes):
  """Number of parts to split a batch into, so that each fits in _CACHE.

  Args:
    size: Number of examples.
    nbytes: Bytes of all examples together.
  """
  if jax.device_count() > parallel.count():
    return 1  # XLA splits the batch over devices already.
  least = max(1, min(size, -(-nbytes // _CACHE)))
  most = min(size, 2 * least)
  # Prefer equal parts, which need no padding, up to twice as many parts.
  return next((n for n in range(least, most + 1) if size % n == 0), least)


def _split_batch(x, parts):
  """[B, ...] -> [parts, n, ...], padded with zeros."""
  n = -(-len(x) // parts)
  x = jnp.pad(x, ((0, parts * n - len(x)),) + ((0, 0),) * (x.ndim - 1))
  return x.reshape((parts, n) + x.shape[1:])


def _part_gradient(x, gy, k, pad):
  """Gradient of a stride-1 convolution by one matrix product per kernel row.

  Copies of gy shifted along the width are joined as channels, and x is shifted
  along the height. So the products are k * O wide even if O is small.
  """
  b, h, _, o = gy.shape
  width = x.shape[2]
  side = (k - 1 - pad[0], k - 1 - pad[1])
  gy = jnp.pad(gy, ((0, 0), (0, 0), side, (0, 0)))
  shifted = [gy[:, :, k - 1 - j : k - 1 - j + width] for j in range(k)]
  gy = jnp.concatenate(shifted, axis=-1).reshape(b * h * width, k * o)
  x = jnp.pad(x, ((0, 0), pad, (0, 0), (0, 0)))
  rows = [x[:, i : i + h].reshape(b * h * width, -1).T @ gy for i in range(k)]
  return jnp.stack(rows).reshape(k, -1, k, o).swapaxes(1, 2)


def _narrow_part_gradient(x, gy, k, pad):
  """`_part_gradient` for few input channels: one product of k * k copies."""
  o = gy.shape[-1]
  x = _taps(x, k, pad).reshape(gy.size // o, -1)
  return (x.T @ gy.reshape(-1, o)).reshape(k, k, -1, o)


_cpu_conv.defvjp(_cpu_conv_fwd, _cpu_conv_bwd)


def conv2d(
  x: jax.Array, w: jax.Array, *, pad: tuple[int, int] | None = None
) -> jax.Array:
  """Stride-1 convolution with a fast, twice differentiable CPU backward.

  Args:
    x: [B, H, W, C].
    w: [k, k, C, O], square.
    pad: Zeros before and after both spatial axes. None keeps the size of the
      image (k odd).

  Returns:
    [B, H', W', O].
  """
  pad = (w.shape[0] // 2,) * 2 if pad is None else pad
  if w.shape[0] == 1 and pad == (0, 0):
    return x @ w[0, 0]
  if jax.default_backend() == 'cpu':
    return _cpu_conv(x, w, pad)
  return _lax_conv(x, w, pad)


def _pair_sums(w, axis):
  """[3] -> [4] along `axis`: k[m] = w[m-1] + w[m], zero outside."""
  pads = [(0, 0)] * w.ndim
  pads[axis] = (1, 0)
  left = jnp.pad(w, pads)
  pads[axis] = (0, 1)
  return left + jnp.pad(w, pads)


def _blocks(k):
  """[4, 4, C, O] -> [2, 2, 2, 2, C, O] as (tap, tap, phase, phase, C, O)."""
  k = k.reshape((2, 2, 2, 2) + k.shape[2:])
  return k.transpose(0, 2, 1, 3, 4, 5)


def upscale_conv2d(x: jax.Array, w: jax.Array) -> jax.Array:
  """Nearest-neighbour x2, then a 3x3 convolution, as one 2x2 convolution.

  Output pixel 2j+p-1 depends only on input pixels j-1 and j. So a convolution
  with four taps and four phases (p along both axes) replaces nine taps at four
  times as many pixels: 16 products instead of 36.

  Args:
    x: [B, H, W, C].
    w: [3, 3, C, O].

  Returns:
    [B, 2H, 2W, O], equal to `upscale_conv2d_reference` up to rounding.
  """
  b, h, width, c = x.shape
  o = w.shape[-1]
  k = _pair_sums(_pair_sums(w, 0), 1)[::-1, ::-1]
  taps = _blocks(k)[::-1, ::-1].transpose(0, 1, 4, 2, 3, 5)
  y = conv2d(x, taps.reshape(2, 2, c, 4 * o), pad=(1, 1))
  y = y.reshape(b, h + 1, width + 1, 2, 2, o).transpose(0, 1, 3, 2, 4, 5)
  return y.reshape(b, 2 * h + 2, 2 * width + 2, o)[:, 1:-1, 1:-1]


def upscale_conv2d_reference(x: jax.Array, w: jax.Array) -> jax.Array:
  """The slow twin of `upscale_conv2d`, as the paper describes the layer."""
  return conv2d(upscale2d(x), w)


def conv2d_downscale(x: jax.Array, w: jax.Array) -> jax.Array:
  """A 3x3 convolution, then the mean of 2x2 pixels, as one 2x2 convolution.

  Args:
    x: [B, H, W, C], H and W even.
    w: [3, 3, C, O].

  Returns:
    [B, H/2, W/2, O], equal to `conv2d_downscale_reference` up to rounding.
  """
  b, h, width, c = x.shape
  x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  x = x.reshape(b, h // 2 + 1, 2, width // 2 + 1, 2, c)
  x = x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2 + 1, width // 2 + 1, -1)
  k = _pair_sums(_pair_sums(w, 0), 1) / 4
  return conv2d(x, _blocks(k).reshape(2, 2, 4 * c, -1), pad=(0, 0))


def conv2d_downscale_reference(x: jax.Array, w: jax.Array) -> jax.Array:
  """The slow twin of `conv2d_downscale`."""
  return downscale2d(conv2d(x, w))
