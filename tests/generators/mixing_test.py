"""Claims about mixing.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import types
from advmix_jax.attacks import pgd as attacks
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


def test_donors_give_fine_latents_only():
  w = jax.random.normal(RNG, (20, 5, 2))
  mixed, donors = mixing.mix_with_donors(RNG, w, split=3)
  np.testing.assert_array_equal(mixed[:, :3], w[:, :3])
  np.testing.assert_array_equal(mixed[:, 3:], w[donors, 3:])
  np.testing.assert_array_equal(np.sort(donors), np.arange(20))
  assert (donors != np.arange(20)).any()


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


def test_truncation_goes_from_the_average_to_the_draw():
  generator = toy_generator()
  params = generator.init(RNG)
  average = jax.random.normal(jax.random.key(3), (5, 2))

  def draw(psi):
    return mixing.random_fine(
      generator, params, RNG, 3, truncation=psi, average=average
    )

  mean = jnp.broadcast_to(average[3:], (3, 2, 2))
  np.testing.assert_allclose(draw(0.0), mean, rtol=1e-6)
  np.testing.assert_allclose(draw(0.5), (mean + draw(1.0)) / 2, rtol=1e-5)
  with pytest.raises(ValueError, match='truncation is 0.7, which needs'):
    mixing.random_fine(generator, params, RNG, 3, truncation=0.7)


@pytest.mark.parametrize('d', [2, 16, 512])
def test_the_shell_has_the_radii_of_equation_15(d):
  """Scaling alone: directions stay, norms are clipped to sqrt(d) +- d^1/4."""
  direction = jax.random.normal(RNG, (1, d))
  direction /= jnp.linalg.norm(direction)
  norms = jnp.array([[1e-3], [d**0.5], [1e3]])
  z = mixing.typical_set_fn(1.0)(norms * direction, None, None)
  radii = jnp.array([[d**0.5 - d**0.25], [d**0.5], [d**0.5 + d**0.25]])
  np.testing.assert_allclose(z, radii * direction, rtol=1e-4, atol=1e-6)


def test_the_shell_holds_nearly_all_draws_in_high_dimension():
  """|z| is N(sqrt(d), 1/2): beyond 2 d^1/4 lie no draws at d = 512."""
  z = jax.random.normal(RNG, (1000, 512))
  np.testing.assert_allclose(
    mixing.typical_set_fn(2.0)(z, None, None), z, rtol=1e-5
  )


def test_the_shell_leaves_the_origin_alone_and_has_no_negative_radius():
  project = mixing.typical_set_fn(delta=100.0)
  np.testing.assert_array_equal(project(jnp.zeros((1, 4)), None, None), 0)
  np.testing.assert_allclose(project(jnp.full((1, 4), 1e-3), None, None), 1e-3)
  with pytest.raises(ValueError, match='delta is -1'):
    mixing.typical_set_fn(-1)


def test_an_attack_in_z_stays_in_the_shell():
  """A loss that pays for length cannot buy more than the outer radius."""
  generator = toy_generator(z_size=16)
  loss = lambda z: ((z**2).sum(-1), jnp.tile(jnp.eye(2)[0], (3, 1)))  # noqa: E731
  result = attacks.pgd(
    loss, RNG, lambda rng: mixing.random_z(generator, rng, 3),
    jnp.zeros(3, jnp.int32), restarts=1, steps=5, alpha=1.0, eps=9.0,
    project_fn=mixing.typical_set_fn(1.0),
  )  # fmt: skip
  np.testing.assert_allclose(jnp.linalg.norm(result.x, axis=-1), 6, rtol=1e-5)
