"""Several processes, one per machine: connecting, writing files, waiting.

  hosts.initialize(address, count, index)   # before the first use of a device
  if hosts.is_first(): ...                  # writes files, prints
  hosts.barrier('latents')                  # after the first one has written
  most = hosts.largest([1.5, 2.0])          # the same answer everywhere

All processes run the same program on the same run folder, which must be on a
shared file system. Only the first process writes files, see
files.write_atomically.

Contents: initialize, is_first, print_once, barrier, largest.
"""

import functools
import os
import sys
from collections.abc import Sequence

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
    ValueError: Only some arguments are given, or index is out of range.
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
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  # That service would handle SIGTERM in place of preemption.py.
  jax.config.update('jax_enable_preemption_service', False)
  if address:
    jax.distributed.initialize(address, count, index)
  else:
    jax.distributed.initialize()
  if not is_first():
    sys.stdout = open(os.devnull, 'w', encoding='utf-8')  # noqa: SIM115


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
