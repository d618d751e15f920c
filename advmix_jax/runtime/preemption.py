"""SIGTERM, which a cluster sends to stop a job: save, then exit with 143.

  preemption.install()          # in scripts, cli.run calls this
  with preemption.saving():     # a loop that can save its state
    for step in ...:
      state = train_step(state)
      if preemption.asked(step):
        save(state)
        preemption.stop()

Outside `saving` there is nothing to save, and SIGTERM ends the program at once.
Inside, the loop saves and stops. If this takes longer than SECONDS, for example
during a compilation, a thread ends the program; the last checkpoint on disk
stays valid. Several processes stop at the same step, even if only one of them
received SIGTERM: every few steps they exchange whether they did.

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
  """Handles SIGTERM from now on; call it in the main thread."""
  read, write = os.pipe()
  os.set_blocking(write, False)
  signal.signal(signal.SIGTERM, _handle)
  # Python runs _handle only between bytecodes; a compilation can delay that by
  # half a minute. The signal's byte arrives in this pipe at once.
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
  """While this is open, SIGTERM waits until the caller checks `asked`."""
  _can_save.set()
  try:
    yield
  finally:
    _can_save.clear()


def asked(step: int, *, every: int = 1) -> bool:
  """Whether any process received SIGTERM; if so, save and call `stop`.

  Args:
    step: Number of the step; the same in all processes.
    every: Several processes exchange this only at multiples of `every`,
      because that waits for the device. A single process ignores it.
  """
  if jax.process_count() > 1 and step % every:
    return False
  return hosts.any_of(_asked.is_set())


def stop() -> NoReturn:
  """Prints that a checkpoint was saved, and exits with EXIT_CODE."""
  _exit('saved a checkpoint; the same command goes on from it')
