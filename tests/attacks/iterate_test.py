"""Claims about iterate.py: what is kept, and the next iterate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from advmix_jax.attacks import iterate

RIGHT, WRONG = [1.0, 0.0], [0.0, 1.0]  # Logits; the label is 0.


def keep(kept, x, loss, logits, *, restart=1, step=0, **options):
  """`keep_worst` on lists, one number per example."""
  return iterate.keep_worst(
    kept,
    jnp.array(x)[:, None],
    jnp.array(loss),
    jnp.array(logits),
    labels=jnp.zeros(len(x), jnp.int32),
    restart=restart,
    step=step,
    **options,
  )


def nothing(size):
  like = jax.ShapeDtypeStruct((size, 1), jnp.float32)
  return iterate.begin(like, jnp.zeros(size, jnp.int32), None)


def test_the_highest_loss_is_kept_until_a_success():
  kept = keep(nothing(3), [1.0] * 3, [2.0] * 3, [RIGHT] * 3)
  kept = keep(kept, [2.0] * 3, [1.0, 3.0, 1.0], [RIGHT, RIGHT, WRONG], step=1)
  np.testing.assert_array_equal(kept.x[:, 0], [1.0, 2.0, 2.0])
  np.testing.assert_array_equal(kept.loss, [2.0, 3.0, 1.0])
  np.testing.assert_array_equal(kept.success, [False, False, True])
  np.testing.assert_array_equal(
    kept.first_success, [[-1, -1], [-1, -1], [1, 1]]
  )


def test_a_success_is_never_replaced():
  kept = keep(nothing(2), [1.0, 1.0], [2.0, 2.0], [WRONG, WRONG])
  after = keep(kept, [9.0, 9.0], [9.0, 9.0], [WRONG, RIGHT], restart=2, step=5)
  jax.tree.map(np.testing.assert_array_equal, kept, after)


def test_without_an_early_stop_the_highest_loss_is_kept_and_successes_noted():
  kept = keep(nothing(3), [1.0] * 3, [2.0] * 3, [WRONG, WRONG, RIGHT])
  kept = keep(
    kept, [2.0] * 3, [9.0, 1.0, 1.0], [RIGHT, WRONG, WRONG], step=1,
    stop_early=False,
  )  # fmt: skip
  np.testing.assert_array_equal(kept.x[:, 0], [2.0, 1.0, 1.0])
  np.testing.assert_array_equal(kept.loss, [9.0, 2.0, 2.0])
  np.testing.assert_array_equal(kept.success, [True, True, True])
  np.testing.assert_array_equal(kept.first_success, [[1, 0], [1, 0], [1, 1]])


def test_a_clean_example_is_record_zero():
  initial = iterate.Initial(
    jnp.array([[7.0], [8.0]]), jnp.array([0.1, 0.2]), jnp.array([WRONG, RIGHT])
  )
  like = jax.ShapeDtypeStruct((2, 1), jnp.float32)
  kept = iterate.begin(like, jnp.zeros(2, jnp.int32), initial)
  np.testing.assert_array_equal(kept.x, initial.x)
  np.testing.assert_array_equal(kept.loss, initial.loss)
  np.testing.assert_array_equal(kept.first_success, [[0, 0], [-1, -1]])


def test_a_gradient_is_that_of_each_examples_own_loss():
  x = jnp.array([[1.0], [2.0], [3.0]])
  loss, logits, gradient = iterate.with_gradient(
    lambda x: (x[:, 0] ** 2, jnp.zeros((3, 2))), x
  )
  np.testing.assert_allclose(loss, [1.0, 4.0, 9.0])
  np.testing.assert_allclose(gradient, 2 * x)
  assert logits.shape == (3, 2)


@pytest.mark.parametrize('direction, move', [('sign', 0.5), ('raw', 2.0)])
def test_a_step_is_projected(direction, move):
  seen = []

  def project(x, center, eps):
    seen.append((x, center, eps))
    return x + 100

  ascend = iterate.ascent_fn(0.5, 0.25, project, direction)
  x, gradient, center = (jnp.array([[a]]) for a in (1.0, 4.0, 3.0))
  moments = iterate.begin_moments(direction, x)
  after, _ = ascend(x, gradient, center, moments, 0)
  np.testing.assert_allclose(after, [[1.0 + move + 100]])
  assert seen[0][1:] == (3.0, 0.25)


def test_adam_is_optax_adam():
  gradients = jax.random.normal(jax.random.key(0), (5, 3, 2))
  oracle = optax.scale_by_adam()
  x = expected = jnp.zeros((3, 2))
  state, moments = oracle.init(x), iterate.begin_moments('adam', x)
  ascend = iterate.ascent_fn(0.1, 9.0, lambda x, center, eps: x, 'adam')
  for step, gradient in enumerate(gradients):
    x, moments = ascend(x, gradient, 0 * x, moments, step)
    move, state = oracle.update(gradient, state)
    expected += 0.1 * move
    # Other orders of float32 products: a few ulp.
    np.testing.assert_allclose(x, expected, rtol=1e-5)


def test_only_a_misclassified_iterate_replaces_the_clean_example():
  options = {'keep': 'misclassified'}
  kept = keep(nothing(3), [1.0] * 3, [2.0] * 3, [WRONG, RIGHT, RIGHT])
  kept = keep(kept, [2.0] * 3, [9.0] * 3, [RIGHT, RIGHT, WRONG], **options)
  kept = keep(kept, [3.0] * 3, [9.9] * 3, [WRONG, RIGHT, WRONG], **options)
  np.testing.assert_array_equal(kept.x[:, 0], [1.0, 1.0, 2.0])
  np.testing.assert_array_equal(kept.success, [True, False, True])


def test_an_untested_start_leaves_no_trace():
  before = nothing(2)
  after = keep(before, [1.0] * 2, [2.0] * 2, [WRONG, RIGHT], test_start=False)
  jax.tree.map(np.testing.assert_array_equal, before, after)
  after = keep(
    before, [1.0] * 2, [2.0] * 2, [WRONG, RIGHT], step=1, test_start=False
  )
  np.testing.assert_array_equal(after.success, [True, False])


@pytest.mark.parametrize(
  'options, message',
  [
    (('best', True, 1, True), "keep is 'best', expected one of"),
    (('misclassified', True, 1, False), 'without the clean example'),
    (('highest_loss', False, 0, True), 'expected steps >= 1'),
  ],
)
def test_records_that_return_nothing_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    iterate.check_record(*options)


def test_keys_of_more_restarts_extend_those_of_fewer():
  few, many = (iterate.restart_keys(jax.random.key(1), n) for n in (3, 10))
  assert (jax.random.key_data(few) == jax.random.key_data(many[:3])).all()
  assert len(np.unique(jax.random.key_data(many), axis=0)) == 10
