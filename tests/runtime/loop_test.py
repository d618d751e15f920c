"""Claims about advmix_jax/runtime/loop.py, on a training that adds numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax.runtime import checkpoints, loop, metrics, preemption

START = {'sum': jnp.float32(0)}


def _plan(**fields):
  plan = loop.Plan(
    name='sum', description='sum', steps=7, log_every=2, save_every=3
  )
  return plan._replace(**fields)


def _step(step, state):
  """Adds the step's number to the state; every third step has one more."""
  state = {'sum': state['sum'] + step}
  record = {'total': state['sum'], 'step': jnp.float32(step)}
  if step % 3 == 0:
    record['third'] = jnp.float32(10 * step)
  return state, record


def _run(workdir, plan=None, step_fn=_step, **options):
  state = loop.run(workdir, START, step_fn, plan or _plan(), **options)
  return float(state['sum'])


def _records(workdir):
  """The metrics without times."""
  return [
    {k: v for k, v in record.items() if 'seconds' not in k}
    for record in metrics.read(workdir)
  ]


def test_all_steps_are_done_and_the_last_state_is_saved(tmp_path):
  assert _run(tmp_path) == sum(range(7))
  manager = checkpoints.make_manager(tmp_path)
  assert checkpoints.restore(manager, START) == (7, {'sum': sum(range(7))})


def test_metrics_are_means_over_the_steps_that_have_them(tmp_path):
  _run(tmp_path)
  by_step = {record.pop('step'): record for record in _records(tmp_path)}
  # Logged every 2 steps, and where a checkpoint is written: 3, 6, 7.
  assert list(by_step) == [2, 3, 4, 6, 7]
  assert by_step[2] == {'sum/total': 0.5, 'sum/step': 0.5, 'sum/third': 0}
  assert by_step[3] == {'sum/total': 3, 'sum/step': 2}
  assert by_step[4] == {'sum/total': 6, 'sum/step': 3, 'sum/third': 30}
  assert by_step[6] == {'sum/total': 12.5, 'sum/step': 4.5}


def test_a_second_call_does_only_the_missing_steps(tmp_path):
  _run(tmp_path / 'parts', _plan(steps=3))
  seen = []

  def step(number, state):
    seen.append(number)
    return _step(number, state)

  assert _run(tmp_path / 'parts', step_fn=step) == sum(range(7))
  assert seen == [3, 4, 5, 6]
  _run(tmp_path / 'whole')
  assert _records(tmp_path / 'parts') == _records(tmp_path / 'whole')


def test_records_after_the_checkpoint_are_written_again_and_not_twice(tmp_path):
  class Killed(Exception):
    """As if the process died."""

  def kill(number, state):
    if number == 5:
      raise Killed
    return _step(number, state)

  with pytest.raises(Killed):
    _run(tmp_path / 'killed', step_fn=kill)
  assert [r['step'] for r in _records(tmp_path / 'killed')] == [2, 3, 4]
  _run(tmp_path / 'killed')
  _run(tmp_path / 'whole')
  assert _records(tmp_path / 'killed') == _records(tmp_path / 'whole')


def test_sigterm_saves_the_step_and_exits_with_143(tmp_path, monkeypatch):
  answers = iter([False] * 4 + [True])
  with monkeypatch.context() as patch, pytest.raises(SystemExit) as e:
    patch.setattr(preemption, 'asked', lambda step, every: next(answers))
    _run(tmp_path)
  assert e.value.code == 143
  manager = checkpoints.make_manager(tmp_path)
  assert manager.latest_step() == 5
  assert _run(tmp_path) == sum(range(7))


@pytest.mark.parametrize('stops', [[1], [4], [5], [2, 5], [3], [1, 2, 3, 4, 5]])
def test_sigterm_leaves_no_line_more_and_none_less(
  tmp_path, monkeypatch, stops
):
  _run(tmp_path / 'whole')
  for stop in stops:
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
      patch.setattr(
        preemption, 'asked', lambda step, every, stop=stop: step == stop
      )
      _run(tmp_path / 'stopped')
  _run(tmp_path / 'stopped')
  assert _records(tmp_path / 'stopped') == _records(tmp_path / 'whole')


def test_a_stop_that_has_no_checkpoint_costs_no_line_a_step(
  tmp_path, monkeypatch
):
  """Stopped after step 4, and again after step 5, where saving fails."""
  plan = _plan(log_every=3, save_every=7)
  _run(tmp_path / 'whole', plan)

  def fail(manager, step, state):
    raise OSError('killed')

  for stop, error in ((4, SystemExit), (5, OSError)):
    with monkeypatch.context() as patch, pytest.raises(error):
      patch.setattr(
        preemption, 'asked', lambda step, every, stop=stop: step == stop
      )
      if error is OSError:
        patch.setattr(checkpoints, 'save', fail)
      _run(tmp_path / 'stopped', plan)
  _run(tmp_path / 'stopped', plan)
  assert _records(tmp_path / 'stopped') == _records(tmp_path / 'whole')


def test_a_metric_that_is_not_finite_names_itself_steps_and_checkpoint(
  tmp_path,
):
  def step(number, state):
    value = jnp.where(number == 4, jnp.inf, 1.0)
    return state, {'fine': jnp.float32(1), 'bad': value}

  with pytest.raises(
    ValueError, match='sum: the bad is inf in steps 4..5'
  ) as e:
    _run(tmp_path, _plan(log_every=5, hint='try less'), step)
  text = str(e.value)
  assert 'last good checkpoint, step 3, is kept in' in text
  assert text.endswith('; try less')
  assert checkpoints.make_manager(tmp_path).latest_step() == 3
  assert [r['step'] for r in metrics.read(tmp_path)] == [3]


def test_one_step_that_is_no_number_is_not_left_out_of_a_mean(tmp_path):
  def step(number, state):
    value = jnp.where(number == 4, jnp.nan, 1.0)
    return state, {'loss': value}

  with pytest.raises(ValueError, match='the loss is nan in steps 4..5'):
    _run(tmp_path, _plan(log_every=5), step)


def test_before_the_first_checkpoint_the_error_says_that_there_is_none(
  tmp_path,
):
  with pytest.raises(ValueError, match='checkpoint, none yet, is kept'):
    _run(tmp_path, step_fn=lambda n, s: (s, {'loss': jnp.float32(jnp.nan)}))


def test_a_state_that_is_not_finite_is_not_saved(tmp_path):
  """The loss of a step is that before its update, which overflows here."""

  def overflow(step, state):
    _, record = _step(step, state)
    return {'sum': state['sum'] + (jnp.inf if step == 4 else step)}, record

  with pytest.raises(ValueError, match='not finite after step 5;.* step 3, is'):
    _run(tmp_path, _plan(steps=5), overflow)
  assert _run(tmp_path) == sum(range(7))  # From the good checkpoint.


def test_a_longer_training_is_not_taken_for_a_shorter_one(tmp_path):
  _run(tmp_path)
  with pytest.raises(
    ValueError, match='sum has done 7 steps, expected at most'
  ):
    _run(tmp_path, _plan(steps=5))


def test_after_fn_sees_every_state_once(tmp_path):
  seen = {}
  _run(
    tmp_path,
    after_fn=lambda done, state: seen.update({done: float(state['sum'])}),
  )
  assert seen == {n: sum(range(n)) for n in range(1, 8)}


def test_a_kill_in_after_fn_does_not_lose_what_it_would_have_written(tmp_path):
  class Killed(Exception):
    """As if the process died before the picture of the last step."""

  def kill(done, state):
    if done == 7:
      raise Killed

  with pytest.raises(Killed):
    _run(tmp_path, after_fn=kill)
  seen = []
  assert _run(tmp_path, after_fn=lambda done, state: seen.append(done)) == 21
  assert seen == [7]  # The run resumes from the checkpoint of step 6.


def test_seconds_add_up_over_processes(tmp_path):
  assert loop.seconds_so_far(tmp_path, 'sum') == 0
  _run(tmp_path, _plan(steps=3))
  first = loop.seconds_so_far(tmp_path, 'sum')
  _run(tmp_path)
  seconds = [r['sum/wall_seconds'] for r in metrics.read(tmp_path)]
  assert 0 < first <= loop.seconds_so_far(tmp_path, 'sum')
  assert seconds == sorted(seconds)


def test_states_of_any_shape_come_back_with_their_bits(tmp_path):
  state = {'w': jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))}

  def step(number, state):
    return jax.tree.map(lambda a: a * 1.1, state), {'loss': state['w'].sum()}

  whole = loop.run(tmp_path / 'whole', state, step, _plan())
  loop.run(tmp_path / 'parts', state, step, _plan(steps=3))
  parts = loop.run(tmp_path / 'parts', state, step, _plan())
  np.testing.assert_array_equal(whole['w'], parts['w'])
