"""Evaluates a saved run again: a ladder of attacks, and gates.

  python experiments/evaluate.py --workdir=runs/demo/advmix
  python experiments/evaluate.py --workdir=runs/demo/advmix --restarts=50 \
    --steps=20 --alpha=0.1 --eps=0.5 --unit=w_std --num_examples=200

Prints one table, all rows on the same test images: clean, reconstruction, one
random mix, the worst of N random mixes at the attack's number of images and at
its compute, Algorithm 2, with the margin loss, with Adam, a search without
gradients, and the worst of all. Each has its Wilson 95% interval, its cost and,
where there is a judge, its audited accuracy. Then: do twice the
restarts or steps change it, what does the gradient add, and the gates; for
coloured digits also the accuracy on the same digits in other colours.
--noladder stops at Algorithm 2, as training does, in an eighth of the time.

Options not given are those of the run. Writes results.json, per_example.csv,
pictures.npz and report.html to WORKDIR/evaluations/<options>, with --sweep also
sweep.png and sweep.svg; the run's own files stay as they are. The last columns
of per_example.csv say which image a row is of: image, the hash of its pixels,
and source, its file or row, where the data have such names. Exit code: 0; 1
after bad input; 3 if a gate failed, and then results.json has "valid": false
and the names in "failed_gates".
"""

import pathlib

from absl import flags

try:
  from advmix_jax import attacks, classifiers, datasets, training
  from advmix_jax.datasets import image_hash
  from advmix_jax.evaluation import (
    attributes,
    audits,
    gates,
    recolouring,
    sweep,
  )
  from advmix_jax.evaluation import run as evaluation
  from advmix_jax.report import pages, strength
  from advmix_jax.runtime import cli, files, hosts, run_folder
except ModuleNotFoundError as error:
  raise SystemExit(
    f'evaluate.py: error: {error}; run `make install` or `pip install -e .` '
    "in the project's root, and use that Python."
  ) from None

WORKDIR = flags.DEFINE_string('workdir', '', "The run's folder.")
NUM_EXAMPLES = flags.DEFINE_integer(
  'num_examples', None, 'Test images to attack, from the first; 0: all.'
)
LADDER = flags.DEFINE_bool(
  'ladder', True, 'Run every attack of the ladder, not Algorithm 2 alone.'
)
JUDGE = flags.DEFINE_string(
  'judge', '', 'From train_judge.py, for faces or classes; default: what ships.'
)
SWEEP = flags.DEFINE_bool(
  'sweep',
  False,
  'Also attack with eps and alpha times 0, 1, 10 and 100, and with K times 0, '
  '2 and 4, each beside random mixes at equal compute.',
)
ATTACK = {
  'restarts': flags.DEFINE_integer('restarts', None, 'N_r.'),
  'steps': flags.DEFINE_integer('steps', None, 'K.'),
  'alpha': flags.DEFINE_float('alpha', None, 'Step size.'),
  'eps': flags.DEFINE_float('eps', None, 'Radius of the l_inf ball.'),
  'unit': flags.DEFINE_string('unit', None, 'Of alpha and eps: w or w_std.'),
  'loss': flags.DEFINE_string('loss', None, 'cross_entropy or margin.'),
  'direction': flags.DEFINE_string(
    'direction', None, 'sign, raw, adam, or corners: no gradient.'
  ),
  'gradient_at': flags.DEFINE_string('gradient_at', None, 'current or start.'),
  'typical_set': flags.DEFINE_bool('typical_set', None, 'Search z, Eq. 15.'),
  'keep': flags.DEFINE_string('keep', None, 'highest_loss or misclassified.'),
  'test_start': flags.DEFINE_bool('test_start', None, 'Test x~(0) too.'),
  'clean_fallback': flags.DEFINE_bool('clean_fallback', None, 'Test x too.'),
}


def _config():
  """The run's config with the overrides, and a name that tells them."""
  if not WORKDIR.value:
    raise ValueError('--workdir is missing, expected the folder of a run')
  if JUDGE.value and not LADDER.value:
    raise ValueError('--judge audits the ladder, expected no --noladder')
  config = training.stored_config(WORKDIR.value)
  attack = config.eval.attack
  if NUM_EXAMPLES.value is not None:
    config.eval.num_examples = NUM_EXAMPLES.value
  for name, flag in ATTACK.items():
    if flag.value is not None:
      attack[name] = flag.value
  attacks.check_attack(attack)
  return config, _name(config)


def _name(config):
  """A folder's name: the numbers, and what differs from the defaults."""
  attack, default = config.eval.attack, attacks.default_config()
  shown = [
    f'{name}={attack[name]}'
    for name in ATTACK
    if name in ('restarts', 'steps', 'alpha', 'eps')
    or attack[name] != default[name]
  ]
  shown.append(f'num_examples={config.eval.num_examples}')
  if not LADDER.value:
    shown.append('noladder')
  if JUDGE.value:
    shown.append(f'judge={files.file_hash(JUDGE.value)[:8]}')
  if SWEEP.value:
    shown.append('sweep')
  return ','.join(shown)


def _evaluate(config, workdir, output):
  """Runs what the flags ask for, and returns the record."""
  if not (workdir / 'classifier.npz').exists():
    raise FileNotFoundError(
      f'{workdir}: the training has not ended (no classifier.npz); the command '
      'that began it goes on'
    )
  classifier, params = classifiers.load(workdir / 'classifier.npz')
  judge_fn = _judge_fn(config, workdir) if LADDER.value else None
  arguments = {
    'num_examples': config.eval.num_examples,
    'attack': config.eval.attack,
  }
  results = evaluation.evaluate_run(
    config,
    workdir,
    params,
    output=output,
    with_ladder=LADDER.value,
    judge_fn=judge_fn,
    **arguments,
  )
  if SWEEP.value:
    results['sweep'] = sweep.sweep_run(config, workdir, params, **arguments)
  results['recolouring'] = recolouring.for_run(config, classifier.apply, params)
  if JUDGE.value:
    results['judge_sha256'] = files.file_hash(JUDGE.value)
  return {'method': config.method, 'seed': config.seed} | results


def _judge_fn(config, workdir):
  """The judge of the data, which knows as many classes as the classifier."""
  metadata = files.load_npz(workdir / 'classifier.npz')[1]
  if JUDGE.value:
    classes = metadata.get('classes', ())
    classifiers.check_classes(JUDGE.value, classes, attributes.KIND)
  return audits.judge_fn(
    config.data, JUDGE.value, num_classes=metadata['num_classes']
  )


def _warn_of_other_data(config, workdir):
  """Says where the run was trained on other images than its data now have."""
  try:
    train = datasets.load(config.data, 'train')
  except (OSError, ValueError):  # The test images may be all that is left.
    return
  if run_folder.is_of_other_data(workdir, image_hash.data_hash(train)):
    print(
      f'warning: {workdir} was trained on other images than its data have now; '
      'where a split was made, some of them may be test images now'
    )


def _write(record, output):
  """Writes the record, the sweep's picture, and the page with all of it."""
  files.write_json(output / 'results.json', record)
  sections = recolouring.sections(record['recolouring'])
  if 'sweep' in record:
    png, svg = strength.plot(record)
    files.write_bytes(output / 'sweep.png', png)
    files.write_bytes(output / 'sweep.svg', svg)
    sections.insert(0, strength.section(record, png))
  hosts.barrier('pictures')  # The first process has written them.
  pictures, _ = files.load_npz(output / 'pictures.npz')
  page = pages.comparison([record], [pictures], added=sections)
  files.write_text(output / 'report.html', page)


def main(argv: list[str]) -> int:
  """Evaluates one run, prints its measures, and returns the exit code."""
  del argv  # cli.run has refused any.
  config, name = _config()
  workdir = pathlib.Path(WORKDIR.value)
  output = workdir / 'evaluations' / name
  _warn_of_other_data(config, workdir)
  record = _evaluate(config, workdir, output)
  _write(record, output)
  print(pages.listing(record))
  if 'sweep' in record:
    print(f'\n{strength.listing(record)}')
  if record['recolouring']:
    print(f'\n{recolouring.listing(record["recolouring"])}')
  print(f'{output}/report.html')
  if record['valid']:
    return 0
  print(f'not valid, gates failed: {", ".join(record["failed_gates"])}')
  return gates.EXIT_CODE


if __name__ == '__main__':
  cli.run(main)
