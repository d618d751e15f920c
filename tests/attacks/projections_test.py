"""Claims about projections.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.attack_problems import RNG

from advmix_jax import attacks


@pytest.mark.parametrize('d', [2, 16, 512])
def test_the_shell_has_the_radii_of_equation_15(d):
  """Scaling alone: directions stay, norms are clipped to sqrt(d) +- d^1/4."""
  direction = jax.random.normal(RNG, (1, d))
  direction /= jnp.linalg.norm(direction)
  norms = jnp.array([[1e-3], [d**0.5], [1e3]])
  z = attacks.typical_set_fn(1.0)(norms * direction, None, None)
  radii = jnp.array([[d**0.5 - d**0.25], [d**0.5], [d**0.5 + d**0.25]])
  np.testing.assert_allclose(z, radii * direction, rtol=1e-4, atol=1e-6)


def test_the_shell_holds_nearly_all_draws_in_high_dimension():
  """|z| is N(sqrt(d), 1/2): beyond 2 d^1/4 lie no draws at d = 512."""
  z = jax.random.normal(RNG, (1000, 512))
  np.testing.assert_allclose(
    attacks.typical_set_fn(2.0)(z, None, None), z, rtol=1e-5
  )


def test_the_shell_leaves_the_origin_alone_and_has_no_negative_radius():
  project = attacks.typical_set_fn(delta=100.0)
  np.testing.assert_array_equal(project(jnp.zeros((1, 4)), None, None), 0)
  np.testing.assert_allclose(project(jnp.full((1, 4), 1e-3), None, None), 1e-3)
  with pytest.raises(ValueError, match='delta is -1'):
    attacks.typical_set_fn(-1)


def test_an_attack_in_z_stays_in_the_shell():
  """A loss that pays for length cannot buy more than the outer radius."""
  loss = lambda z: ((z**2).sum(-1), jnp.tile(jnp.eye(2)[0], (3, 1)))  # noqa: E731
  result = attacks.pgd(
    loss, RNG, lambda rng: jax.random.normal(rng, (3, 16)),
    jnp.zeros(3, jnp.int32), restarts=1, steps=5, alpha=1.0, eps=9.0,
    project_fn=attacks.typical_set_fn(1.0),
  )  # fmt: skip
  np.testing.assert_allclose(jnp.linalg.norm(result.x, axis=-1), 6, rtol=1e-5)


def test_a_ball_and_a_box_leave_what_is_inside_and_clip_the_rest():
  x = jnp.array([[-2.0, 0.3, 0.9]])
  ball = attacks.linf_ball(x, jnp.full((1, 3), 0.5), 0.25)
  np.testing.assert_allclose(ball, [[0.25, 0.3, 0.75]])
  box = attacks.box_fn(0.0, 0.6)(x, None, None)
  np.testing.assert_allclose(box, [[0.0, 0.3, 0.6]])


def test_composed_projections_apply_in_order():
  project = attacks.compose(attacks.box_fn(0.0, 1.0), lambda x, c, eps: x + eps)
  np.testing.assert_allclose(project(jnp.array([5.0]), None, 0.5), [1.5])
