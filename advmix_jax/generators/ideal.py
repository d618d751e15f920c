"""Exact generators, where AdvMix can be checked against the true worst case.

Section 3 assumes a generator that disentangles perfectly. For coloured digits
it can be written down: z_∥ is the grey digit, z_⊥ is its colour, and

  dec(z_∥, z_⊥) = grey * colour,    enc(x) = (x / colour, colour),

the colour being the largest value of each channel. Z_⊥ are the legible colours,
those with a channel of at least MIN_BRIGHTNESS (a black digit on black is any
digit). As z_⊥ is three numbers, the worst case over Z_⊥ is found by a grid, and
Algorithm 2 can be held to it:

    generator = ideal.make_generator(test.image)
    params = generator.init(rng)
    w = ideal.encode(test.image)  # [N, 343, 3]
    z_par, z_perp = mixing.split_latents(w, generator.split)
    activations = generator.coarse(params, z_par)
    worst = attacks.grid_search(loss_fn, labels, ideal.color_grid(9)[:, None])

Attack it with a ball that covers Z_⊥ (eps = 1): the worst case is global then.

Contents: RESOLUTION, MIN_BRIGHTNESS, make_generator, default_generator, encode,
legible, color_grid.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from advmix_jax.datasets import colored_mnist, pixels
from advmix_jax.datasets.digits import load_digits
from advmix_jax.types import Generator, Params

RESOLUTION = 32  # Pixels on a side.
MIN_BRIGHTNESS = 0.5  # Of the brightest channel of a legible colour.
_COLOR = 3  # D: a colour, or three pixels.
_SPLIT = -(-(RESOLUTION**2) // _COLOR)  # S = 342 layers hold 1024 pixels.
_PAD = _SPLIT * _COLOR - RESOLUTION**2


def make_generator(
  images: jax.Array,  # [M, 32, 32, 3]
  *,
  colors: jax.Array | None = None,  # [C, 3]
  sigma: float = 0.0,
) -> Generator:
  """Builds the exact generator of coloured digits: L = 343, S = 342, D = 3.

  map(z) takes a digit of the bank by z[0] and a colour by z[1:], independent
  of each other: one of `colors`, uniformly, plus N(0, sigma); or, without
  `colors`, uniform in the cube. Colours are made legible, in `fine` also, where
  the gradient goes through unchanged, so that an attack needs no box.

  Args:
    images: the bank of coloured digits; their colours are dropped. They become
      part of what `init` returns.
    colors: mean colours in [0, 1], such as datasets.COLOR_MEANS.
    sigma: standard deviation of a colour around its mean.

  Returns:
    types.Generator whose images are exactly grey * colour; `coarse` returns the
    grey digit [B, 32, 32, 1].
  """
  free = colors is None

  def init(rng):
    del rng  # Nothing is random.
    means = np.zeros([0, _COLOR]) if free else np.asarray(colors)
    z_par = encode(jnp.asarray(images))[:, :_SPLIT]
    return {'ideal': {'digits': z_par, 'colors': jnp.float32(means)}}

  def mapping(params, z):
    bank = params['ideal']
    digit = bank['digits'][_index(z[:, 0], len(bank['digits']))]
    if free:
      color = norm.cdf(z[:, 2:])
    else:
      means = bank['colors']
      color = means[_index(z[:, 1], len(means))] + sigma * z[:, 2:]
    return jnp.concatenate([digit, legible(color)[:, None]], axis=1)

  def synthesize(params, w, rng=None):
    del rng  # There is no noise.
    return _fine(params, _coarse(params, w[:, :_SPLIT]), w[:, _SPLIT:])

  return Generator(
    init=init,
    map=mapping,
    synthesize=synthesize,
    coarse=_coarse,
    fine=_fine,
    num_layers=_SPLIT + 1,
    split=_SPLIT,
    latent_size=2 + _COLOR,
    dlatent_size=_COLOR,
  )


def _coarse(params, z_par):
  """z_∥ [B, 342, 3] -> grey digit [B, 32, 32, 1]."""
  del params
  flat = z_par.reshape(z_par.shape[0], -1)[:, : RESOLUTION**2]
  return flat.reshape(-1, RESOLUTION, RESOLUTION, 1)


def _fine(params, grey, z_perp):
  """Grey digit [B, 32, 32, 1], z_⊥ [B, 1, 3] -> image [B, 32, 32, 3]."""
  del params
  return grey * _legible_straight_through(z_perp)[:, None]


@functools.cache  # The same functions, so that jit compiles them once.
def default_generator() -> tuple[Generator, Params]:
  """The generator of `generator.name='ideal'`, and its parameters.

  Its bank holds ten digits; it draws colours uniformly from all legible ones.
  """
  ink = load_digits('embedded', 'train', limit=10)
  bank = colored_mnist.make(ink, sigma=0.0, seed=0, biased=True)
  generator = make_generator(pixels.to_float(bank.image))
  return generator, generator.init(None)


def encode(
  image: jax.Array,  # [B, 32, 32, 3] in [0, 1]
) -> jax.Array:
  """Exact encoder: image -> latents [B, 343, 3], dec(enc(x)) = x.

  Exact for every grey digit times a colour, if its brightest pixel reaches
  MIN_BRIGHTNESS. A factor could go to grey or to colour: grey's maximum is 1.

  Raises:
    ValueError: the images have another shape.
  """
  if image.shape[1:] != (RESOLUTION, RESOLUTION, _COLOR):
    raise ValueError(
      f'images have shape {image.shape}, expected [B, 32, 32, 3]'
    )
  color = image.max(axis=(1, 2))  # [B, 3]
  total = color.sum(axis=-1)
  scale = jnp.where(total > 0, total, 1.0)
  flat = image.sum(axis=-1).reshape(image.shape[0], -1) / scale[:, None]
  flat = jnp.pad(flat, ((0, 0), (0, _PAD)))
  z_par = flat.reshape(-1, _SPLIT, _COLOR)
  return jnp.concatenate([z_par, color[:, None]], axis=1)


def legible(color: jax.Array) -> jax.Array:
  """Brings colours [..., 3] into Z_⊥: in the cube and bright enough.

  Legible colours are unchanged; others are clipped to [0, 1], and scaled up
  until their largest channel has MIN_BRIGHTNESS. Black becomes grey.
  """
  color = jnp.clip(color, 0.0, 1.0)
  top = color.max(axis=-1, keepdims=True)
  factor = MIN_BRIGHTNESS / jnp.where(top > 0, top, 1.0)
  brighter = jnp.where(top > 0, color * factor, MIN_BRIGHTNESS)
  return jnp.where(top < MIN_BRIGHTNESS, brighter, color)


@jax.custom_jvp
def _legible_straight_through(color):
  return legible(color)


@_legible_straight_through.defjvp
def _legible_jvp(primals, tangents):
  return legible(*primals), tangents[0]


def color_grid(size: int) -> jax.Array:
  """Legible colours of a size^3 grid over the cube with its corners: [G, 3]."""
  axis = np.linspace(0, 1, size, dtype=np.float32)
  grid = np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1)
  grid = grid.reshape(-1, _COLOR)
  return jnp.asarray(grid[grid.max(axis=-1) >= MIN_BRIGHTNESS])


def _index(z, size):
  """Turns z ~ N(0, 1) into a uniform index below `size`."""
  return jnp.minimum((norm.cdf(z) * size).astype(jnp.int32), size - 1)
