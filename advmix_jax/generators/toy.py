"""The toy of Figure 4: points in the plane, and the generator that made them.

  x1 ~ N(z_⊥, sqrt 3), z_⊥ in {0, 10}       x2 ~ N(z_∥, 1), z_∥ = 20 y

The label y in {0, 1} decides z_∥ alone; z_⊥ is drawn independently of it, each
value with probability 1/2. The second parameter of N is taken as a standard
deviation.

A point is an image of one pixel with two channels, (x - LOW) / (HIGH - LOW).
Its latents are exact, in the units of x: the coarse layer is x2, the fine one
x1. So a mix moves a point along the first axis and leaves its second
coordinate, and with it its label, alone.

  image, label = toy.sample(seed=0, size=200)
  generator = toy.make_generator()
  batch = types.Batch(image, label, toy.encode(image))

Contents: LOW, HIGH, sample, make_generator, encode, to_points, to_image.
"""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax.types import Generator, Params

LOW, HIGH = -10.0, 30.0  # Values of x at 0 and 1 of the image.
_FINE = np.array([0.0, 10.0], np.float32)  # z_⊥
_COARSE = np.array([0.0, 20.0], np.float32)  # z_∥
_SPREAD = np.array([3**0.5, 1.0], np.float32)  # Of x1 and of x2.


def sample(*, seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
  """Draws points: images [N, 1, 1, 2] float32 and labels [N] int32.

  Labels take turns, so that both classes have the same size.
  """
  rng = np.random.default_rng(seed)
  label = (np.arange(size) % 2).astype(np.int32)
  middle = np.stack([_FINE[rng.integers(0, 2, size)], _COARSE[label]], axis=1)
  points = middle + _SPREAD * rng.standard_normal((size, 2))
  return to_image(points.astype(np.float32)), label


def make_generator() -> Generator:
  """The distribution of `sample` as a generator: L = 2, S = 1, D = 1, Z = 4.

  `map` turns the signs of z[:2] into z_⊥ and z_∥, and z[2:] into the noise of
  x1 and x2. There are no parameters: `init` returns {}.
  """

  def mapping(params: Params, z: jax.Array) -> jax.Array:
    del params
    which = (z[:, :2] > 0).astype(jnp.int32)
    middle = jnp.stack(
      [jnp.asarray(_FINE)[which[:, 0]], jnp.asarray(_COARSE)[which[:, 1]]], 1
    )
    points = middle + _SPREAD * z[:, 2:]
    return points[:, ::-1, None]

  def coarse(params: Params, z_par: jax.Array) -> jax.Array:
    del params
    return z_par[:, 0, 0]

  def fine(params: Params, x2: jax.Array, z_perp: jax.Array) -> jax.Array:
    del params
    return to_image(jnp.stack([z_perp[:, 0, 0], x2], axis=1))

  def synthesize(
    params: Params, w: jax.Array, rng: jax.Array | None = None
  ) -> jax.Array:
    del rng  # There is no noise.
    return fine(params, coarse(params, w[:, :1]), w[:, 1:])

  return Generator(
    init=lambda rng: {},
    map=mapping,
    synthesize=synthesize,
    coarse=coarse,
    fine=fine,
    num_layers=2,
    split=1,
    latent_size=4,
    dlatent_size=1,
  )


def encode(image: jax.Array) -> jax.Array:
  """Exact encoder: images [B, 1, 1, 2] -> latents [B, 2, 1]."""
  return to_points(image)[:, ::-1, None]


def to_points(image: jax.Array) -> jax.Array:
  """Images [B, 1, 1, 2] -> points (x1, x2), [B, 2]."""
  return LOW + (HIGH - LOW) * image[:, 0, 0]


def to_image(points: jax.Array) -> jax.Array:
  """Points [B, 2] -> images [B, 1, 1, 2]; in [0, 1] between LOW and HIGH."""
  return ((points - LOW) / (HIGH - LOW))[:, None, None]
