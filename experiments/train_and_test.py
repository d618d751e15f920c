"""Trains a classifier and tests it on the clean test images, without attack.

  python experiments/train_and_test.py --config=configs/colored_mnist.py \
    --config.method=nominal --workdir=runs/nominal

This is what the paper's tables need: no test image is encoded. With
`--recolour`, the digits are also tested in every other colour. Writes
WORKDIR/results.json; the same command again resumes, or reads it.
"""

import pathlib

from absl import flags

from advmix_jax import classifiers, datasets, training
from advmix_jax.evaluation import measures, recolouring
from advmix_jax.report import statistics
from advmix_jax.runtime import cli, files, locks, run_folder, untrusted

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
WORKDIR = flags.DEFINE_string('workdir', '', "The run's folder.")
RECOLOUR = flags.DEFINE_bool(
  'recolour', False, 'Also test eval.num_examples digits in other colours.'
)


def _test(config, params, num_classes):
  """Accuracy on the whole test set, with its Wilson interval."""
  test = datasets.load(config.data, 'test')
  classifier = classifiers.make_classifier(config.classifier, num_classes)
  # No generator: nothing is mixed.
  subject = measures.Subject(
    classifier.apply, params, None, None, config.parallel
  )
  size = config.eval.batch_size
  logits = measures.predict(subject, test.image, batch_size=size)
  accuracy, interval = statistics.share(logits.argmax(-1) == test.label)
  results = {
    'num_test': len(test.label),
    'clean_accuracy': accuracy,
    'ci95': {'clean': interval},
  }
  if RECOLOUR.value:
    results['recolouring'] = recolouring.for_run(
      config, classifier.apply, params
    )
  return results


def main(argv: list[str]) -> None:
  """Trains, tests, and prints the accuracy."""
  del argv  # cli.run has refused any.
  if not WORKDIR.value:
    raise ValueError("--workdir is missing, expected the run's folder")
  config, workdir = CONFIG.value, pathlib.Path(WORKDIR.value)
  run_folder.check_workdir(config, workdir)
  path = workdir / 'results.json'
  if not path.exists():
    with locks.hold(workdir):
      train = datasets.load(config.data, 'train')
      params = training.train_classifier(config, workdir, train)
      results = {'num_train': len(train.label), 'source': train.source}
      results |= _test(config, params, train.num_classes)
      files.write_json(path, results)

  def line(results):
    share = f'{100 * results["clean_accuracy"]:.1f}%'
    return f'{config.method}: {share} of the test images, {path}'

  print(line(untrusted.read_json(path, 'not the results of a run', line)))


if __name__ == '__main__':
  cli.run(main)
