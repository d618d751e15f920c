"""Claims about corner_search.py: it needs no gradient, and finds corners."""

import jax
import jax.numpy as jnp
import numpy as np
from helpers import compiling
from helpers.attack_problems import (
  NEVER,
  RNG,
  counted,
  hard_problem,
  never_wrong,
  total,
  wrong_where,
  zeros,
)

from advmix_jax import attacks


def run(loss_fn, start_fn, labels, data=None, **options):
  """`corner_search` on a loss (x, labels, data), as NumPy arrays."""

  def attack(rng):
    loss = lambda x: loss_fn(x, labels, data)  # noqa: E731
    return attacks.corner_search(loss, rng, start_fn, labels, **options)

  attack = jax.jit(attack, compiler_options=compiling.LEVEL_0)
  return jax.tree.map(np.asarray, attack(RNG))


def test_a_linear_loss_ends_in_its_corner_without_a_gradient():
  w = jnp.array([[1.0, -2.0, 0.3], [-0.1, 0.2, -5.0]])
  x0 = jnp.array([[0.5, 0.0, 3.0], [1.0, 1.0, 1.0]])
  loss = never_wrong(lambda x, w: jax.lax.stop_gradient(x * w).sum(-1))
  # Of 8 corners, 60 proposals that mostly move one coordinate find the best.
  result = run(loss, lambda rng: x0, zeros(2), w, restarts=1, steps=60, eps=0.1)
  np.testing.assert_allclose(result.x, x0 + 0.1 * jnp.sign(w), rtol=1e-6)
  np.testing.assert_array_equal(result.first_success, [NEVER, NEVER])


def test_its_budget_is_kept_and_it_stops_when_all_are_broken():
  start_fn = lambda rng: jnp.zeros((4, 1))  # noqa: E731
  options = {'restarts': 3, 'steps': 4, 'eps': 1.0}
  loss, calls = counted(never_wrong(total))
  run(loss, start_fn, zeros(4), **options)
  jax.effects_barrier()
  assert calls == ['f'] * 3 * (4 + 1)  # And no backward pass.
  loss, calls = counted(wrong_where(total, lambda x, _: x[:, 0] > 0.5))
  result = run(loss, start_fn, zeros(4), **(options | {'steps': 50}))
  jax.effects_barrier()
  assert result.success.all() and len(calls) < 51
  last = result.first_success[:, 1].max()
  assert len(calls) == last + 1


def test_what_it_reports_is_true_and_within_the_ball():
  loss, start_fn, labels, data = hard_problem(13)
  options = {'restarts': 3, 'steps': 9, 'eps': 0.3}
  result = run(loss, start_fn, labels, data, **options)
  _, logits = loss(result.x, labels, data)
  np.testing.assert_array_equal(logits.argmax(-1) != labels, result.success)
  starts = np.stack([start_fn(jax.random.fold_in(RNG, r)) for r in range(1, 4)])
  distance = np.abs(result.x - starts).max(-1).min(0)
  np.testing.assert_array_less(distance, 0.3 + 1e-6)  # Rounding of the sum.
  # It starts where pgd starts, so it breaks all that these starts break.
  alone = run(loss, start_fn, labels, data, restarts=3, steps=0, eps=0.3)
  assert (result.success >= alone.success).all()
  assert result.success.sum() > alone.success.sum()


def test_draws_of_an_example_may_depend_on_it_alone():
  """With uniform_fn of each example, the batch around it doesn't matter."""
  loss, start_fn, labels, data = hard_problem(13)
  starts = start_fn(RNG)

  def uniform_fn(rows):
    def draw(key, shape):
      keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(rows)
      return jax.vmap(lambda key: jax.random.uniform(key, shape[1:]))(keys)

    return draw

  def found(rows):
    return run(
      loss,
      lambda rng: starts[rows],
      labels[rows],
      jax.tree.map(lambda a: a[rows], data),
      restarts=2,
      steps=5,
      eps=0.3,
      uniform_fn=uniform_fn(rows),
    )

  all_of_them, some = found(jnp.arange(13)), found(jnp.arange(4, 9))
  np.testing.assert_array_equal(all_of_them.success[4:9], some.success)
  np.testing.assert_allclose(all_of_them.x[4:9], some.x, atol=1e-6)


def test_step_k_moves_a_coordinate_with_probability_1_in_k():
  """A draw below 1/(2k) goes up, below 1/k down; others stay at the best."""
  weights, seen = jnp.array([1.0, 1.0, -0.5, -0.5]), []

  def score(x, data):
    jax.debug.callback(lambda x: seen.append(x[0]), x, ordered=True)
    return x @ weights

  noise = jnp.array([[0.2, 0.3, 0.6, 0.9]])
  run(
    never_wrong(score), lambda rng: jnp.zeros((1, 4)), zeros(1),
    restarts=1, steps=4, eps=1.0, uniform_fn=lambda key, shape: noise,
  )  # fmt: skip
  jax.effects_barrier()
  expected = [
    [0, 0, 0, 0],
    [1, 1, -1, -1],  # The best corner, and so the best to the end.
    [1, -1, -1, -1],
    [-1, -1, -1, -1],
    [-1, 1, -1, -1],
  ]
  np.testing.assert_array_equal(seen, expected)
