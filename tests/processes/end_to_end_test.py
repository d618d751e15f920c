"""The main command, as typed, on the real config made small."""

import base64
import json

import pytest
from helpers import compiling, paths
from processes import programs

SMALL = (
  '--config.data.num_train=64',
  '--config.data.num_test=400',
  '--config.optimizer.batch_size=16',
  '--config.optimizer.epochs=1',
  '--config.classifier.name=linear',
  '--config.attack.restarts=2',
  '--config.attack.steps=1',
  '--config.eval.num_examples=10',
  '--config.eval.batch_size=10',
  '--config.eval.attack.restarts=2',
  '--config.eval.attack.steps=1',
)
FIELDS = {
  'method',
  'dataset',
  'data_source',
  'num_train',
  'num_test',
  'sigma',
  'seed',
  'clean_accuracy',
  'perturbed_accuracy',
  'perturbed_attack',
  'ci95',
  'wall_seconds',
  'commit',
  'config',
}


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
  """(workdir, process) of one run of AdvMix from the project's root."""
  workdir = tmp_path_factory.mktemp('run') / 'advmix'
  process = programs.run(
    'experiments/train.py',
    '--config=configs/colored_mnist.py:ideal',
    f'--workdir={workdir}',
    *SMALL,
  )
  assert process.returncode == 0, process.stderr
  return workdir, process


def test_the_command_ends_with_one_line_and_the_results(finished):
  workdir, process = finished
  results = json.loads((workdir / 'results.json').read_text())
  assert set(results) >= FIELDS
  assert results['method'] == 'advmix' and results['num_train'] == 64
  assert results['config']['generator']['name'] == 'ideal'  # The variant.
  assert {'N_r', 'K', 'alpha', 'eps'} <= set(results['perturbed_attack'])
  for name in ('clean', 'perturbed'):
    low, high = results['ci95'][name]
    assert 0 <= low <= results[f'{name}_accuracy'] <= high <= 1
  line = process.stdout.splitlines()[-1]
  assert line.startswith('advmix: clean') and 'results.json' in line
  assert f'{100 * results["clean_accuracy"]:.1f}%' in line


def test_the_run_leaves_config_checkpoints_and_records(finished):
  workdir, _ = finished
  names = {path.name for path in workdir.iterdir()}
  assert names >= {
    'config.json',
    'checkpoints',
    'classifier.npz',
    'metrics.jsonl',
    'tensorboard',
    'results.json',
    'per_example.csv',
  }
  config = json.loads((workdir / 'config.json').read_text())
  results = json.loads((workdir / 'results.json').read_text())
  assert config == results['config']


def test_it_shows_progress_and_nothing_else(finished):
  _, process = finished
  bars = process.stderr.replace('\r', '\n').splitlines()
  assert any('train advmix: 100%' in bar for bar in bars)
  assert 'Traceback' not in process.stderr
  assert not [b for b in bars if b.startswith('I')]  # Log lines of libraries.


def test_the_same_command_from_experiments_finds_the_finished_run(finished):
  workdir, first = finished
  before = (workdir / 'results.json').read_bytes()
  process = programs.run(
    'train.py',
    '--config=configs/colored_mnist.py:ideal',
    f'--workdir={workdir}',
    *SMALL,
    cwd=paths.EXPERIMENTS,
  )
  assert process.returncode == 0, process.stderr
  assert process.stdout.splitlines()[-1].startswith('advmix: clean')
  assert (workdir / 'results.json').read_bytes() == before


def test_a_failed_gate_is_exit_code_3_and_marks_the_results(finished):
  """In a ball of radius 0, one start is far weaker than 31 random mixes."""
  workdir, _ = finished
  attack = ['--restarts=1', '--steps=30', '--alpha=0', '--eps=0']
  process = programs.run_script(
    'evaluate.py',
    f'--workdir={workdir}',
    '--num_examples=0',
    '--noladder',
    *attack,
    XLA_FLAGS=compiling.FAST,
  )
  assert process.returncode == 3, process.stderr
  last = process.stdout.splitlines()[-1]
  assert last == 'not valid, gates failed: random_below_gradient'
  (path,) = workdir.glob('evaluations/*/results.json')
  results = json.loads(path.read_text())
  assert results['valid'] is False
  assert results['failed_gates'] == ['random_below_gradient']
  gate = results['gate_values']['random_below_gradient']
  assert (
    gate['value'] < gate['limit'] == 0.01 and 'McNemar' in gate['tolerance']
  )


def test_a_sweep_and_recolouring_reach_the_page_and_a_picture(finished):
  workdir, _ = finished
  process = programs.run_script(
    'evaluate.py',
    f'--workdir={workdir}',
    *('--num_examples=6', '--noladder', '--sweep', '--restarts=1'),
    XLA_FLAGS=compiling.FASTEST,
  )
  assert process.returncode in (0, 3), process.stderr
  (folder,) = workdir.glob('evaluations/*num_examples=6*')
  results = json.loads((folder / 'results.json').read_text())
  assert [row['K'] for row in results['sweep']] == [1, 1, 1, 1, 0, 2, 4]
  assert {row['unit'] for row in results['sweep']} == {'w'}
  page = (folder / 'report.html').read_text()
  for heading in ('Accuracy against eps and K', 'Recoloured exactly'):
    assert f'<h2>{heading}</h2>' in page
  png = (folder / 'sweep.png').read_bytes()
  assert base64.b64encode(png).decode() in page
  assert b'<svg' in (folder / 'sweep.svg').read_bytes()
  assert 'Only Algorithm 2' in process.stdout


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--config.methd=nominal'], "--config.methd: no field 'methd', expected"),
    (['--config.method=magic'], "method is 'magic', expected one of"),
    (['--config=configs/celebb.py'], '--config=configs/celebb.py: no such'),
    (['--config=configs/colored_mnist.py:idol'], "variant is 'idol', expected"),
    (['--config.seed=1'], 'holds a run of another config: '),
  ],
)
def test_bad_input_is_one_line_and_exit_code_1(finished, arguments, message):
  workdir, _ = finished
  before = {p: p.stat().st_mtime_ns for p in workdir.rglob('*')}
  if not any(a.startswith('--config=') for a in arguments):
    arguments = ['--config=configs/colored_mnist.py:ideal', *arguments]
  process = programs.run(
    *('train.py', *arguments, f'--workdir={workdir}', *SMALL),
    cwd=paths.EXPERIMENTS,
  )
  assert process.returncode == 1
  (line,) = process.stderr.splitlines()
  assert line.startswith('train.py: error: ') and message in line
  assert {p: p.stat().st_mtime_ns for p in workdir.rglob('*')} == before
