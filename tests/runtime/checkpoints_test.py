"""Claims about advmix_jax/runtime/checkpoints.py."""

import errno
import logging

import chex
import jax.numpy as jnp
import optax
import pytest

from advmix_jax import types
from advmix_jax.runtime import checkpoints


def _state(size=3):
  params = {'vgg/conv': {'w': jnp.arange(4.0 * size).reshape(4, size)}}
  return types.TrainState(jnp.int32(7), params, optax.adam(1e-3).init(params))


def _saved(tmp_path, steps=(1, 2)):
  """A manager with checkpoints whose states differ by their step."""
  manager = checkpoints.make_manager(tmp_path)
  for step in steps:
    checkpoints.save(manager, step, _state()._replace(step=jnp.int32(step)))
  return manager


def _largest_file(folder):
  files = [f for f in folder.rglob('*') if f.is_file()]
  return max(files, key=lambda f: f.stat().st_size)


def test_restore_gives_back_the_newest_state(tmp_path):
  _saved(tmp_path, steps=(1, 2, 3))
  manager = checkpoints.make_manager(tmp_path)  # As a new process does.
  step, state = checkpoints.restore(manager, _state())
  assert step == 3
  chex.assert_trees_all_equal(state, _state()._replace(step=jnp.int32(3)))
  chex.assert_trees_all_equal_structs(state, _state())
  assert list(manager.all_steps()) == [2, 3]  # max_to_keep.


def test_restore_of_a_new_run_is_none(tmp_path):
  assert (
    checkpoints.restore(checkpoints.make_manager(tmp_path), _state()) is None
  )


@pytest.mark.parametrize('how', ['truncate', 'flip', 'remove', 'empty'])
def test_a_corrupt_newest_checkpoint_costs_one_interval(
  tmp_path, caplog, capfd, how
):
  manager = _saved(tmp_path)
  file = _largest_file(tmp_path / 'checkpoints' / '2')
  data = bytearray(file.read_bytes())
  if how == 'remove':
    file.unlink()
  else:
    data[len(data) // 2] ^= 255
    keep = {'truncate': len(data) // 2, 'flip': len(data), 'empty': 0}[how]
    file.write_bytes(data[:keep])
  with caplog.at_level(logging.WARNING):
    step, state = checkpoints.restore(manager, _state())
  assert (step, int(state.step)) == (1, 1)
  (line,) = [r.getMessage() for r in caplog.records if r.name == 'root']
  assert line.startswith('checkpoint 2 is corrupt') and '\n' not in line
  assert 'Traceback' not in capfd.readouterr().err
  assert (tmp_path / 'checkpoints_corrupt' / '2').is_dir()  # Nothing lost.
  checkpoints.save(manager, 2, _state())  # The step is free again.
  assert checkpoints.restore(manager, _state())[0] == 2


@pytest.mark.parametrize('text', [None, '', '{}', '[]', '{"a": 1'])
def test_a_checkpoint_without_sums_is_not_trusted(tmp_path, caplog, text):
  manager = _saved(tmp_path)
  for step, left in ((2, 1), (1, None)):
    sums = tmp_path / 'checkpoints' / str(step) / 'sha256.json'
    sums.unlink() if text is None else sums.write_text(text)
    with caplog.at_level(logging.WARNING):
      restored = checkpoints.restore(manager, _state())
    assert (restored and restored[0]) == left
    assert (tmp_path / 'checkpoints_corrupt' / str(step)).is_dir()
  assert 'sha256.json is missing, empty or unreadable' in caplog.text
  assert 'starting from the beginning' in caplog.text


def test_a_file_that_was_added_makes_a_checkpoint_corrupt(tmp_path):
  manager = _saved(tmp_path)
  (tmp_path / 'checkpoints' / '2' / 'more').write_text('x')
  assert checkpoints.restore(manager, _state())[0] == 1


def test_a_checkpoint_of_another_model_is_refused_and_kept(tmp_path, capfd):
  manager = _saved(tmp_path)
  with pytest.raises(ValueError, match=r'\[2, 1\].*another model.*shape'):
    checkpoints.restore(manager, _state(size=5))
  assert 'Traceback' not in capfd.readouterr().err
  assert checkpoints.restore(manager, _state())[0] == 2


def test_an_unfinished_checkpoint_does_not_count(tmp_path):
  _saved(tmp_path, steps=(1,))
  unfinished = tmp_path / 'checkpoints' / '2.orbax-checkpoint-tmp'
  unfinished.mkdir()
  manager = checkpoints.make_manager(tmp_path)
  assert checkpoints.restore(manager, _state())[0] == 1
  assert not unfinished.exists()  # Nothing else would remove it.


def test_the_reason_of_a_failed_write_is_said(tmp_path, monkeypatch):
  def full(path, value):
    raise OSError(errno.ENOSPC, 'No space left on device', str(path))

  monkeypatch.setattr(checkpoints.files, 'write_json', full)
  manager = checkpoints.make_manager(tmp_path)
  with pytest.raises(ValueError, match='not be written .No space left on dev'):
    checkpoints.save(manager, 1, _state())
