"""Fuzzing of every reader under a memory limit: `make fuzz`.

  PYTHONPATH=tests python -m processes.fuzz --rounds=10000 --seed=0

Round n damages a file of kind n modulo the number of kinds, with draws of
(seed, n) alone. A reader that answers with anything but a value or one short
line of ValueError fails: its file is saved, and the exit code is 1.
"""

import argparse
import pathlib
import resource
import sys
import tempfile
import time

import numpy as np
from helpers import hostile

MEMORY = 3 * 2**30  # Bytes of address space, with Python, NumPy and JAX.


def run(rounds, seed, folder, kinds=None):
  """Runs rounds; returns the faults as lines.

  Args:
    rounds: how many, over all kinds in turn.
    seed: of the damages.
    folder: where files that make a reader fail are saved.
    kinds: names in hostile.KINDS; None: all.
  """
  names, faults = list(kinds or hostile.KINDS), []
  for number in range(rounds):
    name = names[number % len(names)]
    kind = hostile.KINDS[name]
    rng = np.random.default_rng((seed, number))
    data = hostile.damaged(rng, kind.make())
    with tempfile.TemporaryDirectory() as work:
      path = pathlib.Path(work) / f'x{kind.suffix}'
      path.write_bytes(data)
      found = hostile.fault(kind, path)
    if found:
      folder.mkdir(parents=True, exist_ok=True)
      saved = folder / f'{name}-{seed}-{number}{kind.suffix}'
      saved.write_bytes(data)
      faults.append(f'{saved}: {found}')
  return faults


def main():
  """Parses the command line, runs the rounds and prints the faults."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rounds', type=int, default=10_000)
  parser.add_argument('--seed', type=int, default=int(time.time()))
  parser.add_argument('--output', type=pathlib.Path, default='runs/fuzz')
  options = parser.parse_args()
  resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
  started = time.monotonic()
  faults = run(options.rounds, options.seed, options.output)
  print('\n'.join(faults))
  print(
    f'{options.rounds} rounds, seed {options.seed}: {len(faults)} faults, '
    f'{time.monotonic() - started:.0f} s'
  )
  return 1 if faults else 0


if __name__ == '__main__':
  sys.exit(main())
