"""Compares two classifiers on the same images, by McNemar's exact test.

  python experiments/compare_runs.py --first=runs/demo/advmix \
    --second=runs/demo/randmix

Both are folders with a per_example.csv, of train.py, evaluate.py, demo.py or
advmix-evaluate, on the same test images. Prints, for everything that both
measured, how many images only one of them gets right, the difference of the
accuracies in points, and p. A measure that ends with _audited counts an attack
as a success only where the judge still names the label. A second table has the
same for the images of each label, and how many are right: a classifier that
gives the more frequent answer alone may look robust. Where the two runs were
attacked with other restarts, steps or eps, by another generator or with another
seed, or where a check of an evaluation failed, a warning says so.
"""

import os
import pathlib
import sys

from absl import flags

try:
  from advmix_jax.report import paired, records
  from advmix_jax.runtime import cli, run_folder, untrusted
except ModuleNotFoundError as error:
  raise SystemExit(
    f'compare_runs.py: error: {error}; run `make install` or `pip install -e .`'
    " in the project's root, and use that Python."
  ) from None

FIRST = flags.DEFINE_string('first', '', 'Folder of a run.')
SECOND = flags.DEFINE_string('second', '', 'Folder of another run.')
RECORD = flags.DEFINE_string(
  'record', '', 'A file of JSON lines to add to, if none there has --name.'
)
NAME = flags.DEFINE_string(
  'name', '', 'What the record calls this comparison; default: both folders.'
)


def _rows(flag):
  """The table of a run's folder.

  Raises:
    ValueError: the flag is missing; others as paired.read.
  """
  if not flag.value:
    raise ValueError(f'--{flag.name} is missing, the folder of a run')
  return paired.read(pathlib.Path(flag.value) / 'per_example.csv')


def _warn():
  """Warns of runs whose attacks differ, and of failed checks."""
  runs = [_results(flag) for flag in (FIRST, SECOND)]
  for words in (paired.attacks(*runs), paired.invalid(*runs)):
    if words:
      print(f'warning: {words}', file=sys.stderr)


def _results(flag):
  """What a run says about itself; {}: it says nothing."""
  folder = pathlib.Path(flag.value)
  for name in ('results.json', 'report.json'):  # Of advmix-evaluate.
    if (folder / name).exists():
      return untrusted.read_json(folder / name, 'corrupt') | _generator(folder)
  return {}


def _generator(folder):
  """Which generator made a run's mixes, by its file's hash, if that is noted.

  An evaluation of evaluate.py is in RUN/evaluations/NAME.
  """
  for place in (folder, folder.parent.parent):
    path = place / 'generator.sha256'
    if path.exists():
      return {'generator': path.read_text()[:8]}
  return {}


def _record(found, parts):
  """What a line of --record says."""
  folders = [pathlib.Path(flag.value).name for flag in (FIRST, SECOND)]
  return {
    'key': NAME.value or ', '.join(map(_relative, (FIRST, SECOND))),
    'runs': folders,
    'commit': run_folder.commit(),
    'paired': found,
    'right_by_label': parts,
  }


def _relative(flag):
  """The folder of a flag, without what is of this machine."""
  return os.path.relpath(flag.value)


def _add(record):
  """Adds the record, or says that there is one of its name."""
  if record['key'] in records.read(RECORD.value):
    print(f'{RECORD.value}: has {record["key"]!r} already, which stays')
  records.add(RECORD.value, record)


def main(argv: list[str]) -> None:
  """Prints the tables."""
  del argv  # cli.run has refused any.
  first, second = _rows(FIRST), _rows(SECOND)
  found = paired.compare(first, second)
  _warn()
  parts = {
    'first': paired.by_label(first),
    'second': paired.by_label(second),
  }
  print(
    f'{len(first.image)} images; first: {FIRST.value}, second: {SECOND.value}'
  )
  print(f'\n{paired.table(found)}\n{paired.label_table(parts, found)}')
  if RECORD.value:
    _add(_record(found, parts))


if __name__ == '__main__':
  cli.run(main)
