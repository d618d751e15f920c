"""Operations over pixels and over channels: norms, AdaIN, biases.

Images are NHWC. XLA's sums over the pixels of an image are slow on the CPU, so
this module computes them as matrix products, in gradients too. Norms of images
of 16 bits compute in 32 bits, and return 16.

Contents: EPSILON, pixel_sum, spread, add_bias, pixel_norm, adain and its slow
twin adain_reference, instance_norm, modulate, minibatch_stddev,
class_stddev.
"""

import functools
import math

import jax
import jax.numpy as jnp

from advmix_jax.runtime import parallel

EPSILON = 1e-8
_PIXELS = 1024


def pixel_sum(x: jax.Array) -> jax.Array:
  """Sum over the pixels: [B, H, W, C] -> [B, 1, 1, C].

  On the CPU it uses matrix products, which are faster than XLA's own sums. Each
  has at most about _PIXELS terms: a product adds its float32 terms one by one,
  so long sums would lose precision.
  """
  if jax.default_backend() != 'cpu':
    return x.sum((1, 2), keepdims=True)
  b, h, w, c = x.shape
  rows = math.gcd(h, max(1, _PIXELS // w))
  parts = x.reshape(b * h // rows, rows * w, c)
  sums = jnp.ones((len(parts), 1, rows * w), x.dtype) @ parts
  return sums.reshape(b, h // rows, 1, c).sum(1, keepdims=True)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def spread(v: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Broadcasts v to all pixels; its gradient is a `pixel_sum`.

  Reverse mode only.

  Args:
    v: [B, 1, 1, C], or [1, 1, 1, C] for the same values in all images.
    shape: (B, H, W, C).

  Returns:
    [B, H, W, C].
  """
  return jnp.broadcast_to(v, shape)


def _spread_bwd(shape, v, gy):
  total = pixel_sum(gy)
  return (total if len(v) == shape[0] else total.sum(0, keepdims=True),)


spread.defvjp(lambda v, shape: (spread(v, shape), v), _spread_bwd)


def add_bias(x: jax.Array, b: jax.Array) -> jax.Array:
  """Adds b [C] to x [B, H, W, C]."""
  return x + spread(b[None, None, None], x.shape)


def pixel_norm(x: jax.Array) -> jax.Array:
  """Scales the last axis to mean square 1."""
  return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + EPSILON)


@jax.custom_vjp
def adain(x: jax.Array, style: jax.Array) -> jax.Array:
  """Instance norm, then the style's scale (plus 1) and shift.

  The gradient needs two sums over the pixels; JAX's own would need four.
  Reverse mode only.

  Args:
    x: [B, H, W, C].
    style: [B, 2C], scales before shifts.

  Returns:
    [B, H, W, C], equal to `adain_reference` up to rounding.
  """
  return _adain_fwd(x, style)[0]


def adain_reference(x: jax.Array, style: jax.Array) -> jax.Array:
  """The slow twin of `adain`, Equation 1 of the StyleGAN paper."""
  scale, shift = jnp.split(style[:, None, None], 2, axis=-1)
  x = x - x.mean((1, 2), keepdims=True)
  var = jnp.square(x).mean((1, 2), keepdims=True)
  return x * jax.lax.rsqrt(var + EPSILON) * (scale + 1) + shift


def _wide(x):
  """x in 32 bits at least, where sums over pixels are precise."""
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _moments(x):
  """Mean and 1 / standard deviation over the pixels: [B, 1, 1, C] each."""
  size = x.shape[1] * x.shape[2]
  mean = pixel_sum(x) / size
  var = pixel_sum(jnp.square(x - mean)) / size
  return mean, jax.lax.rsqrt(var + EPSILON)


def _adain_fwd(x, style):
  scale, shift = jnp.split(style[:, None, None], 2, axis=-1)
  wide = _wide(x)
  mean, rate = _moments(wide)
  y = (wide - mean) * (rate * (scale + 1)) + shift
  return y.astype(x.dtype), (x, mean, rate, scale)


def _adain_bwd(residual, gy):
  x, mean, rate, scale = residual
  dtype = x.dtype
  x, gy = _wide(x) - mean, _wide(gy)
  shift, slope = pixel_sum(gy), pixel_sum(gy * x) * rate
  size = x.shape[1] * x.shape[2]
  gx = gy - (shift + x * (rate * slope)) / size
  style = jnp.concatenate([slope, shift], axis=-1).astype(scale.dtype)
  return (gx * (rate * (scale + 1))).astype(dtype), style[:, 0, 0]


adain.defvjp(_adain_fwd, _adain_bwd)


def instance_norm(x: jax.Array) -> jax.Array:
  """Normalises x [B, H, W, C] to mean 0, standard deviation 1 over H, W."""
  wide = _wide(x)
  mean, rate = _moments(wide)
  return ((wide - mean) * rate).astype(x.dtype)


def modulate(x: jax.Array, style: jax.Array) -> jax.Array:
  """Applies the style's scale (plus 1) and shift after `instance_norm`.

  Args:
    x: [B, H, W, C], the output of `instance_norm`.
    style: [B, 2C], scales before shifts.

  Returns:
    [B, H, W, C].
  """
  scale, shift = jnp.split(style[:, None, None], 2, axis=-1)
  y = _wide(x) * spread(scale + 1, x.shape) + spread(shift, x.shape)
  return y.astype(x.dtype)


def minibatch_stddev(
  x: jax.Array, group_size: int = 4, size: int | None = None
) -> jax.Array:
  """Appends a channel: the mean standard deviation over a group of samples.

  Sample n of N belongs to group n mod (N / G), G = min(group_size, N).

  Args:
    x: [B, H, W, C].
    group_size: The largest G.
    size: N, the samples of all devices, without padding rows (see parallel.py).
      None: no row is padding.

  Returns:
    [B, H, W, C + 1].

  Raises:
    ValueError: N is not a multiple of G.
  """
  local, x = x, parallel.gather(x)[:size]
  b, h, w, c = x.shape
  g = min(group_size, b)
  if b % g:
    raise ValueError(f'batch of {b} is not a multiple of the group size {g}')
  y = x.reshape(g, b // g, h, w, c)
  y = y - y.mean(0, keepdims=True)
  y = jnp.sqrt(jnp.square(y).mean(0) + EPSILON).mean((1, 2, 3))
  y = parallel.rows(lambda n: jnp.resize(y, n), len(local))
  y = jnp.broadcast_to(y[:, None, None, None], (len(local), h, w, 1))
  return jnp.concatenate([local, y], axis=-1)


def class_stddev(
  x: jax.Array, labels: jax.Array, size: int | None = None
) -> jax.Array:
  """Appends a channel: the mean standard deviation over a sample's own class.

  As `minibatch_stddev` with one group for each class of the batch; a class with
  a single sample has no deviation. In a group of several classes, most of the
  deviation is between them, and a generator that draws each class in one way
  is hard to tell.

  Args:
    x: [B, H, W, C].
    labels: [B, classes], one-hot.
    size: samples of all devices, without padding rows; None: no row is padding.

  Returns:
    [B, H, W, C + 1].
  """
  local, own = x, labels
  x, labels = parallel.gather(x)[:size], parallel.gather(labels)[:size]
  shares = labels / jnp.maximum(labels.sum(0), 1)
  mean = jnp.einsum('nk,nhwc->khwc', shares, x)
  y = jnp.square(x - jnp.einsum('nk,khwc->nhwc', labels, mean))
  y = jnp.einsum('nk,nhwc->khwc', shares, y)
  y = own @ jnp.sqrt(y + EPSILON).mean((1, 2, 3))
  y = jnp.broadcast_to(y[:, None, None, None], (*local.shape[:3], 1))
  return jnp.concatenate([local, y], axis=-1)
