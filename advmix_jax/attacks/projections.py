"""Projections of an attack: how an iterate is kept in its allowed set.

A projection maps (x, center, eps) to the x of the set that replaces it. Balls
use the centre and the radius; boxes and the typical set ignore them:

    project_fn = attacks.compose(attacks.linf_ball, attacks.box_fn(0.0, 1.0))

Contents: ProjectFn, linf_ball, box_fn, typical_set_fn, compose.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

# (x, center, eps) -> x; all arrays [B, ...], eps a scalar.
ProjectFn = Callable[[jax.Array, jax.Array, float], jax.Array]


def linf_ball(x: jax.Array, center: jax.Array, eps: float) -> jax.Array:
  """Projects on {x: |x - center| <= eps in every coordinate}."""
  return jnp.clip(x, center - eps, center + eps)


def box_fn(low: float, high: float) -> ProjectFn:
  """Makes the projection on [low, high] in every coordinate."""
  return lambda x, center, eps: jnp.clip(x, low, high)


def typical_set_fn(delta: float = 1.0) -> ProjectFn:
  """Makes the projection of z [B, Z] on the typical set of N(0, 1) (Eq. 15).

  With d = Z, the set is the shell

    sqrt(d) - delta * d^(1/4) <= ||z||_2 <= sqrt(d) + delta * d^(1/4)

  to which z is scaled; where the lower radius is negative it is 0. The origin,
  which has no direction, is left alone. StyleGAN normalises z first of all, so
  for it the shell constrains nothing: only the direction of z matters. Of a
  conditional one, z has columns that draw the class, and is normalised with the
  class beside it, so there the length counts for a little.

  Args:
    delta: half width of the shell, in units of d^(1/4); >= 0.

  Returns:
    (z, center, eps) -> z; compose it after `linf_ball` to stay near the start
    as well.

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

  For balls and boxes that meet, the result lies in both.
  """

  def project(x, center, eps):
    for project_fn in project_fns:
      x = project_fn(x, center, eps)
    return x

  return project
