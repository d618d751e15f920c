"""Claims about advmix_jax/locks.py."""

import os
import signal
import socket
import subprocess
import sys

import pytest

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
  process = subprocess.Popen(
    [sys.executable, '-c', _HOLDER, str(tmp_path)],
    stdout=subprocess.PIPE,
    text=True,
  )
  assert process.stdout.readline() == 'held\n'
  yield process
  process.kill()
  process.wait()


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


def test_an_error_inside_gives_the_folder_back(tmp_path):
  with pytest.raises(KeyError), locks.hold(tmp_path):
    raise KeyError
  assert not (tmp_path / 'lock.json').exists()
  with pytest.raises(KeyError), locks.hold(tmp_path / 'new'):
    raise KeyError
  assert not (tmp_path / 'new').exists()
  with locks.hold(tmp_path):
    pass
