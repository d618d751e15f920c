"""Trains a classifier and tests it, for the paper's tables.

  python experiments/train_and_test.py --config=configs/colored_mnist.py \
    --config.method=nominal --workdir=runs/nominal

Tests the clean test images; nothing is encoded. With `--recolour`, digits are
also tested in every other colour. With `--attack`, the ladder of evaluate.py
attacks eval.num_examples test images, whose mixes a judge audits (--judge), and
the accuracy on the groups of `--groups` is taken. Writes WORKDIR/results.json;
the same command again resumes, or reads it.
"""

import pathlib

from absl import flags

from advmix_jax import classifiers, datasets, generators, training
from advmix_jax.evaluation import audits, measures, outcomes, recolouring
from advmix_jax.evaluation import run as evaluation
from advmix_jax.report import statistics
from advmix_jax.runtime import (
  cli,
  files,
  locks,
  run_folder,
  untrusted,
)

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
WORKDIR = flags.DEFINE_string('workdir', '', "The run's folder.")
RECOLOUR = flags.DEFINE_bool(
  'recolour', False, 'Also test eval.num_examples digits in other colours.'
)
ATTACK = flags.DEFINE_bool(
  'attack', False, 'Also attack test images, with every attack of the ladder.'
)
JUDGE = flags.DEFINE_string(
  'judge',
  '',
  'From train_judge.py, for faces or classes; default: what ships.',
)
GROUPS = flags.DEFINE_list(
  'groups',
  ['Blond_Hair', 'Black_Hair', 'Eyeglasses', 'Male', 'Young'],
  'With --attack: groupings of the test images.',
)


def _load(config):
  """The training set and the test set.

  Raises:
    ValueError, FileNotFoundError: Also for what fits no attack on the latter,
      which would fail after the training.
  """
  test = datasets.load(config.data, 'test')
  if ATTACK.value:
    evaluation.check_examples(
      config, test, num_examples=config.eval.num_examples
    )
  return datasets.load(config.data, 'train'), test


def _test(config, params, num_classes, test, judge_fn):
  """Accuracy on the whole test set, with its Wilson interval."""
  classifier = classifiers.make_classifier(config.classifier, num_classes)
  # No generator: nothing is mixed.
  subject = measures.Subject(
    classifier.apply, params, None, None, config.parallel
  )
  size = config.eval.batch_size
  logits = measures.predict(subject, test.image, batch_size=size)
  right = logits.argmax(-1) == test.label
  accuracy, interval = statistics.share(right)
  results = {
    'num_test': len(test.label),
    'clean_accuracy': accuracy,
    'ci95': {'clean': interval},
  }
  if RECOLOUR.value:
    results['recolouring'] = recolouring.for_run(
      config, classifier.apply, params
    )
  if ATTACK.value:
    results |= _attack(config, params, judge_fn)
    results['groups'] = outcomes.by_group(test, right, GROUPS.value)
  return results


def _attack(config, params, judge_fn):
  """The values of the ladder, with the measures that tables name."""
  results = evaluation.evaluate_run(
    config,
    WORKDIR.value,
    params,
    num_examples=config.eval.num_examples,
    attack=config.eval.attack,
    with_ladder=True,
    judge_fn=judge_fn,
  )
  rungs = {rung['name']: rung for rung in results['ladder']}
  searched = rungs.get('algorithm_2') or rungs['corners']
  if 'audited_accuracy' in searched:
    results['audited_accuracy'] = searched['audited_accuracy']
    results['ci95']['audited'] = searched['audited_ci95']
  return results


def _check_tests(results, path):
  """Raises ValueError if a finished run lacks what is asked for now."""
  asked = {'attack': ATTACK.value, 'recolour': RECOLOUR.value}
  made = {'attack': 'ladder' in results, 'recolour': 'recolouring' in results}
  for name, wanted in asked.items():
    if wanted and not made[name]:
      raise ValueError(
        f'{path}: was made without --{name}, expected the same or a new '
        '--workdir'
      )


def main(argv: list[str]) -> None:
  """Trains, tests, and prints the accuracy."""
  del argv  # cli.run has refused any.
  if not WORKDIR.value:
    raise ValueError("--workdir is missing, expected the run's folder")
  config, workdir = CONFIG.value, pathlib.Path(WORKDIR.value)
  run_folder.check_workdir(config, workdir)
  path, judge_fn = workdir / 'results.json', None
  if path.exists():
    generators.claim(config.generator, workdir, note=False)
  else:
    with locks.hold(workdir):
      train, test = _load(config)
      if ATTACK.value:  # Before the training: it may be of another size.
        judge_fn = audits.judge_fn(
          config.data, JUDGE.value, num_classes=train.num_classes
        )
        if judge_fn:
          judge_fn(test.image[:1])
      params = training.train_classifier(config, workdir, train)
      results = {'num_train': len(train.label), 'source': train.source}
      results |= _test(config, params, train.num_classes, test, judge_fn)
      files.write_json(path, results)

  def line(results):
    share = f'{100 * results["clean_accuracy"]:.1f}%'
    return f'{config.method}: {share} of the test images, {path}'

  results = untrusted.read_json(path, 'not the results of a run', line)
  _check_tests(results, path)
  print(line(results))


if __name__ == '__main__':
  cli.run(main)
