"""Claims about pgd.py; those that shrinking.py shares hold for both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.attack_problems import (
  NEVER,
  RNG,
  both,
  counted,
  hard_problem,
  never_wrong,
  run,
  total,
  wrong_where,
  zeros,
)

from advmix_jax import attacks
from advmix_jax.attacks import iterate


@both
def test_linear_loss_reaches_the_corner(kind):
  w = jnp.array([[1.0, -2.0, 0.3], [-0.1, 0.2, -5.0]])
  x0 = jnp.array([[0.5, 0.0, 3.0], [1.0, 1.0, 1.0]])
  loss = never_wrong(lambda x, w: (x * w).sum(-1))
  result = run(
    kind, loss, lambda rng: x0, zeros(2), w,
    restarts=1, steps=4, alpha=0.05, eps=0.1,
  )  # fmt: skip
  np.testing.assert_allclose(result.x, x0 + 0.1 * jnp.sign(w), rtol=1e-6)
  assert not result.success.any()
  np.testing.assert_array_equal(result.first_success, [NEVER, NEVER])


@both
def test_raw_direction_steps_by_the_gradient(kind):
  w = jnp.array([[1.0, -2.0, 0.3]])
  result = run(
    kind, never_wrong(lambda x, w: (x * w).sum(-1)), lambda rng: 0 * w,
    zeros(1), w, restarts=1, steps=3, alpha=0.1, eps=9.0, direction='raw',
  )  # fmt: skip
  np.testing.assert_allclose(result.x, 0.3 * w, rtol=1e-6)


@both
def test_gradient_at_start_follows_its_closed_form(kind):
  """loss = -(x - p)^2 / 2: current converges to p, start walks past it."""
  x0, p, alpha, steps = 0.0, 1.0, 0.5, 3
  # A bonus past 1.4, where only the walk arrives, makes its end the kept one.
  loss = never_wrong(lambda x, _: -((x[:, 0] - p) ** 2) / 2 + (x[:, 0] > 1.4))
  options = {
    'restarts': 1,
    'steps': steps,
    'alpha': alpha,
    'eps': 9.0,
    'direction': 'raw',
  }
  start_fn = lambda rng: jnp.full((1, 1), x0)  # noqa: E731
  current = run(kind, loss, start_fn, zeros(1), **options)
  np.testing.assert_allclose(current.x, p - (1 - alpha) ** steps * (p - x0))
  start = run(kind, loss, start_fn, zeros(1), gradient_at='start', **options)
  np.testing.assert_allclose(start.x, x0 + steps * alpha * (p - x0))


@both
def test_the_ball_is_never_left(kind):
  """A reward outside of the ball, with steps far larger, is never collected."""
  center = jax.random.normal(jax.random.key(1), (5, 4))
  eps = 0.1

  def outside(x, center):
    return jnp.maximum(jnp.abs(x - center).max(-1) - eps, 0.0)

  loss = never_wrong(lambda x, c: 1e3 * outside(x, c) + 1e-3 * x.sum(-1))
  result = run(
    kind, loss, lambda rng: center, zeros(5), center,
    restarts=2, steps=6, alpha=0.37, eps=eps,
  )  # fmt: skip
  # Rounding of center + eps: a few ulp of 1.
  np.testing.assert_array_less(outside(result.x, center), 1e-6)
  np.testing.assert_allclose(result.x, center + eps, atol=1e-6)


@both
def test_a_planted_adversary_is_found(kind):
  target = jnp.array([[0.21, -0.13], [0.08, 0.29]])

  def near(x, target):
    return jnp.abs(x - target).max(-1) < 0.02

  loss = wrong_where(lambda x, target: -((x - target) ** 2).sum(-1), near)
  result = run(
    kind, loss, lambda rng: jnp.zeros((2, 2)), zeros(2), target,
    restarts=1, steps=20, alpha=0.02, eps=0.3,
  )  # fmt: skip
  assert result.success.all()
  assert near(result.x, target).all()


@both
def test_first_success_names_restart_and_step(kind):
  """x grows by 1 per step; starts are 0, thresholds differ."""
  threshold = jnp.array([-1.0, 0.5, 2.5, 3.5])
  loss = wrong_where(total, lambda x, threshold: x[:, 0] > threshold)
  result = run(
    kind, loss, lambda rng: jnp.zeros((4, 1)), zeros(4), threshold,
    restarts=2, steps=3, alpha=1.0, eps=9.0,
  )  # fmt: skip
  # The third succeeds at the very last iterate, x~(K).
  np.testing.assert_array_equal(
    result.first_success, [[1, 0], [1, 1], [1, 3], NEVER]
  )
  np.testing.assert_array_equal(result.x[:, 0], [0, 1, 3, 3])
  np.testing.assert_array_equal(result.success, [True, True, True, False])


@both
def test_a_later_restart_is_recorded_as_such(kind):
  loss = wrong_where(total, lambda x, _: x[:, 0] > 0.8)
  start_fn = lambda rng: jax.random.uniform(rng, (8, 1))  # noqa: E731
  options = {'restarts': 6, 'steps': 0, 'alpha': 0.0, 'eps': 0.0}
  result = run(kind, loss, start_fn, zeros(8), **options)
  keys = [jax.random.fold_in(RNG, r) for r in range(1, 7)]
  hits = np.stack([start_fn(key)[:, 0] > 0.8 for key in keys])
  first = np.where(hits.any(0), 1 + hits.argmax(0), -1)  # They count from 1.
  np.testing.assert_array_equal(result.first_success[:, 0], first)
  assert len(np.unique(first)) > 3


@both
def test_a_wrong_clean_example_counts_as_broken(kind):
  """It is kept as it is, with the record (0, 0), and not attacked."""
  clean = attacks.Initial(
    x=jnp.array([[7.0], [8.0]]),
    loss=jnp.array([0.1, 0.1]),
    logits=jnp.array([[0.0, 1.0], [1.0, 0.0]]),
  )
  loss = wrong_where(total, lambda x, _: x[:, 0] > 1.5)
  result = run(
    kind, loss, lambda rng: jnp.zeros((2, 1)), zeros(2), initial=clean,
    restarts=1, steps=2, alpha=1.0, eps=9.0,
  )  # fmt: skip
  np.testing.assert_array_equal(result.first_success, [[0, 0], [1, 2]])
  np.testing.assert_array_equal(result.x, [[7.0], [2.0]])
  np.testing.assert_array_equal(
    attacks.kept_initial(result, clean), [True, False]
  )


@both
def test_as_printed_the_clean_example_returns_unless_one_is_misclassified(kind):
  """Lines 1 and 9 with the 0-1 loss; x~(0) = 2 is not tested."""
  clean = attacks.Initial(
    x=jnp.full((3, 1), 7.0),
    loss=jnp.zeros(3),
    logits=jnp.tile(jnp.eye(2)[0], (3, 1)),
  )
  threshold = jnp.array([1.5, 3.5, 9.0])
  loss = wrong_where(total, lambda x, threshold: x[:, 0] > threshold)
  options = {'restarts': 1, 'steps': 2, 'alpha': 1.0, 'eps': 9.0}
  options |= {'initial': clean, 'keep': 'misclassified', 'test_start': False}
  start_fn = lambda rng: jnp.full((3, 1), 2.0)  # noqa: E731
  result = run(kind, loss, start_fn, zeros(3), threshold, **options)
  np.testing.assert_array_equal(result.x[:, 0], [3.0, 4.0, 7.0])
  np.testing.assert_array_equal(result.first_success, [[1, 1], [1, 2], NEVER])
  np.testing.assert_array_equal(
    attacks.kept_initial(result, clean), [False, False, True]
  )


def test_larger_eps_never_helps_the_defender():
  """Two linear classes: broken if and only if eps * |w|_1 > margin."""
  w = jax.random.normal(jax.random.key(1), (4,))
  x0 = jax.random.normal(jax.random.key(2), (40, 4)) + w
  eps = np.repeat([0.0, 0.3, 1.0, 3.0], 40)[:, None]  # One per example.
  x0 = jnp.tile(x0, (4, 1))
  loss = wrong_where(lambda x, _: -(x @ w), lambda x, _: x @ w < 0)
  result = run(
    'pgd', loss, lambda rng: x0, zeros(160),
    restarts=1, steps=3, alpha=eps / 2, eps=eps,
  )  # fmt: skip
  expected = x0 @ w - eps[:, 0] * jnp.abs(w).sum() < 0
  np.testing.assert_array_equal(result.success, expected)
  broken = result.success.reshape(4, 40).mean(1)
  assert (np.diff(broken) >= 0).all()
  assert broken[0] < broken[2] < broken[3]


@both
@pytest.mark.parametrize('gradient_at', iterate.GRADIENTS_AT)
def test_no_pass_is_wasted(kind, gradient_at):
  loss, calls = counted(never_wrong(total))
  run(
    kind, loss, lambda rng: jnp.zeros((1, 2)), zeros(1),
    restarts=3, steps=4, alpha=0.1, eps=1.0, gradient_at=gradient_at,
  )  # fmt: skip
  jax.effects_barrier()
  assert calls.count('f') == 3 * (4 + 1)
  assert calls.count('b') == 3 * (4 if gradient_at == 'current' else 1)


@both
def test_on_pixels_ball_and_box_both_hold(kind):
  image = jax.random.uniform(jax.random.key(5), (6, 3, 3, 2))
  w = jax.random.normal(jax.random.key(6), image.shape)
  project_fn = attacks.compose(attacks.linf_ball, attacks.box_fn(0.0, 1.0))

  def loss(x, labels, w):
    return (x * w).sum((1, 2, 3)), jnp.tile(jnp.eye(2)[0], (x.shape[0], 1))

  result = run(
    kind, loss, attacks.uniform_start_fn(image, 0.2), zeros(6), w,
    restarts=2, steps=5, alpha=0.1, eps=0.2, center=image,
    project_fn=project_fn,
  )  # fmt: skip
  expected = jnp.clip(image + 0.2 * jnp.sign(w), 0, 1)
  np.testing.assert_allclose(result.x, expected, atol=1e-6)


@both
@pytest.mark.parametrize(
  'bad, message',
  [
    ({'restarts': 0}, 'restarts is 0, expected'),
    ({'steps': -1}, 'steps is -1, expected'),
    ({'direction': 'up'}, "direction is 'up', expected one of"),
    ({'gradient_at': 'end'}, "gradient_at is 'end', expected one of"),
    ({'keep': 'all'}, "keep is 'all', expected one of"),
    ({'keep': 'misclassified'}, 'without the clean example'),
    ({'steps': 0, 'test_start': False}, 'expected steps >= 1'),
  ],
)
def test_bad_options_are_named(kind, bad, message):
  options = {'restarts': 1, 'steps': 1, 'alpha': 0.1, 'eps': 0.1} | bad
  start_fn = lambda rng: jnp.zeros((1, 1))  # noqa: E731
  with pytest.raises(ValueError, match=message):
    run(kind, never_wrong(total), start_fn, zeros(1), **options)


def test_the_clean_example_is_no_highest_loss():
  clean = attacks.Initial(jnp.ones((1, 1)), jnp.zeros(1), jnp.eye(2)[:1])
  with pytest.raises(ValueError, match='stop_early is False, expected True'):
    run(
      'pgd', never_wrong(total), lambda rng: jnp.zeros((1, 1)), zeros(1),
      restarts=1, steps=1, alpha=1.0, eps=1.0, initial=clean,
      keep='misclassified', stop_early=False,
    )  # fmt: skip


@pytest.mark.parametrize('gradient_at', iterate.GRADIENTS_AT)
def test_without_an_early_stop_the_worst_of_all_iterates_is_kept(gradient_at):
  """Against brute force over the iterates that the loss has seen."""
  loss, start_fn, labels, data = hard_problem(13)
  seen = []

  def recorded(x, labels, data):
    nats, logits = loss(x, labels, data)
    jax.debug.callback(lambda *a: seen.append(a), x, nats, ordered=True)
    return nats, logits

  options = {'restarts': 3, 'steps': 4, 'alpha': 0.1, 'eps': 0.3}
  options['gradient_at'] = gradient_at
  result = run(
    'pgd', recorded, start_fn, labels, data, stop_early=False, **options
  )
  jax.effects_barrier()
  assert len(seen) == 3 * (4 + 1)
  x, nats = (np.stack(values) for values in zip(*seen, strict=True))
  best = nats.argmax(axis=0)
  np.testing.assert_array_equal(result.loss, nats.max(axis=0))
  np.testing.assert_array_equal(result.x, x[best, np.arange(13)])
  stopped = run('pgd', loss, start_fn, labels, data, **options)
  np.testing.assert_array_equal(result.success, stopped.success)
  np.testing.assert_array_equal(result.first_success, stopped.first_success)
  assert (result.loss >= stopped.loss).all()
  # Otherwise the claim is empty: some go on, and higher, after a success.
  assert (result.loss > stopped.loss)[stopped.success].any()
