"""Claims about runtime/hosts.py: two processes on this machine as one."""

import contextlib
import json
import os
import signal
import socket
import time

import numpy as np
import pytest
from helpers import compiling, paths
from processes import programs

from advmix_jax.runtime import files, locks

_RUN = (
  '--config=configs/colored_mnist.py:ideal',
  '--config.data.num_train=24',
  '--config.data.num_test=12',
  '--config.classifier.name=linear',
  '--config.optimizer.batch_size=8',
  '--config.optimizer.epochs=1',
  '--config.attack.restarts=2',
  '--config.attack.steps=1',
  '--config.eval.num_examples=12',
  '--config.eval.batch_size=12',
  '--config.eval.attack.restarts=2',
  '--config.eval.attack.steps=1',
)


def _start(workdir, kind, *options, **env):
  return programs.start(
    *(paths.EXPERIMENTS / 'train.py', *_RUN),
    *(f'--workdir={workdir}', f'--config.parallel={kind}', *options),
    # Runs are compared with each other: they may be slow, and compile fast.
    **{'XLA_FLAGS': compiling.FASTEST} | env,
  )


def _finish(process):
  out, error = process.communicate(timeout=300)
  assert process.returncode == 0, error[-2000:]
  return out


def _free_port(first=0, last=0):
  """A port from first to last; the first of several that are free."""
  for port in range(first, last + 1):
    with socket.socket() as s, contextlib.suppress(OSError):
      s.bind(('localhost', port))
      return s.getsockname()[1]
  raise OSError('no port is free')


def _start_two(workdir, kind, *options):
  """Two processes that meet at an address."""
  address = f'localhost:{_free_port()}'
  return [
    _start(
      *(workdir, kind, f'--coordinator_address={address}'),
      *('--num_processes=2', f'--process_id={i}', *options),
    )
    for i in range(2)
  ]


def _start_two_by_slurm(workdir, kind):
  """Two processes that find each other in the variables that srun sets."""
  first = 65536 - 4096  # The job's number, modulo 4096, gives the port.
  job = {
    'SLURM_JOB_ID': str(4096 + _free_port(first, first + 4095) - first),
    'SLURM_STEP_NODELIST': 'localhost',
    'SLURM_NTASKS': '2',
  }
  return [
    _start(workdir, kind, **job, SLURM_PROCID=str(i), SLURM_LOCALID=str(i))
    for i in range(2)
  ]


def _results(workdir):
  found = json.loads((workdir / 'results.json').read_text())
  return {k: v for k, v in found.items() if k not in ('wall_seconds', 'config')}


@pytest.mark.parametrize(
  ('kind', 'start'), [('pmap', _start_two), ('sharding', _start_two_by_slurm)]
)
def test_two_processes_do_what_one_does(kind, start, tmp_path):
  two = start(tmp_path / 'two', kind)
  one = _start(tmp_path / 'one', kind)
  outputs = [_finish(process) for process in (*two, one)]
  assert 'advmix: clean' in outputs[0]
  assert 'mnist' not in outputs[1] and 'advmix' not in outputs[1]
  assert _results(tmp_path / 'two') == _results(tmp_path / 'one')
  (a, _), (b, _) = (
    files.load_npz(tmp_path / n / 'classifier.npz') for n in ('one', 'two')
  )
  for name, value in a['linear/logits'].items():
    # Sums in another order; Adam's first steps are of the rate's size, 1e-3.
    difference = np.abs(value - b['linear/logits'][name])
    assert np.mean(difference > 1e-5) < 0.01 and difference.max() < 6e-3


def test_a_sigterm_to_one_process_saves_and_stops_both(tmp_path):
  long = (
    *('--config.optimizer.epochs=100', '--config.log_every=3'),
    '--config.checkpoint_every=30',
  )
  two = _start_two(tmp_path, 'pmap', *long)
  log = tmp_path / 'metrics.jsonl'
  while not (log.exists() and log.read_text()):
    assert two[0].poll() is None
    time.sleep(0.01)
  two[1].send_signal(signal.SIGTERM)
  errors = [process.communicate(timeout=60)[1] for process in two]
  assert [process.returncode for process in two] == [143, 143], errors
  assert 'goes on from it' in errors[0]
  steps = [json.loads(line)['step'] for line in log.read_text().splitlines()]
  assert steps[-1] < 300
  assert (tmp_path / 'checkpoints' / str(steps[-1])).exists()
  for process in _start_two(tmp_path, 'pmap', *long):
    _finish(process)
  steps = [json.loads(line)['step'] for line in log.read_text().splitlines()]
  assert steps == list(range(3, 301, 3))


def _errors(processes):
  """What each process wrote as an error; all end in time, with code 1."""
  errors = [process.communicate(timeout=120)[1] for process in processes]
  assert [process.returncode for process in processes] == [1, 1], errors
  lines = [[s for s in e.splitlines() if ': error: ' in s] for e in errors]
  assert all(len(found) == 1 for found in lines), errors
  assert not any('Traceback' in e or 'Fatal' in e for e in errors), errors
  return [found[0] for found in lines]


def test_an_error_in_one_process_ends_both_with_a_line(tmp_path):
  """Another config, seen by the second one alone; a folder that is in use."""
  _finish(_start(tmp_path / 'done', 'pmap'))
  (tmp_path / 'done' / 'results.json').unlink()
  address = f'--coordinator_address=localhost:{_free_port()}'
  two = [
    _start(
      *(tmp_path / 'done', 'pmap', address, '--num_processes=2'),
      *(f'--process_id={i}', f'--config.seed={i}'),
    )
    for i in range(2)
  ]
  first, second = _errors(two)
  assert 'see whether another process ended before' in first
  assert 'holds a run of another config: seed=0 (now 1)' in second
  with locks.hold(tmp_path / 'used'):
    first, second = _errors(_start_two(tmp_path / 'used', 'pmap'))
  assert f'used is in use by process {os.getpid()}' in first
  assert 'used: see the error of the first process' in second
