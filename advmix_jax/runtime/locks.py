"""One process per run folder.

  with locks.hold(workdir):
    ...

The operating system holds the lock (through `filelock`) and releases it when
the process ends, even by a kill. So a lock file that a killed run left behind
blocks no later run.

Contents: hold.
"""

import contextlib
import os
import pathlib
import socket
from collections.abc import Iterator

import filelock

from advmix_jax.runtime import files, hosts, untrusted

_FILE = 'lock'
_OWNER = 'lock.json'  # PID and host of the owner, for error messages.


@contextlib.contextmanager
def hold(workdir: str | os.PathLike) -> Iterator[None]:
  """Locks WORKDIR, which is created if it doesn't exist.

  If WORKDIR is still empty at the end, it is removed. Without an error, all
  processes leave together, so that they find what the first one has written.

  Raises:
    ValueError: Another process holds the lock; names that PID and host.
  """
  workdir = pathlib.Path(workdir)
  lock = filelock.FileLock(workdir / _FILE, timeout=0)
  hosts.in_first(lambda: _acquire(lock, workdir), os.fspath(workdir))
  if not hosts.is_first():  # The first process holds the lock for all.
    yield
    hosts.barrier('lock')
    return
  try:
    owner = {'pid': os.getpid(), 'host': socket.gethostname()}
    files.write_json(workdir / _OWNER, owner)
    yield
  finally:
    (workdir / _OWNER).unlink(missing_ok=True)
    if os.listdir(workdir) == [_FILE]:  # Only the lock file is left.
      (workdir / _FILE).unlink()
      with contextlib.suppress(OSError):  # Another process came meanwhile.
        workdir.rmdir()
    lock.release()  # Last, so that who waits for it sees that it is gone.
  hosts.barrier('lock')


def _acquire(lock, workdir):
  """Makes WORKDIR and locks it; again where its last owner removed it."""
  while not lock.is_locked:
    workdir.mkdir(parents=True, exist_ok=True)
    try:
      lock.acquire()
    except FileNotFoundError:  # It was removed just now.
      continue
    except filelock.Timeout:
      raise ValueError(
        f'{workdir} is in use by {_owner(workdir)}; wait for it, or write '
        'elsewhere'
      ) from None
    if not (workdir / _FILE).exists():  # The lock is of a file that is gone.
      lock.release()


def _owner(workdir: pathlib.Path) -> str:
  try:
    owner = untrusted.read_json(workdir / _OWNER, 'no owner')
    return f'process {owner["pid"]} on {owner["host"]}'
  except (OSError, ValueError, KeyError):
    return 'another process'
