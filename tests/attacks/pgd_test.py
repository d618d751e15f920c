"""Claims about attacks.py (and ascent.py, of which it is made)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax.attacks import iterate
from advmix_jax.attacks import pgd as attacks

NEVER = np.array([-1, -1])
RNG = jax.random.key(0)
FAST_COMPILE = {'xla_backend_optimization_level': 0}  # Toys: compiling is all.


def run(kind, loss_fn, start_fn, labels, data=None, **options):
  """Runs `pgd` or `compacted` on one loss (x, labels, data)."""

  def attack(rng):
    if kind == 'pgd':
      loss = lambda x: loss_fn(x, labels, data)  # noqa: E731
      return attacks.pgd(loss, rng, start_fn, labels, **options)
    return attacks.compacted(
      loss_fn, rng, start_fn, labels, data, min_size=4, **options
    )

  attack = jax.jit(attack, compiler_options=FAST_COMPILE)
  return jax.tree.map(np.asarray, attack(RNG))


both = pytest.mark.parametrize('kind', ['pgd', 'compacted'])


def wrong_where(loss_fn, wrong_fn):
  """Adds logits that name class 1 where wrong_fn holds, else class 0."""

  def loss(x, labels, data):
    wrong = wrong_fn(x, data).astype(jnp.float32)
    return loss_fn(x, data), jnp.stack([1 - wrong, wrong], axis=-1)

  return loss


def never_wrong(loss_fn):
  """Adds logits that always name class 0."""
  return wrong_where(loss_fn, lambda x, data: jnp.zeros(x.shape[0]))


def zeros(batch):
  return jnp.zeros(batch, jnp.int32)


def total(x, data):
  return x.sum(axis=-1)


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


def hard_problem(batch):
  """A bumpy loss over 3 classes, with data of two shapes per example."""
  keys = jax.random.split(jax.random.key(3), 4)
  w = jax.random.normal(keys[0], (6, 3))
  data = {
    'shift': 2 * jax.random.normal(keys[1], (batch, 6)),
    'nested': (jax.random.uniform(keys[2], (batch, 2, 3)),),
  }
  labels = jax.random.randint(keys[3], (batch,), 0, 3)

  def loss(x, labels, data):
    logits = (x + data['shift']) @ w + data['nested'][0].sum(1)
    logits = logits + jnp.sin(3 * logits)
    nats = -jax.nn.log_softmax(logits)
    return jnp.take_along_axis(nats, labels[:, None], 1)[:, 0], logits

  start_fn = lambda rng: jax.random.normal(rng, (batch, 6))  # noqa: E731
  return loss, start_fn, labels, data


def check_same(loss, start_fn, labels, data, **options):
  """Runs both kinds and compares all of their results."""
  frozen = run('pgd', loss, start_fn, labels, data, **options)
  shrinking = run('compacted', loss, start_fn, labels, data, **options)
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


@pytest.mark.parametrize('batch', [1, 64])
def test_batches_of_any_size_shrink(batch):
  loss, start_fn, labels, data = hard_problem(batch)
  options = {'restarts': 3, 'steps': 4, 'alpha': 0.1, 'eps': 0.3}
  frozen = check_same(loss, start_fn, labels, data, **options)
  if batch == 64:
    assert len(np.unique(frozen.first_success, axis=0)) > 4


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


def test_the_margin_is_positive_where_misclassified():
  logits = jnp.array([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
  np.testing.assert_array_equal(
    attacks.margin(logits, jnp.arange(3)), [2.0, -1.0, 1.0]
  )


def counted(loss_fn):
  """The loss, and a list of 'f' and 'b': its forward and backward passes."""
  calls = []

  @jax.custom_vjp
  def probe(x):
    jax.debug.callback(lambda: calls.append('f'))
    return x

  def forward(x):
    return probe(x), None

  def backward(_, g):
    jax.debug.callback(lambda: calls.append('b'))
    return (g,)

  probe.defvjp(forward, backward)
  return lambda x, labels, data: loss_fn(probe(x), labels, data), calls


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


def test_the_shrinking_attack_stops_when_none_is_left():
  loss, calls = counted(wrong_where(total, lambda x, _: x[:, 0] > 1.5))
  result = run(
    'compacted', loss, lambda rng: jnp.zeros((4, 1)), zeros(4),
    restarts=50, steps=5, alpha=1.0, eps=9.0,
  )  # fmt: skip
  jax.effects_barrier()
  assert result.success.all()
  assert calls.count('f') == 3  # x = 0, 1, 2.


def test_one_compile_serves_every_outcome():
  loss, start_fn, labels, data = hard_problem(16)
  attack = jax.jit(
    lambda rng, data: attacks.compacted(
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


def test_uniform_starts_fill_the_ball_within_the_box():
  x = jnp.array([[0.5, 0.0]])
  start_fn = attacks.uniform_start_fn(x, 0.2)
  starts = jax.vmap(start_fn)(jax.random.split(RNG, 500))[:, 0]
  low, high = np.asarray(starts.min(0)), np.asarray(starts.max(0))
  # The extremes of 500 uniform draws are within 2% of the ends (p < 1e-4).
  np.testing.assert_allclose(low, [0.3, 0.0], atol=0.008)
  np.testing.assert_allclose(high, [0.7, 0.2], atol=0.008)


@both
@pytest.mark.parametrize(
  'bad, message',
  [
    ({'restarts': 0}, 'restarts is 0, expected'),
    ({'steps': -1}, 'steps is -1, expected'),
    ({'direction': 'up'}, "direction is 'up', expected one of"),
    ({'gradient_at': 'end'}, "gradient_at is 'end', expected one of"),
  ],
)
def test_bad_options_are_named(kind, bad, message):
  options = {'restarts': 1, 'steps': 1, 'alpha': 0.1, 'eps': 0.1} | bad
  start_fn = lambda rng: jnp.zeros((1, 1))  # noqa: E731
  with pytest.raises(ValueError, match=message):
    run(kind, never_wrong(total), start_fn, zeros(1), **options)


def test_data_without_the_batch_axis_is_refused():
  with pytest.raises(ValueError, match=r'shape \(3,\), expected \[2, ...\]'):
    run(
      'compacted', never_wrong(total), lambda rng: jnp.zeros((2, 1)), zeros(2),
      jnp.zeros(3), restarts=1, steps=1, alpha=0.1, eps=0.1,
    )  # fmt: skip
