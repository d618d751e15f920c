"""Runs parallel_cases.py where there are eight devices: in another process.

Here the quick ones; `make soak` runs them all.
"""

import os
import pathlib
import subprocess
import sys

import pytest

from advmix_jax.runtime import parallel


def test_on_one_two_and_eight_devices():
  cases = pathlib.Path(__file__).with_name('parallel_cases.py')
  flags = os.environ.get('XLA_FLAGS', '')
  flags += ' --xla_force_host_platform_device_count=8'
  # Devices are compared with each other: compiled fast is good enough.
  flags += ' --xla_backend_optimization_level=0'
  done = subprocess.run(
    [
      *(sys.executable, '-m', 'pytest', '-q', '-x', str(cases)),
      *('-k', 'advmix-0.4 and 6- or outcomes or goes_on'),
    ],
    env=dict(os.environ, XLA_FLAGS=flags),
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout[-3000:]
  assert 'skipped' not in done.stdout


def test_an_unknown_kind_lists_the_known_ones():
  with pytest.raises(ValueError, match=r"'tpu', expected .*'pmap', 'sharding'"):
    parallel.compile(lambda x: x, 'tpu', split=(True,), out_split=True)
