"""Trains a classifier by one method, evaluates it, and writes the results.

  python experiments/train.py --config=configs/colored_mnist.py
  python experiments/train.py --config=configs/colored_mnist.py \
    --config.method=nominal --workdir=runs/nominal

Ends with one line and WORKDIR/results.json. The same command again resumes
where the last one stopped.
"""

import pathlib

from absl import flags

try:
  from advmix_jax import training
  from advmix_jax.report import tables
  from advmix_jax.runtime import cli, run_folder
except ModuleNotFoundError as error:
  raise SystemExit(
    f'train.py: error: {error}; run `make install` or `pip install -e .` in '
    "the project's root, and use that Python."
  ) from None

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
WORKDIR = flags.DEFINE_string(
  'workdir', '', "The run's folder; default: runs/ and a name from the config."
)


def main(argv: list[str]) -> None:
  """Runs one training and prints its results in one line."""
  del argv  # cli.run has refused any.
  root = pathlib.Path(__file__).resolve().parent.parent
  workdir = WORKDIR.value or root / 'runs' / run_folder.run_name(CONFIG.value)
  finished = (pathlib.Path(workdir) / 'results.json').exists()
  results = training.train_and_evaluate(CONFIG.value, workdir)
  if finished:  # And of this very config.
    print(f'{workdir} was finished: nothing was trained, and no data were read')
  print(tables.summary(results, workdir))


if __name__ == '__main__':
  cli.run(main)
