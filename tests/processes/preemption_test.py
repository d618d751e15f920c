"""Claims about runtime/preemption.py, each in a process of its own."""

import signal
import time

import pytest
from processes import programs

_START = """
import sys
from advmix_jax.runtime import preemption
preemption.SECONDS = 2.0
preemption.install()
def ready():
  print('ready', flush=True)
"""


def _terminate(code):
  """Runs code, sends SIGTERM once it says 'ready'.

  Returns:
    Exit code, seconds from the signal to the end, stdout, stderr.
  """
  process = programs.start('-c', _START + code)
  assert process.stdout.readline() == 'ready\n'
  process.send_signal(signal.SIGTERM)
  started = time.monotonic()
  out, error = process.communicate(timeout=60)
  return process.returncode, time.monotonic() - started, out, error


def test_a_loop_saves_first():
  code = """
with preemption.saving():
  ready()
  while True:
    if preemption.asked(1):
      print('saved', flush=True)
      preemption.stop()
"""
  rc, seconds, out, error = _terminate(code)
  assert (rc, out) == (143, 'saved\n')
  assert error.count('\n') == 1 and 'goes on from it' in error
  assert seconds < 2


def test_where_nothing_can_be_saved_it_ends_at_once():
  rc, seconds, _, error = _terminate("""
import time
with preemption.saving():
  pass
ready()
time.sleep(60)
""")
  assert rc == 143 and seconds < 2
  assert error == 'SIGTERM: stopped\n'


def test_a_long_call_into_c_is_cut_short():
  """As a compilation is, which runs no Python for half a minute."""
  rc, seconds, _, error = _terminate("""
import hashlib
with preemption.saving():
  ready()
  hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)
""")
  assert rc == 143
  # SECONDS is 2 here; a loaded machine may add some.
  assert 1.5 < seconds < 8
  assert 'last checkpoint is kept' in error


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_other_signals_stay_what_they_are(number):
  # A shell's background jobs, which tests may be, inherit SIGINT ignored.
  usual = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n'
  code = usual + _START + 'import time\nready()\ntime.sleep(60)'
  process = programs.start('-c', code)
  assert process.stdout.readline() == 'ready\n'
  process.send_signal(number)
  process.communicate(timeout=60)
  assert process.returncode == -number
