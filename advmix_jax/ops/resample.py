"""Resampling of images [B, H, W, C]: enlarge, shrink, blur, pool.

Contents: upscale2d, downscale2d, blur2d, max_pool2d and its slow twin
max_pool2d_reference.
"""

import functools

import jax
import jax.numpy as jnp


def upscale2d(x: jax.Array, factor: int = 2) -> jax.Array:
  """Nearest-neighbour enlargement: [B, H, W, C] -> [B, fH, fW, C]."""
  b, h, w, c = x.shape
  x = jnp.broadcast_to(x[:, :, None, :, None], (b, h, factor, w, factor, c))
  return x.reshape(b, h * factor, w * factor, c)


def downscale2d(x: jax.Array, factor: int = 2) -> jax.Array:
  """Box average: [B, H, W, C] -> [B, H/f, W/f, C]."""
  b, h, w, c = x.shape
  x = x.reshape(b, h // factor, factor, w // factor, factor, c)
  return x.mean((2, 4))


def _blur_axis(x, axis):
  pads = [(0, 0)] * 4
  pads[axis] = (1, 1)
  y = jnp.pad(x, pads)
  n = x.shape[axis]
  cut = functools.partial(jax.lax.slice_in_dim, y, axis=axis)
  return 0.25 * (cut(0, n) + cut(2, n + 2)) + 0.5 * x


def blur2d(x: jax.Array) -> jax.Array:
  """Blurs both axes with [1, 2, 1] / 4 and zero padding, by slices and sums."""
  return _blur_axis(_blur_axis(x, 1), 2)


@jax.custom_vjp
def max_pool2d(x: jax.Array) -> jax.Array:
  """Maximum of 2x2 pixels: [B, H, W, C] -> [B, H/2, W/2, C], H and W even.

  Of equal pixels, the first one gets the gradient. For the backward pass, the
  position of each maximum is stored in one byte; the input is not stored.
  Reverse mode only.
  """
  return max_pool2d_reference(x)


def max_pool2d_reference(x: jax.Array) -> jax.Array:
  """The slow twin of `max_pool2d`; equal pixels share the gradient."""
  b, h, w, c = x.shape
  return x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))


def _max_pool2d_fwd(x):
  b, h, w, c = x.shape
  x = x.reshape(b, h // 2, 2, w // 2, 2, c)
  y = x.max((2, 4))
  place = jnp.full(y.shape, 3, jnp.int8)
  for i in (2, 1, 0):
    place = jnp.where(x[:, :, i // 2, :, i % 2] == y, jnp.int8(i), place)
  return y, place


def _max_pool2d_bwd(place, gy):
  b, h, w, c = gy.shape
  places = jnp.arange(4, dtype=jnp.int8).reshape(1, 1, 2, 1, 2, 1)
  hit = place[:, :, None, :, None] == places
  gx = jnp.where(hit, gy[:, :, None, :, None], 0)
  return (gx.reshape(b, 2 * h, 2 * w, c),)


max_pool2d.defvjp(_max_pool2d_fwd, _max_pool2d_bwd)
