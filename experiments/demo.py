"""Compares methods on colour-biased digits: a table and one HTML page.

  python experiments/demo.py                      # what `make demo` runs
  python experiments/demo.py --workdir=runs/results --seeds=0,1,2

Trains and attacks every method with every seed, in WORKDIR/<method>, or in
WORKDIR/<method>-seed<seed> with several seeds. Finished runs are not run again
and an unfinished one is resumed. Writes WORKDIR/table.md, records.jsonl (one
line per run), report.html, and the pictures in it in pictures/.
"""

import pathlib
import time

from absl import flags

try:
  import comparison

  from advmix_jax import datasets
  from advmix_jax.report import pages, tables
  from advmix_jax.runtime import cli
except ModuleNotFoundError as error:
  raise SystemExit(
    f'demo.py: error: {error}; run `make install` or `pip install -e .` in '
    "the project's root, and use that Python."
  ) from None

ROOT = pathlib.Path(__file__).resolve().parent.parent

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
WORKDIR = flags.DEFINE_string(
  'workdir', str(ROOT / 'runs' / 'demo'), 'Folder of the runs and the report.'
)
METHODS = flags.DEFINE_list(
  'methods', ['nominal', 'randmix', 'advmix'], 'Rows of the table.'
)
SEEDS = flags.DEFINE_list(
  'seeds', ['0'], 'Seeds, each of them for each method.'
)
MINUTES = flags.DEFINE_float(
  'minutes', 0, 'Time that this should take; 0: any. Longer ends with a note.'
)


def _parse_seeds(texts):
  """Non-negative integers from strings; ValueError names the bad one."""
  for text in texts:
    if not text.strip().isdecimal():
      raise ValueError(f'--seeds has {text!r}, expected integers >= 0')
  return [int(text) for text in texts]


def _digits():
  """Pictures of the two sets of digits, {heading: PNG}."""
  grids = {}
  for split, name in (('train', 'Training'), ('test', 'Unbiased test')):
    data = datasets.load(CONFIG.value.data, split)
    grids[f'{name} digits'] = pages.examples(
      datasets.to_float(data.image), data.label, num_classes=data.num_classes
    )
  return grids


def main(argv: list[str]) -> None:
  """Runs what is missing, prints the table, writes the report."""
  del argv  # cli.run has refused any.
  started = time.monotonic()
  workdir = pathlib.Path(WORKDIR.value)
  seeds = _parse_seeds(SEEDS.value)
  comparison.check_config({'seed': '--seeds', 'method': '--methods'})
  records, pictures = comparison.run_all(
    CONFIG.value, workdir, METHODS.value, seeds
  )
  comparison.write(
    workdir,
    records,
    pictures,
    title='AdvMix on coloured digits',
    examples=_digits(),
  )
  minutes = (time.monotonic() - started) / 60
  print(f'\n{tables.markdown_table(records)}')
  print(f'{minutes:.1f} minutes; pictures: {workdir}/report.html')
  if 0 < MINUTES.value < minutes:
    print(f'More than the {MINUTES.value:g} expected on 2 idle cores.')


if __name__ == '__main__':
  cli.run(main)
