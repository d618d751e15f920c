"""experiments/reproduce.py, as typed, on a tiny table: run, resume, page.

The generator is the one that ships; training one takes a minute to compile.
"""

import json
import signal
import time

import pytest
from helpers import compiling, paths
from processes import programs

from advmix_jax.report import records

# The tiny table of helpers/tiny_sweep.py, with the shipped generator.
SWEEP = """
import copy
from helpers import tiny_sweep
ITEMS = copy.deepcopy(tiny_sweep.ITEMS)
ITEMS['table_tiny']['columns']['1'] = {'x': 1.0, 'data': {'sigma': 1.0}}
ITEMS['table_tiny']['scales']['quick'] = {
  'seeds': (0,), 'shipped': ('0',), 'columns': ('0',)
}
"""

# Numbers do not count here: records and pages do.
ENV = {
  'PYTHONPATH': f'{paths.ROOT}:{paths.ROOT / "tests"}',
  'XLA_FLAGS': compiling.FASTEST,
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('reproduce')
  (folder / 'sweep.py').write_text(SWEEP)
  return folder


def arguments(folder, *more):
  return [
    paths.EXPERIMENTS / 'reproduce.py',
    f'--sweeps={folder / "sweep.py"}',
    f'--workdir={folder / "runs"}',
    f'--records={folder / "records"}',
    f'--docs={folder / "docs"}',
    *more,
  ]


def reproduce(folder, *more):
  return programs.run(*arguments(folder, *more), **ENV)


def test_a_killed_call_resumes_and_a_finished_one_runs_nothing(folder):
  table = '--only=table_tiny'
  process = programs.start(*arguments(folder, table), **ENV)
  while 'starts' not in process.stdout.readline():
    time.sleep(0.1)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  done = reproduce(folder, table)
  assert done.returncode == 0, done.stderr
  found = records.read(folder / 'records' / 'quick.jsonl')
  methods = [record['config']['method'] for record in found.values()]
  assert sorted(methods) == ['nominal', 'randmix']
  for record in found.values():
    assert record['seconds'] > 0 and record['commit'] and record['cores'] > 0
    assert record['command'][0] == 'experiments/train_and_test.py'
    assert record['results']['num_test'] == 20
  again = reproduce(folder, table)
  assert 'starts' not in again.stdout
  page = (folder / 'docs' / 'results.md').read_text()
  quick, _, full = page.partition('## Tiny figure')[0].partition('full scale')
  assert 'not run' not in quick and full.endswith('not run\n\n')
  assert not (folder / 'docs/figures/quick').exists()  # One column: no curve.
  listed = reproduce(folder, table, '--list')
  assert '2 runs, 0 missing' in listed.stdout


def test_two_columns_are_drawn_as_a_curve(tmp_path):
  (tmp_path / 'sweep.py').write_text(SWEEP)
  known = records.read(paths.EXPERIMENTS / 'results' / 'quick.jsonl').values()
  made = next(record for record in known if record['kind'] == 'classifier')
  for column in '01':
    cells = [['table_tiny', 'Nominal', column]]
    more = {'key': column, 'scale': 'full', 'cells': cells}
    records.add(tmp_path / 'records' / 'full.jsonl', made | more)
  done = reproduce(tmp_path, '--norun')
  assert done.returncode == 0, done.stderr
  assert (tmp_path / 'docs/figures/full/table_tiny.svg').exists()


def test_a_run_that_fails_is_named_and_the_page_says_not_run(folder):
  result = reproduce(folder, '--only=figure_tiny')
  assert result.returncode == 1
  (line,) = result.stderr.splitlines()
  assert '1 runs failed; the first: figure_tiny' in line
  assert 'there is no experiments/figures/figure_tiny.py' in line
  page = (folder / 'docs' / 'results.md').read_text()
  assert 'not run' in page.partition('## Tiny figure')[2]


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    ('--only=table_3', "--only has 'table_3', expected some of ('table_tiny'"),
    ('--shard=3/2', "--shard is '3/2', expected i/n"),
    ('--seeds=one', "--seeds has 'one', expected whole numbers"),
    ('--row=advmix', "--row has 'advmix', expected some of ('Nominal'"),
    ('--sweeps=nowhere.py', 'nowhere.py'),
    ('--celeba_dir=nowhere', '--celeba_dir=nowhere: no such folder'),
    ('--celeba_generator=own.npz', '--celeba_dir is missing, which'),
    ('--sweeps=README.md', 'README.md: expected a Python file, NAME.py'),
  ],
)
def test_bad_input_is_one_line(flag, message, folder):
  result = reproduce(folder, flag, '--list')
  assert result.returncode == 1 and result.stderr.count('\n') == 1
  assert message in result.stderr


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    (('--only=table_4',), '--celeba_dir is missing, the folder of CelebA'),
    (('--only=table_2', '--scale=full'), '--data_dir is missing, the folder'),
  ],
)
def test_a_folder_that_is_needed_is_named(flags, message, tmp_path):
  result = programs.run_script(
    'reproduce.py', *flags, f'--records={tmp_path}', f'--docs={tmp_path}'
  )
  assert result.returncode == 1 and result.stderr.count('\n') == 1
  assert message in result.stderr


def test_the_committed_page_is_made_of_the_committed_records(tmp_path):
  result = programs.run_script(
    'reproduce.py', '--only=figure_2', '--norun', f'--docs={tmp_path}'
  )
  assert result.returncode == 0, result.stderr
  made = (tmp_path / 'results.md').read_bytes()
  same = made == (paths.ROOT / 'docs' / 'results.md').read_bytes()
  assert same, '`reproduce.py --norun` makes docs/results.md anew'
  # Other programs have records in this folder, too, with fields of their own.
  for scale in ('quick', 'full'):
    text = (paths.EXPERIMENTS / 'results' / f'{scale}.jsonl').read_text()
    assert all(json.loads(line)['results'] for line in text.splitlines())
