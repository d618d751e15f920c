"""Measures a generator: how good its images are, what follows which latents.

  python experiments/measure_generator.py
  python experiments/measure_generator.py --generator=runs/gan/generator.npz \
    --source=idx --data_dir=path/to/mnist --record=runs/generators.jsonl
  python experiments/measure_generator.py --generator=ideal

Prints one JSON object; --record also appends it to a file, as one line.

Of coloured digits: how often the colour of a mix follows its fine latents and
its digit the coarse ones; the shares of digits and colours among the samples
beside those of the training set; KID, density and coverage on the features of
the shipped colour-blind judge, of generated against real digits, and beside
them the floor, real against real; the judge's accuracy on the test digits.

The real digits are training digits: those of --source that the generator was
not trained on, or, if there are too few of them, those that it was trained on
('held_out' is then false). What it was trained on, the generator's file says.
'ideal' is the exact generator: what a perfect one would measure.

  python experiments/measure_generator.py --generator=runs/faces/generator.npz \
    --data_dir=celeba --judge=runs/face_judge.npz

Of other images: KID, density and coverage on VGG-16's features and on those of
a judge of attributes, of generated against real images of the validation and
test part, and the floor; the attributes' shares. probe.py has what follows
which latents.
"""

import json
import pathlib
import shlex
import sys
from typing import Any

import jax
import numpy as np
from absl import flags

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.encoder import perceptual
from advmix_jax.evaluation import (
  attributes,
  digit_generators,
  image_generators,
  judge,
)
from advmix_jax.generators import stylegan
from advmix_jax.runtime import cli, files, run_folder, shipped

GENERATOR = flags.DEFINE_string(
  'generator',
  str(shipped.DATA / 'generator.npz'),
  "Which generator: an .npz file, or 'ideal'.",
)
NUM_MIXES = flags.DEFINE_integer('num_mixes', 2000, 'How many mixes.')
NUM_REAL = flags.DEFINE_integer(
  'num_real', 5000, 'Generated images, and real ones on each side, at most.'
)
SOURCE = flags.DEFINE_string(
  'source', '', "Where real digits come from; '': as in the generator's file."
)
DATA_DIR = flags.DEFINE_string('data_dir', '', 'Folder of --source.')
JUDGE = flags.DEFINE_string(
  'judge', '', 'A judge of attributes, for other images than digits.'
)
SEED = flags.DEFINE_integer('seed', 0, 'Of the samples and the real digits.')
RECORD = flags.DEFINE_string('record', '', 'A file of JSON lines to add to.')


def provenance(training: dict[str, Any]) -> dict[str, Any]:
  """What the record is of, and the command that made it."""
  path = pathlib.Path(GENERATOR.value)
  return {
    'generator': f'{path.parent.name}/{path.name}',
    'generator_sha256': files.file_hash(path) if path.is_file() else None,
    'training': run_folder.without_folders(training),
    'config': run_folder.digest(training),
    'seed': SEED.value,
    'commit': run_folder.commit(),
    'command': shlex.join(['python', *sys.argv]),
  }


def _measure_digits() -> dict[str, Any]:
  """The record of a generator of coloured digits."""
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
  return record | provenance(training)


def _measure_images(training: dict[str, Any]) -> dict[str, Any]:
  """The record of a generator of other images."""
  data = datasets.default_config(training['data']['name'])
  data.update({k: v for k, v in training['data'].items() if k in data})
  data.data_dir = DATA_DIR.value or data.data_dir
  parts = [datasets.load(data, split).image for split in ('valid', 'test')]
  real = np.concatenate(parts)
  order = np.random.default_rng(SEED.value).permutation(len(real))
  generator, params = stylegan.load(GENERATOR.value)
  judged_by = attributes.load(JUDGE.value) if JUDGE.value else None
  record = image_generators.measure(
    jax.random.key(SEED.value),
    stylegan.clipped(generator),
    params,
    real=real[order[: 2 * NUM_REAL.value]],
    features_fn=perceptual.load(),
    judge=judged_by,
  )
  return record | provenance(training)


def _trained_on_other_images() -> dict[str, Any] | None:
  """The training config of a generator of no coloured digits; else None."""
  if GENERATOR.value == 'ideal':
    return None
  training = files.load_npz(GENERATOR.value)[1].get('training', {})
  name = training.get('data', {}).get('name')
  others = set(datasets.NAMES) - set(colored_mnist.NAMES)
  return training if name in others else None


def main(argv: list[str]) -> None:
  """Prints the measures and, with --record, stores them."""
  del argv  # cli.run has refused any.
  training = _trained_on_other_images()
  record = _measure_images(training) if training else _measure_digits()
  print(json.dumps(record, indent=2))
  if RECORD.value:
    path = pathlib.Path(RECORD.value)
    before = path.read_text(encoding='utf-8') if path.exists() else ''
    files.write_text(path, before + json.dumps(record) + '\n')


if __name__ == '__main__':
  cli.run(main)
