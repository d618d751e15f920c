"""Compares two classifiers on the same images, by McNemar's exact test.

  python experiments/compare_runs.py --first=runs/demo/advmix \
    --second=runs/demo/randmix

Both are folders with a per_example.csv, of train.py, evaluate.py, demo.py or
advmix-evaluate, on the same test images. Prints, for everything that both
measured, how many images only one of them gets right, the difference of the
accuracies in points, and p. A measure that ends with _audited counts an attack
as a success only where the judge still names the label.
"""

import pathlib

from absl import flags

try:
  from advmix_jax.report import paired
  from advmix_jax.runtime import cli, files, run_folder
except ModuleNotFoundError as error:
  raise SystemExit(
    f'compare_runs.py: error: {error}; run `make install` or `pip install -e .`'
    " in the project's root, and use that Python."
  ) from None

FIRST = flags.DEFINE_string('first', '', 'Folder of a run.')
SECOND = flags.DEFINE_string('second', '', 'Folder of another run.')
OUTPUT = flags.DEFINE_string('output', '', 'A JSON file for the numbers, too.')


def _rows(flag):
  """The table of a run's folder.

  Raises:
    ValueError: the flag is missing; others as paired.read.
  """
  if not flag.value:
    raise ValueError(f'--{flag.name} is missing, the folder of a run')
  return paired.read(pathlib.Path(flag.value) / 'per_example.csv')


def main(argv: list[str]) -> None:
  """Prints the table."""
  del argv  # cli.run has refused any.
  found = paired.compare(_rows(FIRST), _rows(SECOND))
  images = next(iter(found.values()))['images']
  print(f'{images} images; first: {FIRST.value}, second: {SECOND.value}\n')
  print(paired.table(found))
  if OUTPUT.value:
    files.write_json(OUTPUT.value, {'commit': run_folder.commit()} | found)


if __name__ == '__main__':
  cli.run(main)
