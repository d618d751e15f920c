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


# A shell's background jobs, which tests may be, inherit SIGINT ignored.
_USUAL = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n'
_SIGNALS = pytest.mark.parametrize(
  ('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)


def _stop(code, number, times=1):
  """Runs code, sends the signal once it says 'ready'.

  Returns:
    Exit code, seconds from the signal to the end, stdout, stderr.
  """
  # Buffered: what was printed has to be flushed in time.
  process = programs.start('-c', _USUAL + _START + code, PYTHONUNBUFFERED='')
  assert process.stdout.readline() == 'ready\n'
  started = time.monotonic()
  for n in range(times):
    time.sleep(0.2 * (n > 0))
    process.send_signal(number)
  out, error = process.communicate(timeout=60)
  return process.returncode, time.monotonic() - started, out, error


@_SIGNALS
def test_a_loop_saves_first(number, code):
  rc, seconds, out, error = _stop(
    """
with preemption.saving():
  ready()
  while True:
    preemption.check()  # Of a function that the loop calls.
    if preemption.asked(1):
      print('saved', flush=True)
      preemption.stop()
""",
    number,
  )
  assert (rc, out) == (code, 'saved\n')
  assert error.count('\n') == 1 and 'goes on from it' in error
  assert error.startswith(number.name)
  assert seconds < 2


@_SIGNALS
def test_where_nothing_can_be_saved_it_ends_at_the_next_safe_point(
  number, code
):
  rc, seconds, out, error = _stop(
    """
import time
with preemption.saving():
  pass
ready()
while True:
  time.sleep(0.1)
  print('whole', flush=True)
  preemption.check()
""",
    number,
  )
  assert rc == code and seconds < 2
  assert out.endswith('whole\n')
  assert error == f'{number.name}: stopped; finished parts are kept\n'


def test_after_a_safe_point_there_is_time_to_clean_up():
  rc, seconds, out, _ = _stop(
    """
import time
ready()
try:
  while True:
    time.sleep(0.1)
    preemption.check()
finally:
  time.sleep(3.0)  # Longer than SECONDS.
  print('cleaned up')
""",
    signal.SIGTERM,
  )
  assert (rc, out) == (143, 'cleaned up\n')
  assert 3 < seconds < 8


@_SIGNALS
def test_a_long_call_into_c_is_cut_short(number, code):
  """As a compilation is, which runs no Python for half a minute."""
  rc, seconds, out, error = _stop(
    """
import hashlib
with preemption.saving():
  ready()
  print('printed')
  hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)
""",
    number,
  )
  assert (rc, out) == (code, 'printed\n')
  # SECONDS is 2 here; a loaded machine may add some.
  assert 1.5 < seconds < 8
  assert 'ended at once; what is on disk is kept' in error


def test_a_second_interrupt_ends_it_at_once():
  rc, seconds, _, _ = _stop(
    """
import hashlib
preemption.SECONDS = 60.0
ready()
hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)
""",
    signal.SIGINT,
    times=2,
  )
  assert rc == 130 and seconds < 8


def test_leaving_by_a_signal_skips_the_clean_up_of_python():
  code = """
import atexit
from advmix_jax.runtime import preemption
atexit.register(print, 'clean-up')
print('printed')
preemption.leave(1)
preemption.leave(143)
"""
  done = programs.run('-c', code)
  assert (done.returncode, done.stdout) == (143, 'printed\n')


def test_an_ignored_interrupt_stays_ignored():
  code = _START + 'import time\nready()\ntime.sleep(3)\nprint("done")'
  ignored = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n'
  process = programs.start('-c', ignored + code)
  assert process.stdout.readline() == 'ready\n'
  process.send_signal(signal.SIGINT)
  out, _ = process.communicate(timeout=60)
  assert (process.returncode, out) == (0, 'done\n')


def test_sigkill_stays_what_it_is():
  rc, _, _, _ = _stop('import time\nready()\ntime.sleep(60)', signal.SIGKILL)
  assert rc == -signal.SIGKILL
