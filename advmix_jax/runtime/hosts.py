"""Several processes, one per machine: how they meet, who writes, who waits.

  hosts.initialize(address, count, index)   # before anything touches a device
  if hosts.is_first(): ...                  # writes files, prints
  hosts.barrier('latents')                  # after the first one has written
  stop = hosts.any_of(stop)                 # the same answer in each

All processes run the same program on the same run folder, which has to be on a
file system that they share. Files are written by the first one alone, see
files.write_atomically.

Contents: initialize, is_first, barrier, any_of.
"""

import os
import sys

import jax
import numpy as np


def initialize(address: str, count: int, index: int) -> None:
  """Connects this process with the others; does nothing for a single one.

  Without arguments, SLURM's variables are used where there are any. Processes
  but the first print nothing but errors from here on.

  Args:
    address: host:port of the first process; '' for SLURM, or a single process.
    count: Number of processes.
    index: Of this one, from 0.

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
  # It would take SIGTERM away from preemption.py.
  jax.config.update('jax_enable_preemption_service', False)
  if address:
    jax.distributed.initialize(address, count, index)
  else:
    jax.distributed.initialize()
  if not is_first():
    sys.stdout = open(os.devnull, 'w', encoding='utf-8')  # noqa: SIM115


def is_first() -> bool:
  """Whether this process writes; true where there is only one."""
  return jax.process_index() == 0


def barrier(name: str) -> None:
  """Waits until all processes are here."""
  if jax.process_count() > 1:
    from jax.experimental import multihost_utils

    multihost_utils.sync_global_devices(name)


def any_of(flag: bool) -> bool:
  """Whether the flag is set in any process; all of them have to ask."""
  if jax.process_count() == 1:
    return flag
  from jax.experimental import multihost_utils

  return bool(multihost_utils.process_allgather(np.asarray(flag)).any())
