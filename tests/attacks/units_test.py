"""Claims about units.py: the spread of w, from fixed draws."""

import jax.numpy as jnp
import numpy as np
from helpers import toy_subject as toy

from advmix_jax import attacks


def test_it_is_the_standard_deviation_of_w():
  """With map(z) = 3 z + 5 it is 3, within four standard errors of 1,024."""
  generator = toy.generator()
  generator = generator._replace(
    map=lambda params, z: jnp.stack([z, 3 * z + 5], axis=1)
  )
  std = attacks.w_std(generator, {})
  assert std.shape == (1, 1)
  np.testing.assert_allclose(std, 3, rtol=4 / np.sqrt(2 * 1024))
  np.testing.assert_array_equal(std, attacks.w_std(generator, {}))
