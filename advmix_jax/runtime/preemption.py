"""SIGTERM and Ctrl-C: stop at the next safe point, with 143 or 130.

  preemption.install()          # in scripts, cli.run calls this
  for batch in batches:
    preemption.check()          # a safe point: nothing of JAX is under way
    ...
  with preemption.saving():     # a loop that can save its state
    for step in ...:
      state = train_step(state)
      if preemption.asked(step):
        save(state)
        preemption.stop()

A cluster sends SIGTERM to stop a job, and a terminal SIGINT on Ctrl-C. The
handler only notes the signal: an exception in the middle of a call of JAX,
whose threads go on, would crash the process. A loop that can save does so, then
stops. What takes longer than SECONDS, for example a compilation, is ended by a
thread; a second Ctrl-C does this at once. What is on disk stays valid. Several
processes stop at the same step, even if only one of them received the signal:
every second or two they exchange whether they did.

Contents: SECONDS, install, saving, check, asked, stop, leave.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

import jax

from advmix_jax.runtime import hosts

SECONDS = 8.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_EXCHANGE = 1.5  # Between two exchanges of several processes.
_CLEAN_UP = 30.0  # After the safe point: to end other processes, for example.
_received: list[int] = []  # Numbers of signals, in their order.
_can_save = threading.Event()
_safe = threading.Event()  # A safe point was reached.
# The last exchange, -1: none yet in this loop, and the step of the next one.
_exchanged = {'step': -1, 'time': 0.0, 'next': 0}


def install() -> None:
  """Handles both signals from now on; call it in the main thread.

  A shell's background job ignores SIGINT, and goes on doing so.
  """
  read, write = os.pipe()
  os.set_blocking(write, False)
  for number in _SIGNALS:
    if signal.getsignal(number) != signal.SIG_IGN:
      signal.signal(number, _handle)
  # Python runs _handle only between bytecodes; a compilation can delay that by
  # half a minute. The signal's byte arrives in this pipe at once.
  signal.set_wakeup_fd(write, warn_on_full_buffer=False)
  threading.Thread(target=_watch, args=(read,), daemon=True).start()


def _handle(number: int, frame: Any) -> None:
  del frame
  _received.append(number)


def _next(
  read: int, numbers: Collection[int], seconds: float | None = None
) -> int | None:
  """The next signal of these; None if none comes within `seconds`."""
  end = None if seconds is None else time.monotonic() + seconds
  while True:
    left = None if end is None else max(0.0, end - time.monotonic())
    if not select.select([read], [], [], left)[0]:
      return None
    number = os.read(read, 1)[0]
    if number in numbers:
      return number


def _watch(read: int) -> None:
  """Ends the program SECONDS after the first signal, or at a second Ctrl-C."""
  number = _next(read, _SIGNALS)
  again = _next(read, [signal.SIGINT], SECONDS)
  if _safe.is_set() and not again:
    _next(read, [signal.SIGINT], _CLEAN_UP)
  name = signal.Signals(number).name
  _flush()
  os.write(2, f'\n{name}: ended at once; what is on disk is kept\n'.encode())
  os._exit(_code(number))


def _code(number: int) -> int:
  """The exit code that a shell shows for a signal: 143 or 130."""
  return 128 + number


def _flush() -> None:
  """Flushes stdout; gives up after a second if nobody reads it."""
  thread = threading.Thread(target=sys.stdout.flush, daemon=True)
  thread.start()
  thread.join(1.0)


def _exit(note: str) -> NoReturn:
  _safe.set()
  number = _received[0] if _received else signal.SIGTERM
  name = signal.Signals(number).name
  print(f'{name}: {note}', file=sys.stderr, flush=True)
  raise SystemExit(_code(number))


def leave(code: int) -> None:
  """Ends the program without Python's clean-up if `code` is of a signal.

  At that time, threads of JAX may still compute, and a clean-up under them
  crashes. Files are closed already.

  Args:
    code: of the SystemExit that `check` or `stop` raised, or any other.
  """
  if code in [_code(number) for number in _SIGNALS]:
    _flush()
    os._exit(code)


@contextlib.contextmanager
def saving() -> Iterator[None]:
  """While this is open, `check` does nothing: the loop will look at `asked`."""
  _can_save.set()
  _exchanged.update(step=-1, time=time.monotonic(), next=0)
  try:
    yield
  finally:
    _can_save.clear()


def check() -> None:
  """Stops the program here if it was asked to and has nothing to save.

  Raises:
    SystemExit: with 143 or 130.
  """
  if _received and not _can_save.is_set():
    _exit('stopped; finished parts are kept')


def asked(step: int, *, every: int = 1) -> bool:
  """Whether any process received a signal; if so, save and call `stop`.

  Args:
    step: Number of the step; the same in all processes.
    every: Several processes exchange this every second or two, because that
      waits for the device, and after `every` steps at the latest. A single
      process ignores it.
  """
  if jax.process_count() == 1:
    return bool(_received)
  if step < _exchanged['next']:
    return False
  now = time.monotonic()
  passed = now - _exchanged['time']
  received, passed = hosts.largest([bool(_received), passed])
  since = step - _exchanged['step'] if _exchanged['step'] >= 0 else 1
  steps = since * _EXCHANGE / max(passed, 1e-3)
  # The same in all processes, so that all exchange at the same step.
  following = step + max(1, min(every, int(steps)))
  _exchanged.update(step=step, time=now, next=following)
  return bool(received)


def stop() -> NoReturn:
  """Prints that a checkpoint was saved, and exits with 143 or 130."""
  _exit('saved a checkpoint; the same command goes on from it')
