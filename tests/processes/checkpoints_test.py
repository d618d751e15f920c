"""Claims about runtime/checkpoints.py where the disk is full."""

import numpy as np
from processes import programs

from advmix_jax.runtime import checkpoints, files

_FULL_DISK = """
import pathlib, resource, signal, sys
import numpy as np
from advmix_jax.runtime import checkpoints, files, metrics

folder = pathlib.Path(sys.argv[1])
manager = checkpoints.make_manager(folder)
state = {'w': np.random.default_rng(0).normal(size=(100, 100))}
checkpoints.save(manager, 1, state)
files.save_npz(folder / 'x.npz', state, {})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

def record():
  with metrics.writer(folder) as write:
    for step in range(1000):
      write(step, {'a': 1.0, 'b': 2.0})

for write in (
  lambda: checkpoints.save(manager, 2, state),
  lambda: files.save_npz(folder / 'x.npz', {'w': state['w'] + 1}, {}),
  record,
):
  try:
    write()
  except (ValueError, OSError) as e:
    print(e)
"""


def test_a_write_that_fails_loses_nothing(tmp_path):
  """A limit on the size of files fails as a full disk does, in mid-write."""
  done = programs.run('-c', _FULL_DISK, tmp_path)
  assert done.returncode == 0, done.stderr
  checkpoint, release, record = done.stdout.splitlines()
  assert 'the checkpoint could not be written (File too large' in checkpoint
  assert 'File too large' in release and 'x.npz' in release
  assert 'File too large' in record and 'metrics.jsonl' in record
  assert done.stderr == ''
  want = np.random.default_rng(0).normal(size=(100, 100))
  manager = checkpoints.make_manager(tmp_path)
  step, state = checkpoints.restore(manager, {'w': np.zeros((100, 100))})
  assert step == 1
  # JAX holds float32.
  np.testing.assert_array_equal(state['w'], want.astype(np.float32))
  params, _ = files.load_npz(tmp_path / 'x.npz')
  np.testing.assert_array_equal(params['w'], want)
  assert not list(tmp_path.glob('.*.tmp'))
