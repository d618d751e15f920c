"""Claims about runtime/locks.py: what another process sees."""

import os
import signal
import socket

import pytest
from processes import programs

from advmix_jax.runtime import locks

_HOLDER = """
import sys, time
from advmix_jax.runtime import locks
with locks.hold(sys.argv[1]):
  print('held', flush=True)
  time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
  """A process that holds tmp_path."""
  process = programs.start('-c', _HOLDER, tmp_path)
  assert process.stdout.readline() == 'held\n'
  yield process
  process.kill()
  process.communicate()


def test_a_second_process_is_refused_and_told_by_whom(tmp_path, holder):
  who = f'process {holder.pid} on {socket.gethostname()}'
  with pytest.raises(ValueError, match=who), locks.hold(tmp_path):
    pytest.fail('both hold it')
  with locks.hold(tmp_path / 'other'):
    pass


def test_the_lock_of_a_killed_process_is_stale(tmp_path, holder):
  holder.send_signal(signal.SIGKILL)
  holder.wait()
  assert (tmp_path / 'lock.json').exists()  # It could not clean up.
  with locks.hold(tmp_path):
    assert str(os.getpid()) in (tmp_path / 'lock.json').read_text()
