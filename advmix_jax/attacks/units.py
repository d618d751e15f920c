"""The unit of an attack's radius: the spread of the latents w.

A radius of 0.03 means little by itself: w has another spread in every generator
and in every coordinate. `w_std` is that spread, so that eps * w_std is a radius
relative to it.

Contents: UNITS, w_std.
"""

import jax
import numpy as np

from advmix_jax.generators import mixing
from advmix_jax.types import Generator, Params

UNITS = ('w', 'w_std')

# Fixed draws, so that the unit is a function of the generator alone. A standard
# deviation of 1,024 draws is right within 2.2% (one standard error).
_DRAWS = 1024
_SEED = 0


def w_std(generator: Generator, generator_params: Params) -> jax.Array:
  """Standard deviation of each coordinate of z_⊥ = map(z)_⊥, [L-S, D].

  Over 1,024 fixed draws of z ~ N(0, 1), the same in every call. Costs as many
  passes of the mapping network, which needs no convolution.
  """
  shape = (_DRAWS, generator.latent_size)
  z = np.random.default_rng(_SEED).standard_normal(shape, np.float32)
  return mixing.map_fine(generator, generator_params, z).std(axis=0)
