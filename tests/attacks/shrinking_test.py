"""Claims about shrinking.py: it equals pgd.py, and stops early."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.attack_problems import (
  RNG,
  counted,
  hard_problem,
  never_wrong,
  run,
  total,
  wrong_where,
  zeros,
)

from advmix_jax import attacks


def check_same(loss, start_fn, labels, data, **options):
  """Runs both kinds and compares all of their results."""
  frozen = run('pgd', loss, start_fn, labels, data, **options)
  shrinking = run('shrinking_pgd', loss, start_fn, labels, data, **options)
  # Matrix products of other batch sizes round differently, by a few ulp.
  for a, b in zip(frozen, shrinking, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
  return frozen


@pytest.mark.parametrize(
  'gradient_at, extra',
  [('current', ''), ('current', 'initial'), ('start', 'center')],
)
def test_the_shrinking_batch_equals_the_frozen_scan(gradient_at, extra):
  loss, start_fn, labels, data = hard_problem(13)
  options = {'restarts': 3, 'steps': 4, 'alpha': 0.1, 'eps': 0.3}
  options['gradient_at'] = gradient_at
  x = jax.random.normal(jax.random.key(4), (13, 6))
  if extra == 'initial':
    options['initial'] = attacks.Initial(x, *loss(x, labels, data))
  if extra == 'center':
    options['center'] = x
  check_same(loss, start_fn, labels, data, **options)


@pytest.mark.parametrize(
  'changes',
  [
    {'keep': 'misclassified', 'test_start': False},
    {'test_start': False, 'direction': 'adam'},
    {'direction': 'adam', 'gradient_at': 'start'},
  ],
  ids=str,
)
def test_every_option_gives_the_same_in_both(changes):
  loss, start_fn, labels, data = hard_problem(13)
  x = jax.random.normal(jax.random.key(4), (13, 6))
  options = {'restarts': 3, 'steps': 4, 'alpha': 0.1, 'eps': 0.3}
  options['initial'] = attacks.Initial(x, *loss(x, labels, data))
  check_same(loss, start_fn, labels, data, **options, **changes)


@pytest.mark.parametrize('batch', [1, 64])
def test_batches_of_any_size_shrink(batch):
  loss, start_fn, labels, data = hard_problem(batch)
  options = {'restarts': 3, 'steps': 4, 'alpha': 0.1, 'eps': 0.3}
  frozen = check_same(loss, start_fn, labels, data, **options)
  if batch == 64:
    assert len(np.unique(frozen.first_success, axis=0)) > 4


def test_the_shrinking_attack_stops_when_none_is_left():
  loss, calls = counted(wrong_where(total, lambda x, _: x[:, 0] > 1.5))
  result = run(
    'shrinking_pgd', loss, lambda rng: jnp.zeros((4, 1)), zeros(4),
    restarts=50, steps=5, alpha=1.0, eps=9.0,
  )  # fmt: skip
  jax.effects_barrier()
  assert result.success.all()
  assert calls.count('f') == 3  # x = 0, 1, 2.


def test_one_compile_serves_every_outcome():
  loss, start_fn, labels, data = hard_problem(16)
  attack = jax.jit(
    lambda rng, data: attacks.shrinking_pgd(
      loss,
      rng,
      start_fn,
      labels,
      data,
      restarts=2,
      steps=2,
      alpha=0.1,
      eps=0.3,
    )  # fmt: skip
  )
  for scale in (0.0, 1.0, 10.0):
    attack(RNG, jax.tree.map(lambda a, s=scale: s * a, data))
  assert attack._cache_size() == 1


def test_data_without_the_batch_axis_is_refused():
  with pytest.raises(ValueError, match=r'shape \(3,\), expected \[2, ...\]'):
    run(
      'shrinking_pgd', never_wrong(total), lambda rng: jnp.zeros((2, 1)),
      zeros(2), jnp.zeros(3), restarts=1, steps=1, alpha=0.1, eps=0.1,
    )  # fmt: skip
