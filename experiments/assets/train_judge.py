"""Makes advmix_jax/data/judge.npz, the colour-blind judge that ships.

  python experiments/assets/train_judge.py --output=judge.npz

Trains it on the embedded training digits without their colours, and prints its
accuracy on the test digits. The same command resumes what was stopped.
"""

import pathlib

import ml_collections
from absl import flags

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.evaluation import judge
from advmix_jax.runtime import cli, files, locks, run_folder

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = flags.DEFINE_string('output', 'judge.npz', 'The file to write.')
WORKDIR = flags.DEFINE_string(
  'workdir', str(ROOT / 'runs' / 'judge'), "The run's folder."
)
SEED = flags.DEFINE_integer(
  'seed', 0, 'Of weights, order and shifts.', lower_bound=0
)
EPOCHS = flags.DEFINE_integer(
  'epochs', 12, 'Passes over the digits.', lower_bound=1
)


def main(argv: list[str]) -> None:
  """Trains the judge, writes it, and prints how good it is."""
  del argv  # cli.run has refused any.
  files.check_output(OUTPUT.value)
  config = datasets.default_config()
  claim = ml_collections.ConfigDict(
    {'data': config, 'seed': SEED.value, 'epochs': EPOCHS.value}
  )
  with locks.hold(WORKDIR.value):
    run_folder.claim_workdir(claim, WORKDIR.value)
    trained = judge.train(
      datasets.load(config, 'train'),
      WORKDIR.value,
      view_fn=colored_mnist.brightness,
      seed=SEED.value,
      epochs=EPOCHS.value,
    )
  accuracy = judge.accuracy(trained, datasets.load(config, 'test'))
  metadata = {
    'data': config.to_dict(),
    'seed': SEED.value,
    'epochs': EPOCHS.value,
    'accuracy': accuracy,
  }
  judge.save(OUTPUT.value, trained, metadata)
  print(f'{OUTPUT.value}: right on {100 * accuracy:.1f}% of the test digits')


if __name__ == '__main__':
  cli.run(main)
