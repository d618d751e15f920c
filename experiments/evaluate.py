"""Evaluates a saved run again, with another attack if you like.

  python experiments/evaluate.py --workdir=runs/demo/advmix
  python experiments/evaluate.py --workdir=runs/demo/advmix --restarts=50 \
    --steps=20 --alpha=0.003 --eps=0.03 --num_examples=200

Prints clean accuracy, reconstruction, one random mix, the worst of N random
mixes at the attack's compute, and Algorithm 2, each with its Wilson 95%
interval, then the gates; for coloured digits also the accuracy on the same
digits in other colours (evaluation/recolouring.py).
Options not given are those of the run. Writes
results.json, per_example.csv, pictures.npz and report.html to
RUN/evaluations/<options>; the run's own files stay as they are.
"""

import pathlib

from absl import flags

try:
  from advmix_jax import classifiers
  from advmix_jax.evaluation import recolouring
  from advmix_jax.evaluation import run as evaluation
  from advmix_jax.report import pages
  from advmix_jax.runtime import cli, files, run_folder
except ModuleNotFoundError as error:
  raise SystemExit(
    f'evaluate.py: error: {error}; run `make install` or `pip install -e .` '
    "in the project's root, and use that Python."
  ) from None

WORKDIR = flags.DEFINE_string('workdir', '', "The run's folder.")
NUM_EXAMPLES = flags.DEFINE_integer(
  'num_examples', None, 'Test images to attack, from the first; 0: all.'
)
SWEEP = flags.DEFINE_bool(
  'sweep', False, 'Also attack with eps and alpha times 0, 1, 10 and 100.'
)
ATTACK = {
  'restarts': flags.DEFINE_integer('restarts', None, 'N_r.'),
  'steps': flags.DEFINE_integer('steps', None, 'K.'),
  'alpha': flags.DEFINE_float('alpha', None, 'Step size.'),
  'eps': flags.DEFINE_float('eps', None, 'Radius of the l_inf ball.'),
  'direction': flags.DEFINE_string('direction', None, 'sign or raw.'),
  'gradient_at': flags.DEFINE_string('gradient_at', None, 'current or start.'),
  'typical_set': flags.DEFINE_bool('typical_set', None, 'Search z, Eq. 15.'),
}


def _config():
  """The run's config with the overrides, and a name that tells them."""
  if not WORKDIR.value:
    raise ValueError('--workdir is missing, expected the folder of a run')
  config = run_folder.load_workdir(WORKDIR.value)
  if NUM_EXAMPLES.value is not None:
    config.eval.num_examples = NUM_EXAMPLES.value
  for name, flag in ATTACK.items():
    if flag.value is not None:
      config.eval.attack[name] = flag.value
  attack = ','.join(f'{n}={config.eval.attack[n]}' for n in ATTACK)
  return config, f'{attack},num_examples={config.eval.num_examples}'


def main(argv: list[str]) -> None:
  """Evaluates one run and prints its measures."""
  del argv  # cli.run has refused any.
  config, name = _config()
  workdir = pathlib.Path(WORKDIR.value)
  output = workdir / 'evaluations' / name
  classifier, params = classifiers.load(workdir / 'classifier.npz')
  arguments = {
    'num_examples': config.eval.num_examples,
    'attack': config.eval.attack,
  }
  results = evaluation.evaluate_run(
    config, workdir, params, output=output, **arguments
  )
  if SWEEP.value:
    results['accuracy_by_eps'] = evaluation.eps_sweep(
      config, workdir, params, **arguments
    )
  results['recolouring'] = recolouring.for_run(config, classifier.apply, params)
  record = {'method': config.method, 'seed': config.seed} | results
  files.write_json(output / 'results.json', record)
  print(pages.listing(record))
  print(recolouring.listing(record['recolouring']))
  print(f'{output}/report.html')


if __name__ == '__main__':
  cli.run(main)
