"""Where a restart of an attack begins.

Contents: StartFn, uniform_start_fn. On latents the start is a draw of the
generator, see algorithm2.py.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from advmix_jax.runtime import parallel

StartFn = Callable[[jax.Array], jax.Array]  # rng -> x~(0) [B, ...]


def uniform_start_fn(
  image: jax.Array,  # [B, H, W, C] in [0, 1]
  eps: float,
) -> StartFn:
  """Starts drawn uniformly in the l_inf ball around images, cut to [0, 1]."""

  def start(rng):
    noise = parallel.rows(
      lambda n: jax.random.uniform(
        rng, (n, *image.shape[1:]), image.dtype, -eps, eps
      ),
      len(image),
    )
    return jnp.clip(image + noise, 0.0, 1.0)

  return start
