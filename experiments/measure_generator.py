"""Measures a generator: how good its images are, what follows which latents.

  python experiments/measure_generator.py
  python experiments/measure_generator.py --generator=runs/gan/generator.npz \
    --source=idx --data_dir=path/to/mnist --record=runs/generators.jsonl
  python experiments/measure_generator.py --generator=ideal

Prints one JSON object; --output also writes it to a file, and --record appends
it to one, as one line.

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

  python experiments/measure_generator.py --generator=ffhq.npz --data=celeba \
    --data_dir=celeba --judge=runs/face_judge.npz --size=64 --microbatch=4

An official generator's file does not say what it was trained on: --data does.
Its images are resized by --size, a few at a time.
"""

import json
import pathlib
import shlex
import sys
from typing import Any

import jax
import numpy as np
from absl import flags

from advmix_jax import datasets, generators
from advmix_jax.datasets import colored_mnist
from advmix_jax.encoder import perceptual
from advmix_jax.evaluation import (
  attributes,
  digit_generators,
  image_generators,
  judge,
)
from advmix_jax.runtime import cli, files, run_folder, shipped, untrusted

# Data sets of no coloured digits.
_OTHERS = tuple(n for n in datasets.NAMES if n not in colored_mnist.NAMES)

GENERATOR = flags.DEFINE_string(
  'generator',
  str(shipped.DATA / 'generator.npz'),
  "Which generator: an .npz file, or 'ideal'.",
)
NUM_MIXES = flags.DEFINE_integer(
  'num_mixes', 2000, 'How many mixes, of digits.', lower_bound=1
)
NUM_REAL = flags.DEFINE_integer(
  'num_real',
  5000,
  'Generated images, and real ones on each side, at most.',
  lower_bound=60,
)
SOURCE = flags.DEFINE_string(
  'source', '', "Where real digits come from; '': as in the generator's file."
)
DATA_DIR = flags.DEFINE_string(
  'data_dir', '', 'Folder of --source or --data; the file of data=arrays.'
)
JUDGE = flags.DEFINE_string(
  'judge',
  '',
  'From train_judge.py, of attributes or classes, for other images than '
  'digits.',
)
DATA = flags.DEFINE_enum(
  'data',
  None,
  _OTHERS,
  "What the real images are, of a generator whose file doesn't say.",
)
SIZE = flags.DEFINE_integer(
  'size',
  0,
  "Height and width to which the generator's images are resized; 0: its own.",
  lower_bound=0,
)
SPLIT = flags.DEFINE_integer(
  'split',
  0,
  "Coarse layers of a mix, for digits; 0: the generator's own.",
  lower_bound=0,
)
MICROBATCH = flags.DEFINE_integer(
  'microbatch',
  0,
  'Images that the generator draws at a time; 0: a whole batch.',
  lower_bound=0,
)
SEED = flags.DEFINE_integer('seed', 0, 'Of the samples and the real digits.')
OUTPUT = flags.DEFINE_string('output', '', 'A file for the JSON object.')
RECORD = flags.DEFINE_string('record', '', 'A file of JSON lines to add to.')


def provenance(training: dict[str, Any]) -> dict[str, Any]:
  """What the record is of, and the command that made it."""
  path = pathlib.Path(GENERATOR.value)
  changes = {'size': SIZE.value, 'split': SPLIT.value}
  return {
    'generator': f'{path.parent.name}/{path.name}',
    'generator_sha256': files.file_hash(path) if path.is_file() else None,
    'training': run_folder.without_folders(training),
    'config': run_folder.digest(training),
    **({'data': DATA.value} if DATA.value else {}),
    **{name: value for name, value in changes.items() if value},
    'seed': SEED.value,
    'commit': run_folder.commit(),
    'command': shlex.join(['python', *sys.argv]),
  }


def _drawing():
  """Fields of the generator's config that say how it draws."""
  return {'size': SIZE.value, 'microbatch': MICROBATCH.value}


def _measure_digits() -> dict[str, Any]:
  """The record of a generator of coloured digits."""
  generator, params, training = digit_generators.load(
    GENERATOR.value, split=SPLIT.value, **_drawing()
  )
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


def _generator():
  """The generator of other images, and its parameters."""
  if SPLIT.value:
    raise ValueError(
      f'--split={SPLIT.value}: is for coloured digits, expected 0 for other '
      'images, of which nothing is mixed'
    )
  config = generators.default_config()
  config.update(path=GENERATOR.value, **_drawing())
  return generators.load(config)


def _real_images(name: str, fields: dict[str, Any]) -> np.ndarray:
  """Of the data set's validation and test part, in random order."""
  data = datasets.default_config(name)
  if fields.get('name') == name:
    data.update({k: v for k, v in fields.items() if k in data})
  place = 'path' if name == 'arrays' else 'data_dir'
  data[place] = DATA_DIR.value or data[place]
  data.resolution = SIZE.value or data.resolution
  try:
    parts = [datasets.load(data, 'valid').image]
  except ValueError as error:  # Data may have no validation part.
    print(f'{error}: the test part alone is taken', file=sys.stderr)
    parts = []
  real = np.concatenate([*parts, datasets.load(data, 'test').image])
  order = np.random.default_rng(SEED.value).permutation(len(real))
  return real[order[: 2 * NUM_REAL.value]]


def _measure_images(name: str, training: dict[str, Any]) -> dict[str, Any]:
  """The record of a generator of other images than digits."""
  generator, params = _generator()
  judged_by = attributes.load(JUDGE.value) if JUDGE.value else None
  if judged_by:  # Before real images are read and others drawn.
    attributes.check_generator(judged_by, generator, params, option='--size')
  real = _real_images(name, training.get('data', {}))
  generators.check_shape(
    generator, params, real.shape[1:], why='as the data has', option='--size'
  )
  record = image_generators.measure(
    jax.random.key(SEED.value),
    generator,
    params,
    real=real,
    features_fn=perceptual.load(),
    judge=judged_by,
  )
  return record | provenance(training)


def _training() -> dict[str, Any]:
  """The config that the generator was trained with; {} if only --data says it.

  Raises:
    ValueError: Neither its file nor --data does.
  """
  if GENERATOR.value == 'ideal':
    return {}
  training = files.load_npz(GENERATOR.value)[1].get('training', {})
  with untrusted.reading(GENERATOR.value, 'corrupt'):
    data = training.get('data', {}) if isinstance(training, dict) else None
    untrusted.need(isinstance(data, dict), 'training is no config')
  if not (training or DATA.value):
    raise ValueError(
      f'{GENERATOR.value} does not say what it was trained on, expected --data='
      f'{" or ".join(_OTHERS)}, the real images to compare with'
    )
  return training


def _check_flags(unread: tuple[flags.FlagHolder, ...], kind: str) -> None:
  """Raises ValueError for a flag that nothing reads, or a bad output."""
  for flag in unread:
    if flag.value != flag.default:
      raise ValueError(f'--{flag.name} does nothing for {kind}')
  for path in filter(None, (OUTPUT.value, RECORD.value)):
    files.check_output(path, GENERATOR.value)
  _lines()


def _lines() -> str:
  """The records of --record so far."""
  path = pathlib.Path(RECORD.value)
  if not RECORD.value or not path.exists():
    return ''
  with untrusted.reading(path, 'not a file of records'):
    text = path.read_text(encoding='utf-8')
    for line in text.splitlines():
      untrusted.parse_json(line)
  return text


def main(argv: list[str]) -> None:
  """Prints the measures and, with --output or --record, stores them."""
  del argv  # cli.run has refused any.
  training = _training()
  name = DATA.value or training.get('data', {}).get('name')
  if name in _OTHERS:
    _check_flags((NUM_MIXES, SOURCE), 'other images than digits')
    record = _measure_images(name, training)
  else:
    _check_flags((JUDGE,), 'digits, which have their own')
    record = _measure_digits()
  print(json.dumps(record, indent=2))
  if OUTPUT.value:
    files.write_json(OUTPUT.value, record)
  if RECORD.value:
    files.write_text(RECORD.value, _lines() + json.dumps(record) + '\n')


if __name__ == '__main__':
  cli.run(main)
