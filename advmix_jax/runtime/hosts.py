"""Several processes, one per machine: connecting, writing files, waiting.

  hosts.initialize(address, count, index)   # before the first use of a device
  if hosts.is_first(): ...                  # writes files, prints
  hosts.barrier('latents')                  # after the first one has written
  most = hosts.largest([1.5, 2.0])          # the same answer everywhere
  hosts.in_first(lock, 'the lock')          # an error there is one everywhere

All processes run the same program on the same run folder, which must be on a
shared file system. Only the first process writes files, see
files.write_atomically.

A process that ends by an error leaves without waiting for the others: they see
that its connection is closed, and end, too.

Contents: initialize, is_first, print_once, barrier, largest, in_first, leave.
"""

import contextlib
import functools
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np

from advmix_jax.runtime import untrusted


def initialize(address: str, count: int, index: int) -> None:
  """Connects this process with the others; does nothing for a single one.

  Without an address, SLURM's variables are used if they are set. After this
  call, processes other than the first print only to stderr.

  Args:
    address: host:port of the first process; '' for SLURM, or a single process.
    count: Number of processes.
    index: Index of this process, from 0.

  Raises:
    ValueError: Only some arguments are given, index is out of range, or nobody
      answers at the address for five minutes.
  """
  alone = int(os.environ.get('SLURM_NTASKS', '1')) < 2
  if not address:
    if count > 1 or index > 0:
      raise ValueError(
        f'--num_processes={count} --process_id={index} need '
        '--coordinator_address=HOST:PORT'
      )
    if alone or 'SLURM_STEP_NODELIST' not in os.environ:
      return
  elif not 0 <= index < count:
    raise ValueError(f'--process_id is {index}, expected 0 to {count - 1}')
  elif index == 0:
    _parsed(address)
  else:
    _wait_for(address)
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  # That service would handle SIGTERM in place of preemption.py.
  jax.config.update('jax_enable_preemption_service', False)
  if address:
    jax.distributed.initialize(address, count, index)
  else:
    jax.distributed.initialize()
  if not is_first():
    sys.stdout = open(os.devnull, 'w', encoding='utf-8')  # noqa: SIM115


def _parsed(address):
  """(host, port) of HOST:PORT; raises ValueError for anything else."""
  host, _, port = address.rpartition(':')
  if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
    raise ValueError(
      f'--coordinator_address is {address!r}, expected HOST:PORT, such as '
      'first-host:1234'
    )
  return host.strip('[]'), int(port)


def _wait_for(address, seconds=300):
  """Waits until the first process listens: JAX would abort the process."""
  where, end = _parsed(address), time.monotonic() + seconds
  while True:
    try:
      socket.create_connection(where, timeout=5).close()
      return
    except OSError as error:
      if time.monotonic() > end:
        raise ValueError(
          f'--coordinator_address={address}: nobody answers ({error})'
        ) from error
      time.sleep(0.2)


def is_first() -> bool:
  """Whether this is the first process, which writes; true if it is alone."""
  return jax.process_index() == 0


@functools.cache
def print_once(line: str) -> None:
  """Prints the line, once in a process, and in the first process alone."""
  if is_first():
    print(untrusted.printable(line))


def barrier(name: str) -> None:
  """Waits until all processes have called it with the same name."""
  if jax.process_count() > 1:
    from jax.experimental import multihost_utils

    multihost_utils.sync_global_devices(name)


def largest(values: Sequence[float]) -> list[float]:
  """The largest of each value in any process; all processes must call it."""
  if jax.process_count() == 1:
    return list(values)
  from jax.experimental import multihost_utils

  ours = np.asarray(values, np.float32)
  return multihost_utils.process_allgather(ours).max(0).tolist()


def in_first(act: Callable[[], None], what: str) -> None:
  """Calls `act` in the first process alone; all must call this.

  Raises:
    ValueError: `act` raised it in the first process, which says why.
  """
  error = None
  if is_first():
    try:
      act()
    except ValueError as found:
      error = found
  if largest([error is not None])[0]:
    raise error or ValueError(f'{what}: see the error of the first process')


def leave(code: int) -> None:
  """Ends this process at once where there are others, else does nothing.

  At Python's own end, JAX waits for them for minutes, and they for this one.
  """
  if jax.distributed.is_initialized():
    for stream in (sys.stdout, sys.stderr):
      with contextlib.suppress(OSError):
        stream.flush()
    os._exit(code)
