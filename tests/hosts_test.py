"""Claims about advmix_jax/hosts.py: two processes on this machine as one."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from advmix_jax import checkpoints, hosts

ROOT = pathlib.Path(__file__).resolve().parent.parent
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


def _start(workdir, kind, *options):
  return subprocess.Popen(
    [
      *(sys.executable, str(ROOT / 'experiments' / 'train.py'), *_RUN),
      *(f'--workdir={workdir}', f'--config.parallel={kind}', *options),
    ],
    env=dict(os.environ, XLA_FLAGS=''),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def _finish(process):
  out, error = process.communicate(timeout=300)
  assert process.returncode == 0, error[-2000:]
  return out


def _free_port():
  with socket.socket() as s:
    s.bind(('localhost', 0))
    return s.getsockname()[1]


def _results(workdir):
  found = json.loads((workdir / 'results.json').read_text())
  return {k: v for k, v in found.items() if k not in ('wall_seconds', 'config')}


@pytest.mark.parametrize('kind', ['pmap', 'sharding'])
def test_two_processes_do_what_one_does(kind, tmp_path):
  address = f'localhost:{_free_port()}'
  two = [
    _start(
      tmp_path / 'two',
      kind,
      f'--coordinator_address={address}',
      '--num_processes=2',
      f'--process_id={i}',
    )
    for i in range(2)
  ]
  one = _start(tmp_path / 'one', kind)
  outputs = [_finish(process) for process in (*two, one)]
  assert 'advmix: clean' in outputs[0]
  assert 'mnist' not in outputs[1] and 'advmix' not in outputs[1]
  assert _results(tmp_path / 'two') == _results(tmp_path / 'one')
  (a, _), (b, _) = (
    checkpoints.load_npz(tmp_path / n / 'classifier.npz')
    for n in ('one', 'two')
  )
  for name, value in a['linear/logits'].items():
    # Sums in another order; Adam's first steps are of the rate's size, 1e-3.
    difference = np.abs(value - b['linear/logits'][name])
    assert np.mean(difference > 1e-5) < 0.01 and difference.max() < 6e-3


def test_bad_addresses_are_one_line():
  with pytest.raises(ValueError, match='--num_processes=2 .* need'):
    hosts.initialize('', 2, 0)
  with pytest.raises(ValueError, match='--process_id is 2, expected 0 to 1'):
    hosts.initialize('localhost:1', 2, 2)
