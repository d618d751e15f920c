"""Claims about records.py: smaller attacks are read off one run."""

import jax.numpy as jnp
import numpy as np
from helpers.attack_problems import (
  hard_problem,
  run,
)

from advmix_jax import attacks


def test_a_smaller_attack_is_read_off_the_records():
  loss, start_fn, labels, data = hard_problem(50)
  options = {'steps': 3, 'alpha': 0.1, 'eps': 0.3}
  full, small = (
    run('pgd', loss, start_fn, labels, data, restarts=n, **options)
    for n in (4, 2)
  )
  curve = attacks.accuracy_by_budget(full.first_success, restarts=4, steps=3)
  # Means of 0 and 1 in float32.
  np.testing.assert_allclose(curve[2, -1], 1 - small.success.mean(), rtol=1e-6)
  assert curve[4, -1] < curve[2, -1] < curve[0, -1] == 1


def test_accuracy_by_budget_by_hand():
  records = jnp.array([[-1, -1], [0, 0], [1, 2], [2, 0]])
  curve = attacks.accuracy_by_budget(records, restarts=2, steps=2)
  np.testing.assert_allclose(
    curve, [[0.75, 0.75, 0.75], [0.75, 0.75, 0.5], [0.5, 0.5, 0.25]]
  )
