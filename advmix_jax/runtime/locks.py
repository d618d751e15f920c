"""One process per run folder.

  with locks.hold(workdir):
    ...

The lock is the kernel's (by way of `filelock`), so it ends with its process,
however that ends: a lock file that a killed run left behind stops nobody.

Contents: hold.
"""

import contextlib
import json
import os
import pathlib
import socket
from collections.abc import Iterator

import filelock

from advmix_jax.runtime import files, hosts

_FILE = 'lock'
_OWNER = 'lock.json'  # Who holds it, for the one who is refused.


@contextlib.contextmanager
def hold(workdir: str | os.PathLike) -> Iterator[None]:
  """Holds WORKDIR, which is made where it doesn't exist.

  A folder that is left with nothing in it is removed.

  Raises:
    ValueError: Another process holds it; names its pid and host.
  """
  if not hosts.is_first():  # The first of several processes holds it for all.
    yield
    return
  workdir = pathlib.Path(workdir)
  workdir.mkdir(parents=True, exist_ok=True)
  lock = filelock.FileLock(workdir / _FILE, timeout=0)
  try:
    lock.acquire()
  except filelock.Timeout:
    raise ValueError(
      f'{workdir} is in use by {_owner(workdir)}; wait for it, or give another '
      '--workdir'
    ) from None
  try:
    owner = {'pid': os.getpid(), 'host': socket.gethostname()}
    files.write_json(workdir / _OWNER, owner)
    yield
  finally:
    (workdir / _OWNER).unlink(missing_ok=True)
    lock.release()
    if os.listdir(workdir) == [_FILE]:  # Nothing came of it: leave no trace.
      (workdir / _FILE).unlink()
      workdir.rmdir()


def _owner(workdir: pathlib.Path) -> str:
  try:
    owner = json.loads((workdir / _OWNER).read_text())
    return f'process {owner["pid"]} on {owner["host"]}'
  except (OSError, ValueError, KeyError, TypeError):
    return 'another process'
