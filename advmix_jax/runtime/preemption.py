"""SIGTERM, by which a cluster takes a machine back: save, then exit with 143.

  preemption.install()          # scripts: cli.run does it
  with preemption.saving():     # a loop that can save its state
    for step in ...:
      state = train_step(state)
      if preemption.asked(step):
        save(state)
        preemption.stop()

Outside `saving` there is nothing to save, and SIGTERM ends the program at once.
Inside, the loop saves and stops. A thread sees to it that this takes no more
than SECONDS, even in the midst of a compilation; the last checkpoint is then
what is on disk. Several processes stop at the same step, also where SIGTERM
came to one alone: they ask each other every so many steps.

Contents: EXIT_CODE, SECONDS, install, saving, asked, stop.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import jax

from advmix_jax.runtime import hosts

EXIT_CODE = 128 + signal.SIGTERM  # 143, what a shell shows for SIGTERM.
SECONDS = 8.0

_asked = threading.Event()
_can_save = threading.Event()


def install() -> None:
  """Handles SIGTERM from now on; to be called in the main thread."""
  read, write = os.pipe()
  os.set_blocking(write, False)
  signal.signal(signal.SIGTERM, _handle)
  # Python runs _handle between bytecodes, which a compilation can put off for
  # half a minute; the byte arrives in this pipe at once.
  signal.set_wakeup_fd(write, warn_on_full_buffer=False)
  threading.Thread(target=_watch, args=(read,), daemon=True).start()


def _handle(number: int, frame: Any) -> None:
  del number, frame
  _asked.set()
  if not _can_save.is_set():
    _exit('stopped')


def _watch(read: int) -> None:
  """Ends the program SECONDS after a SIGTERM."""
  while signal.SIGTERM not in os.read(read, 1):
    pass
  threading.Event().wait(SECONDS)
  print('SIGTERM: out of time; the last checkpoint is kept', file=sys.stderr)
  os._exit(EXIT_CODE)


def _exit(note: str) -> NoReturn:
  print(f'SIGTERM: {note}', file=sys.stderr, flush=True)
  raise SystemExit(EXIT_CODE)


@contextlib.contextmanager
def saving() -> Iterator[None]:
  """Promises to look at `asked` soon, so that SIGTERM waits for it."""
  _can_save.set()
  try:
    yield
  finally:
    _can_save.clear()


def asked(step: int, *, every: int = 1) -> bool:
  """Whether SIGTERM has come, to any process; then save, and call `stop`.

  Args:
    step: the same in all processes.
    every: period of steps at which several processes ask each other, which
      waits for the device; a single one always knows.
  """
  if jax.process_count() > 1 and step % every:
    return False
  return hosts.any_of(_asked.is_set())


def stop() -> NoReturn:
  """Exits with EXIT_CODE, after a line that says what was done."""
  _exit('saved a checkpoint; the same command goes on from it')
