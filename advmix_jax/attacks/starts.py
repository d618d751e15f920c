"""Random starts of an attack on pixels.

On latents, the starts are draws of the generator: see algorithm2.py.

Contents: StartFn, uniform_start_fn.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from advmix_jax.runtime import parallel

StartFn = Callable[[jax.Array], jax.Array]  # rng -> x~(0) [B, ...]


def uniform_start_fn(
  image: jax.Array,  # [B, H, W, C] in [0, 1]
  eps: float | jax.Array,
) -> StartFn:
  """Starts drawn uniformly in the l_inf ball around images, in [0, 1]."""

  def start(rng):
    noise = parallel.rows(
      lambda n: jax.random.uniform(
        rng, (n, *image.shape[1:]), image.dtype, -eps, eps
      ),
      len(image),
    )
    return jnp.clip(image + noise, 0.0, 1.0)

  return start
