"""Claims about mixing.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import types
from advmix_jax.generators import mixing

RNG = jax.random.key(0)


def toy_generator(layers=5, split=3, z_size=4, d=2):
  """map(z)[b, l] = (l + 1) * params @ z[b]; the rest is not used here."""
  scale = jnp.arange(1.0, layers + 1)[None, :, None]
  return types.Generator(
    init=lambda rng: jax.random.normal(rng, (z_size, d)),
    map=lambda params, z: scale * (z @ params)[:, None],
    synthesize=None,
    coarse=None,
    fine=None,
    num_layers=layers,
    split=split,
    latent_size=z_size,
    dlatent_size=d,
  )


@pytest.mark.parametrize('split', [1, 3, 4])
def test_merge_undoes_split(split):
  w = jax.random.normal(RNG, (6, 5, 2))
  z_par, z_perp = mixing.split_latents(w, split)
  assert z_par.shape[1] == split
  np.testing.assert_array_equal(mixing.merge_latents(z_par, z_perp), w)


@pytest.mark.parametrize('shape, split', [((6, 5, 2), 5), ((6, 5, 2), 0),
                                          ((6, 5), 2)])  # fmt: skip
def test_a_split_without_two_parts_is_refused(shape, split):
  with pytest.raises(ValueError, match=f'split is {split} for latents of'):
    mixing.split_latents(jnp.zeros(shape), split)


def test_random_fine_is_the_fine_part_of_map_of_normal_z():
  generator = toy_generator()
  params = generator.init(RNG)
  fine = mixing.random_fine(generator, params, RNG, 2000)
  assert fine.shape == (2000, 2, 2)
  # Layers 4 and 5 hold 4 and 5 times the same draw: z @ params, whose
  # covariance is params' params; 2000 draws give it within 15% (5 sigma).
  np.testing.assert_allclose(fine[:, 0] / 4, fine[:, 1] / 5, rtol=1e-5)
  expected = params.T @ params
  found = np.cov(np.asarray(fine[:, 0] / 4).T)
  np.testing.assert_allclose(found, expected, atol=0.15 * expected.max())


def test_random_fine_differs_by_key():
  generator = toy_generator()
  params = generator.init(RNG)
  first, second = (
    mixing.random_fine(generator, params, jax.random.key(i), 3) for i in (1, 2)
  )
  assert not jnp.isclose(first, second).any()
