"""Claims about advmix_jax/checkpoints.py."""

import logging
import os

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from advmix_jax import types
from advmix_jax.runtime import checkpoints

METADATA = {'config': {'width': 16, 'names': ['a', 'b']}, 'note': 'é'}


def _params():
  return {
    'mapping': {'w': np.arange(6, dtype=np.float32).reshape(2, 3)},
    'vgg/conv': {'w': np.ones((2, 2), np.float16), 'b': np.zeros(0, np.int8)},
    'scalar': np.float64(0.1),
    'deep': {'er': {'still': np.array([True, False])}},
  }


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


def test_npz_gives_back_every_array_bit_and_the_metadata(tmp_path):
  path = tmp_path / 'new' / 'a.npz'
  checkpoints.save_npz(path, _params(), METADATA)
  params, metadata = checkpoints.load_npz(path)
  chex.assert_trees_all_equal(params, _params())
  chex.assert_trees_all_equal_dtypes(
    params, jax.tree.map(np.asarray, _params())
  )
  assert metadata == METADATA


def test_npz_holds_no_pickle_and_readable_names(tmp_path):
  checkpoints.save_npz(tmp_path / 'a.npz', _params(), METADATA)
  with np.load(tmp_path / 'a.npz', allow_pickle=False) as f:
    assert {'mapping/w', 'vgg/conv/w', 'deep/er/still'} < set(f.files)
    assert all(f[name].dtype != object for name in f.files)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
  path = tmp_path / 'a.npz'
  checkpoints.save_npz(path, {'a': np.ones(3)}, {})
  before = path.read_bytes()

  def broken(file):
    file.write(b'half')
    raise RuntimeError('disk full')

  with pytest.raises(RuntimeError):
    checkpoints.write_atomically(path, broken)
  assert path.read_bytes() == before
  assert os.listdir(tmp_path) == ['a.npz']


def test_clashing_paths_and_objects_are_refused(tmp_path):
  clash = {'a': {'b/c': np.ones(1)}, 'a/b': {'c': np.ones(1)}}
  with pytest.raises(ValueError, match='clash'):
    checkpoints.save_npz(tmp_path / 'a.npz', clash, {})
  with pytest.raises(ValueError, match='not a numeric array'):
    checkpoints.save_npz(tmp_path / 'a.npz', {'a': [None]}, {})
  assert not os.listdir(tmp_path)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match='none.npz'):
    checkpoints.load_npz(tmp_path / 'none.npz')


@pytest.mark.parametrize('share', [0.0, 0.3, 0.9])
def test_a_truncated_npz_is_one_clear_line(tmp_path, share):
  path = tmp_path / 'a.npz'
  checkpoints.save_npz(path, _params(), METADATA)
  data = path.read_bytes()
  path.write_bytes(data[: int(share * len(data))])
  with pytest.raises(ValueError, match='a.npz: corrupt') as error:
    checkpoints.load_npz(path)
  assert '\n' not in str(error.value)


def test_a_changed_byte_in_an_array_is_noticed(tmp_path):
  path = tmp_path / 'a.npz'
  checkpoints.save_npz(path, {'a': np.zeros(1000, np.uint8)}, {})
  data = bytearray(path.read_bytes())
  data[data.index(bytes(100)) + 50] = 1
  path.write_bytes(data)
  with pytest.raises(ValueError, match='corrupt'):
    checkpoints.load_npz(path)


def test_a_foreign_file_is_refused(tmp_path):
  np.savez(tmp_path / 'foreign.npz', a=np.ones(2))
  np.savez(tmp_path / 'pickle.npz', a=np.array([{}], dtype=object))
  (tmp_path / 'text.npz').write_text('hello')
  np.save(tmp_path / 'single.npz', np.ones(2))
  os.replace(tmp_path / 'single.npz.npy', tmp_path / 'single.npz')
  for path in tmp_path.iterdir():
    with pytest.raises(ValueError, match=f'{path.name}: corrupt, or not a'):
      checkpoints.load_npz(path)


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
