"""Claims about grid.py."""

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import attacks

BATCH, CANDIDATES = 6, 9


def problem():
  """Candidates [9, 2, 1], labels [6], and a loss over 3 classes."""
  keys = jax.random.split(jax.random.key(0), 3)
  candidates = jax.random.normal(keys[0], (CANDIDATES, 2, 1))
  shift = 2.5 * jax.random.normal(keys[1], (BATCH, 3))
  labels = jax.random.randint(keys[2], (BATCH,), 0, 3)
  # Some examples are never misclassified.
  shift += 6 * jax.nn.one_hot(labels, 3) * (jnp.arange(BATCH) % 2)[:, None]

  def loss_fn(x):
    score = jnp.concatenate([x[:, 0], x[:, 1], x[:, 0] * x[:, 1]], axis=-1)
    logits = score + shift
    return attacks.margin(logits, labels), logits

  return loss_fn, labels, candidates


def test_it_keeps_what_a_loop_over_all_pairs_keeps():
  loss_fn, labels, candidates = problem()
  result = jax.tree.map(
    np.asarray, attacks.grid_search(loss_fn, labels, candidates)
  )
  successes = 0
  for i in range(BATCH):
    losses, wrong = [], []
    for candidate in candidates:
      loss, logits = loss_fn(jnp.stack([candidate] * BATCH))
      losses.append(float(loss[i]))
      wrong.append(int(logits[i].argmax()) != int(labels[i]))
    success = any(wrong)
    best = wrong.index(True) if success else int(np.argmax(losses))
    successes += success
    np.testing.assert_array_equal(result.x[i], candidates[best])
    np.testing.assert_allclose(result.loss[i], losses[best], rtol=1e-6)
    assert result.success[i] == success
    expected = [1 + best, 0] if success else [-1, -1]
    np.testing.assert_array_equal(result.first_success[i], expected)
  assert 0 < successes < BATCH
