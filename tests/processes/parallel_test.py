"""Runs parallel_cases.py where there are eight devices: in another process.

Here the quick ones; `make soak` runs them all.
"""

import os
import pathlib

from helpers import compiling
from processes import programs


def test_on_one_two_and_eight_devices():
  cases = pathlib.Path(__file__).with_name('parallel_cases.py')
  flags = os.environ.get('XLA_FLAGS', '')
  flags += ' --xla_force_host_platform_device_count=8'
  # Devices are compared with each other: compiled fast is good enough.
  flags += f' {compiling.FASTEST}'
  done = programs.run(
    *('-m', 'pytest', '-q', '-x', cases),
    *('-k', 'advmix-0.4 and 6- or outcomes or goes_on'),
    XLA_FLAGS=flags,
  )
  assert done.returncode == 0, done.stdout[-3000:]
  assert 'skipped' not in done.stdout
