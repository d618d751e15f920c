"""Projections: they keep the iterates of an attack in the allowed set.

A projection maps (x, center, eps) to a point of the set, which replaces x. The
ball uses the centre and the radius; the box and the typical set ignore them:

    project_fn = attacks.compose(attacks.linf_ball, attacks.box_fn(0.0, 1.0))

Contents: ProjectFn, linf_ball, box_fn, typical_set_fn, compose.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

# (x, center, eps) -> x; all arrays [B, ...], eps a scalar or one radius per
# coordinate [...].
ProjectFn = Callable[[jax.Array, jax.Array, float | jax.Array], jax.Array]


def linf_ball(
  x: jax.Array, center: jax.Array, eps: float | jax.Array
) -> jax.Array:
  """Projects on {x: |x - center| <= eps in every coordinate}."""
  return jnp.clip(x, center - eps, center + eps)


def box_fn(low: float, high: float) -> ProjectFn:
  """Makes the projection on [low, high] in every coordinate."""
  return lambda x, center, eps: jnp.clip(x, low, high)


def typical_set_fn(delta: float = 1.0) -> ProjectFn:
  """Makes the projection of z [B, Z] on the typical set of N(0, 1) (Eq. 15).

  With d = Z, the set is the shell

    sqrt(d) - delta * d^(1/4) <= ||z||_2 <= sqrt(d) + delta * d^(1/4)

  A z outside of it is scaled to the nearest radius; a negative lower radius
  counts as 0. The origin has no direction and stays as it is.

  StyleGAN without classes normalises z first, so that only the direction of z
  matters and the shell has no effect. In a conditional StyleGAN the last
  columns of z draw the class, and the others are normalised together with the
  embedding of that class, so the length of z has a small effect.

  Args:
    delta: Half width of the shell, in units of d^(1/4); >= 0.

  Returns:
    (z, center, eps) -> z. Compose it after `linf_ball` to stay near the start
    too.

  Raises:
    ValueError: delta is negative.
  """
  if delta < 0:
    raise ValueError(f'delta is {delta}, expected a number >= 0')

  def project(z, center, eps):
    del center, eps
    d = z.shape[-1]
    norm = jnp.linalg.norm(z, axis=-1, keepdims=True)
    low, high = d**0.5 - delta * d**0.25, d**0.5 + delta * d**0.25
    target = jnp.clip(norm, max(low, 0.0), high)
    return z * target / jnp.where(norm > 0, norm, 1.0)

  return project


def compose(*project_fns: ProjectFn) -> ProjectFn:
  """Makes the projection that applies the given ones in order.

  If a ball and a box overlap, the result lies in both.
  """

  def project(x, center, eps):
    for project_fn in project_fns:
      x = project_fn(x, center, eps)
    return x

  return project
