"""Makes all from nothing but the digits that ship and VGG-16.

  python experiments/from_scratch.py --workdir=runs/from-scratch

Trains a generator and its learned start, encodes the digits, then trains and
attacks nominal, RandMix and AdvMix classifiers and writes the report, each by
the script that also does it alone. FROM_SCRATCH of sweeps.py has their options.
One line per stage; WORKDIR/log.txt has the rest. The same command goes on where
the last one stopped.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from absl import flags

try:
  import plan

  from advmix_jax.report.results import duration
  from advmix_jax.runtime import cli, locks, preemption
except ModuleNotFoundError as error:
  raise SystemExit(
    f'from_scratch.py: error: {error}; run `make install` or `pip install -e '
    ".` in the project's root, and use that Python."
  ) from None

WORKDIR = flags.DEFINE_string(
  'workdir',
  str(plan.HERE.parent / 'runs' / 'from-scratch'),
  'Folder of all that is made.',
)
SWEEPS = flags.DEFINE_string(
  'sweeps', str(plan.HERE / 'sweeps.py'), 'The file of the options.'
)


class Stage(NamedTuple):
  """One step of the way."""

  name: str
  script: str
  flags: tuple[str, ...]
  output: pathlib.Path | None  # Exists once it is done; None: always run.


def _stages(workdir: pathlib.Path) -> list[Stage]:
  """The stages in their order; a generator's files lie in its folder."""
  folder, demo = workdir / 'generator', workdir / 'demo'
  generator = folder / 'generator.npz'
  path = f'--config.generator.path={generator}'
  stages = [
    Stage(
      'generator', 'train_stylegan.py', (f'--workdir={folder}',), generator
    ),
    Stage(
      'learned start',
      'train_encoder.py',
      (
        f'--generator={generator}',
        f'--output_dir={folder}',
        f'--workdir={workdir / "start"}',
      ),
      folder / 'encoder.npz',
    ),
  ]
  for split in ('train', 'test'):
    output = folder / f'latents_{split}.npz'
    words = (f'--split={split}', f'--output={output}', path)
    stages.append(Stage(f'latents, {split}', 'encode.py', words, output))
  done = ()
  for method in ('nominal', 'randmix', 'advmix'):
    done += (method,)
    words = (f'--workdir={demo}', f'--methods={",".join(done)}', path)
    output = demo / method / 'results.json'
    stages.append(Stage(method, 'demo.py', words, output))
  # Again, as the report has the methods of the last call.
  stages.append(Stage('report', 'demo.py', words, None))
  return stages


def _run(command: list[str], log: pathlib.Path) -> None:
  """Runs a script to its end.

  Raises:
    ValueError: it failed.
  """
  with (
    open(log, 'ab') as file,
    _ended(
      subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=file, stderr=file
      )
    ) as process,
  ):
    while (code := process.poll()) is None:
      preemption.check()
      time.sleep(0.2)
  if code:
    lines = log.read_text(errors='replace').strip().splitlines()
    raise ValueError(
      f'{pathlib.Path(command[1]).name} ended with exit code {code}: '
      f'{lines[-1] if lines else "no message"} (log: {log})'
    )


@contextlib.contextmanager
def _ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
  """Ends the process where this one is stopped; it saves what it can."""
  try:
    yield process
  finally:
    if process.poll() is None:
      process.terminate()
      process.wait()


def main(argv: list[str]) -> None:
  """Runs the stages that aren't done."""
  del argv  # cli.run has refused any.
  workdir = pathlib.Path(WORKDIR.value).resolve()
  options = plan.read(SWEEPS.value, 'FROM_SCRATCH')
  stages, began = _stages(workdir), time.monotonic()
  with locks.hold(workdir):
    for number, stage in enumerate(stages, 1):
      print(f'{number}/{len(stages)} {stage.name}: ', end='', flush=True)
      if stage.output is not None and stage.output.exists():
        print('done before')
        continue
      start = time.monotonic()
      more = [f'{k}={v}' for k, v in options[stage.script].items()]
      script = str(plan.HERE / stage.script)
      _run([sys.executable, script, *stage.flags, *more], workdir / 'log.txt')
      print(duration(time.monotonic() - start), flush=True)
  print((workdir / 'demo' / 'table.md').read_text())
  report = os.path.relpath(workdir / 'demo' / 'report.html')
  print(f'{duration(time.monotonic() - began)}; pictures: {report}')


if __name__ == '__main__':
  cli.run(main)
