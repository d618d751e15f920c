"""Measures a generator of coloured digits: what follows which latents, quality.

  python experiments/measure_generator.py
  python experiments/measure_generator.py --generator=runs/gan/generator.npz \
    --source=idx --data_dir=path/to/mnist --record=runs/generators.jsonl
  python experiments/measure_generator.py --generator=ideal

Prints one JSON object; --record also appends it to a file, as one line. How
often the colour of a mix follows its fine latents and its digit the coarse
ones; the shares of digits and colours among the samples beside those of the
training set; KID, density and coverage on the features of the shipped
colour-blind judge, of generated against real digits, and beside them the
floor, real against real; the judge's accuracy on the test digits.

The real digits are training digits: those of --source that the generator was
not trained on, or, if there are too few of them, those that it was trained on
('held_out' is then false). What it was trained on, the generator's file says.
'ideal' is the exact generator: what a perfect one would measure.
"""

import json
import pathlib
import shlex
import sys
from typing import Any

from absl import flags

from advmix_jax import datasets
from advmix_jax.evaluation import digit_generators, judge
from advmix_jax.runtime import cli, files, run_folder, shipped

GENERATOR = flags.DEFINE_string(
  'generator',
  str(shipped.DATA / 'generator.npz'),
  "Which generator: an .npz file, or 'ideal'.",
)
NUM_MIXES = flags.DEFINE_integer('num_mixes', 2000, 'How many mixes.')
NUM_REAL = flags.DEFINE_integer(
  'num_real', 5000, 'Generated digits, and real ones on each side.'
)
SOURCE = flags.DEFINE_string(
  'source', '', "Where real digits come from; '': as in the generator's file."
)
DATA_DIR = flags.DEFINE_string('data_dir', '', 'Folder of --source.')
SEED = flags.DEFINE_integer('seed', 0, 'Of the samples and the real digits.')
RECORD = flags.DEFINE_string('record', '', 'A file of JSON lines to add to.')


def provenance(training: dict[str, Any]) -> dict[str, Any]:
  """What the record is of, and the command that made it."""
  path = pathlib.Path(GENERATOR.value)
  return {
    'generator': f'{path.parent.name}/{path.name}',
    'generator_sha256': files.file_hash(path) if path.is_file() else None,
    'training': training,
    'config': run_folder.digest(training),
    'seed': SEED.value,
    'commit': run_folder.commit(),
    'command': shlex.join(['python', *sys.argv]),
  }


def main(argv: list[str]) -> None:
  """Prints the measures and, with --record, stores them."""
  del argv  # cli.run has refused any.
  generator, params, training = digit_generators.load(GENERATOR.value)
  record = digit_generators.measure(
    generator,
    params,
    training['data'],
    num_mixes=NUM_MIXES.value,
    num_real=NUM_REAL.value,
    source=SOURCE.value,
    data_dir=DATA_DIR.value,
    seed=SEED.value,
  )
  test = datasets.load(datasets.default_config(), 'test')
  record['judge_accuracy'] = judge.accuracy(digit_generators.load_judge(), test)
  record |= provenance(training)
  print(json.dumps(record, indent=2))
  if RECORD.value:
    path = pathlib.Path(RECORD.value)
    before = path.read_text(encoding='utf-8') if path.exists() else ''
    files.write_text(path, before + json.dumps(record) + '\n')


if __name__ == '__main__':
  cli.run(main)
