"""Trains a judge of attributes on real images, for audits and the probe.

  python experiments/train_judge.py --config=configs/celeba.py \
    --config.data.data_dir=celeba --output=runs/face_judge.npz

One network names all yes-or-no attributes of the data set (CelebA's forty), on
training images and their mirror images. Of data with a label alone, such as a
folder of your own, it names the classes: class_0, class_1, ... in the order of
the data set's; is it this one? The likeliest one is its class. Prints its
accuracy on the test images beside that of always giving the most frequent
answer. The same command resumes what was stopped. The digits' judge is made by
assets/train_judge.py.
"""

import pathlib

import ml_collections
import numpy as np
from absl import flags

from advmix_jax import datasets
from advmix_jax.datasets import image_hash
from advmix_jax.evaluation import attributes
from advmix_jax.runtime import cli, files, locks, run_folder

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIG = cli.define_config(__file__, 'configs/celeba.py')
OUTPUT = flags.DEFINE_string('output', 'face_judge.npz', 'The file to write.')
WORKDIR = flags.DEFINE_string(
  'workdir', str(ROOT / 'runs' / 'face_judge'), "The run's folder."
)
SEED = flags.DEFINE_integer(
  'seed', 0, 'Of weights, order and shifts.', lower_bound=0
)
EPOCHS = flags.DEFINE_integer(
  'epochs', 5, 'Passes over the images.', lower_bound=1
)


def _overrides():
  """The fields that were given; ValueError for one that nothing here reads."""
  given = cli.given_fields()
  for name in given:
    if not name.startswith('data.'):
      raise ValueError(
        f'--config.{name} does nothing here, expected fields of config.data; '
        '--seed and --epochs are flags of their own'
      )
  return given


def _load(config):
  """(test part, training part), whose groupings are what the judge learns.

  They are the data set's attributes, its groupings of 0 and 1; without any, its
  classes. The test part comes first: decoding the other one takes long.
  """
  parts = [datasets.load(config, split) for split in ('test', 'train')]
  names = [
    name
    for name in parts[0].groups
    if all(np.isin(part.groups[name], (0, 1)).all() for part in parts)
  ]
  if not names:
    return [part._replace(groups=_classes(part)) for part in parts]
  return [
    part._replace(groups={name: part.groups[name] for name in names})
    for part in parts
  ]


def _classes(dataset):
  """A grouping for each class: is it this one?"""
  names = attributes.class_names(dataset.num_classes)
  return {
    name: (dataset.label == k).astype(np.int32) for k, name in enumerate(names)
  }


def _table(accuracy, test):
  """One line per attribute: accuracy and the share of the largest class."""
  lines = [f'{"attribute":<22}{"judge":>8}{"larger class":>14}']
  for name, value in accuracy.items():
    answers = test.label if name == 'class' else test.groups[name]
    larger = np.bincount(answers).max() / len(answers)
    lines.append(f'{name:<22}{100 * value:>7.1f}%{100 * larger:>13.1f}%')
  return '\n'.join(lines)


def _in_short(accuracy):
  """Of classes how often it names the right one, of attributes the mean."""
  if 'class' in accuracy:
    return f'right on {100 * accuracy["class"]:.1f}% of the test images'
  return f'mean {100 * np.mean(list(accuracy.values())):.1f}%'


def main(argv: list[str]) -> None:
  """Trains the judge, writes it, and prints how good it is."""
  del argv  # cli.run has refused any.
  files.check_output(OUTPUT.value)
  given = _overrides()
  config = CONFIG.value.data.copy_and_resolve_references()
  if 'mirror' in config and 'data.mirror' not in given:
    config.mirror = True
  claim = ml_collections.ConfigDict(
    {'data': config, 'seed': SEED.value, 'epochs': EPOCHS.value}
  )
  run_folder.check_workdir(claim, WORKDIR.value)  # Before anything long.
  test, train = _load(config)
  attributes.check_data(train)
  with locks.hold(WORKDIR.value):
    data_hash = image_hash.data_hash(train)
    run_folder.claim_workdir(claim, WORKDIR.value, data_hash)
    judge = attributes.train(
      train, WORKDIR.value, seed=SEED.value, epochs=EPOCHS.value
    )
  accuracy = attributes.accuracy(judge, test)
  metadata = {
    'dataset': config.name,
    'classes': list(train.classes),
    'resolution': train.image.shape[1],
    'seed': SEED.value,
    'epochs': EPOCHS.value,
    'accuracy': accuracy,
    'commit': run_folder.commit(),
  }
  attributes.save(OUTPUT.value, judge, metadata)
  print(_table(accuracy, test))
  print(f'{OUTPUT.value}: {_in_short(accuracy)}')


if __name__ == '__main__':
  cli.run(main)
