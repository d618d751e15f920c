"""An exact generator of coloured digits, whose true worst case is known.

Section 3 assumes a generator that disentangles perfectly. For coloured digits
it can be written down: z_∥ is the grey digit, z_⊥ is its colour, and

  dec(z_∥, z_⊥) = grey * colour,    enc(x) = (x / colour, colour),

where the colour is the largest value of each channel. Z_⊥ is the set of legible
colours: those with a channel of at least MIN_BRIGHTNESS (all black digits look
the same). As z_⊥ has only three numbers, a grid search finds the worst case
over Z_⊥, and Algorithm 2 can be compared with it:

    images = datasets.to_float(test.image)
    generator = ideal.make_generator(images)
    params = generator.init(rng)
    w = ideal.encode(images)  # [N, 343, 3]
    z_par, _ = mixing.split_latents(w, generator.split)
    grey = generator.coarse(params, z_par)

    def loss_fn(z_perp):
      logits = logits_fn(generator.fine(params, grey, z_perp))
      return attacks.margin(logits, labels), logits

    worst = attacks.grid_search(loss_fn, labels, ideal.color_grid(9)[:, None])

Give Algorithm 2 a ball that covers Z_⊥ (eps = 1), so that it searches all of
Z_⊥, too.

Contents: COLORS, RESOLUTION, MIN_BRIGHTNESS, make_generator, is_ideal,
default_generator, encode, legible, color_grid.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from advmix_jax.datasets import class_shares, colored_mnist, pixels
from advmix_jax.datasets.digits import load_digits
from advmix_jax.types import Generator, Params

COLORS = ('legible', *colored_mnist.NAMES)  # What `generator.colors` may be.
RESOLUTION = 32  # Pixels on a side.
MIN_BRIGHTNESS = 0.5  # Of the brightest channel of a legible colour.
_COLOR = 3  # D: a colour, or three pixels.
_SPLIT = -(-(RESOLUTION**2) // _COLOR)  # S = 342 layers hold 1024 pixels.
_PAD = _SPLIT * _COLOR - RESOLUTION**2


def make_generator(
  images: jax.Array,  # [M, 32, 32, 3]
  *,
  colors: jax.Array | None = None,  # [C, 3]
  color_shares: Sequence[float] = (),  # [C]
) -> Generator:
  """Builds the exact generator of coloured digits: L = 343, S = 342, D = 3.

  map(z) draws a digit of the bank by z[0] and, independently, a colour by
  z[1:]: one of `colors`; without `colors`, a uniform colour of the cube. Both
  `map` and `fine` make colours legible. In `fine` the gradient passes this step
  unchanged, so an attack needs no box constraint.

  Args:
    images: the bank of coloured digits; their colours are dropped. The grey
      digits become part of the parameters that `init` returns.
    colors: mean colours in [0, 1], such as colored_mnist.COLOR_MEANS.
    color_shares: probability of each; () draws them uniformly.

  Returns:
    types.Generator whose images are exactly grey * colour; its `coarse` returns
    the grey digits [B, 32, 32, 1].

  Raises:
    ValueError: color_shares are not one probability for each of `colors`.
  """
  free = colors is None
  _check_shares(color_shares, 0 if free else len(colors))

  def init(rng):
    del rng  # The parameters are not random.
    means = np.zeros([0, _COLOR]) if free else np.asarray(colors)
    z_par = encode(jnp.asarray(images))[:, :_SPLIT]
    return {'ideal': {'digits': z_par, 'colors': jnp.float32(means)}}

  def mapping(params: Params, z: jax.Array) -> jax.Array:
    bank = params['ideal']
    digit = bank['digits'][_index(z[:, 0], len(bank['digits']))]
    color = norm.cdf(z[:, 2:])
    if not free:
      choice = _choose(z[:, 1], color_shares, len(bank['colors']))
      color = bank['colors'][choice]
    return jnp.concatenate([digit, legible(color)[:, None]], axis=1)

  return Generator(
    init=init,
    map=mapping,
    synthesize=_synthesize,
    coarse=_coarse,
    fine=_fine,
    num_layers=_SPLIT + 1,
    split=_SPLIT,
    latent_size=2 + _COLOR,
    dlatent_size=_COLOR,
  )


def is_ideal(generator: Generator) -> bool:
  """Whether `make_generator` made it, so that `encode` is its exact encoder."""
  return generator.synthesize is _synthesize


def _synthesize(params, w, rng=None):
  """Latents [B, 343, 3] -> image [B, 32, 32, 3]."""
  del rng  # There is no noise.
  return _fine(params, _coarse(params, w[:, :_SPLIT]), w[:, _SPLIT:])


def _coarse(params, z_par):
  """z_∥ [B, 342, 3] -> grey digit [B, 32, 32, 1]."""
  del params
  flat = z_par.reshape(z_par.shape[0], -1)[:, : RESOLUTION**2]
  return flat.reshape(-1, RESOLUTION, RESOLUTION, 1)


def _fine(params, grey, z_perp):
  """Grey digit [B, 32, 32, 1], z_⊥ [B, 1, 3] -> image [B, 32, 32, 3]."""
  del params
  return grey * _legible_straight_through(z_perp)[:, None]


def default_generator(
  colors: str = 'legible', color_shares: Sequence[float] = ()
) -> tuple[Generator, Params]:
  """The generator of `generator.name='ideal'`, and its parameters.

  Its bank holds ten digits.

  Args:
    colors: 'legible' draws a uniform colour of the cube, made legible if it is
      too dark; 'colored_mnist' or 'rgb_mnist' a mean colour of that data set.
    color_shares: probability of each mean colour; () draws them uniformly.

  Raises:
    ValueError: unknown colours, or shares that don't fit them.
  """
  return _default_generator(colors, tuple(color_shares))


@functools.cache  # Always the same functions, so jit compiles them once.
def _default_generator(colors, color_shares):
  if colors not in COLORS:
    raise ValueError(
      f'generator.colors is {colors!r}, expected one of {COLORS}'
    )
  means = None if colors == 'legible' else colored_mnist.mean_colors(colors)
  ink = load_digits('embedded', 'train', limit=10)
  bank = colored_mnist.make(ink, sigma=0.0, seed=0, biased=True)
  generator = make_generator(
    pixels.to_float(bank.image), colors=means, color_shares=color_shares
  )
  return generator, generator.init(None)


def encode(
  image: jax.Array,  # [B, 32, 32, 3] in [0, 1]
) -> jax.Array:
  """Exact encoder: image -> latents [B, 343, 3], with dec(enc(x)) = x.

  Exact for each image that is a grey digit times a colour and whose brightest
  pixel reaches MIN_BRIGHTNESS. The grey digit is scaled to maximum 1, so that
  the factors are unique.

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
  """Moves colours [..., 3] into Z_⊥: in the cube and bright enough.

  Legible colours stay unchanged. Others are clipped to [0, 1] and, if they are
  too dark, scaled up until their largest channel is MIN_BRIGHTNESS. Black
  becomes grey.
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
  """Legible colours [G, 3] of a size^3 grid on the cube, corners included."""
  axis = np.linspace(0, 1, size, dtype=np.float32)
  grid = np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1)
  grid = grid.reshape(-1, _COLOR)
  return jnp.asarray(grid[grid.max(axis=-1) >= MIN_BRIGHTNESS])


def _check_shares(shares, num_colors):
  if shares and not class_shares.are_shares(shares, num_colors):
    raise ValueError(
      f'color_shares are {tuple(shares)}, expected () or {num_colors} numbers'
      ' >= 0 with sum 1, one for each mean colour'
    )


def _choose(z, shares, size):
  """Turns z ~ N(0, 1) into an index below `size` with these probabilities."""
  if not shares:
    return _index(z, size)
  edges = jnp.cumsum(jnp.asarray(shares, jnp.float32))[:-1]
  return jnp.searchsorted(edges, norm.cdf(z), side='right')


def _index(z, size):
  """Turns z ~ N(0, 1) into a uniform index below `size`."""
  return jnp.minimum((norm.cdf(z) * size).astype(jnp.int32), size - 1)
