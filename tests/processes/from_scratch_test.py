"""experiments/from_scratch.py, as typed, with the options of tiny_sweep.py."""

import json

import pytest
from helpers import compiling, paths
from processes import programs

STAGES = (
  *('generator', 'learned start', 'latents, train', 'latents, test'),
  *('nominal', 'randmix', 'advmix', 'report'),
)
FILES = (
  *('generator/generator.npz', 'generator/encoder.npz'),
  *('generator/latents_train.npz', 'generator/latents_test.npz'),
  *('demo/nominal/results.json', 'demo/randmix/results.json'),
  'demo/advmix/results.json',
)

TINY = paths.ROOT / 'tests' / 'helpers' / 'tiny_sweep.py'


def from_scratch(folder, sweeps=TINY):
  """Numbers do not count here: stages and files do."""
  return programs.run_script(
    'from_scratch.py',
    f'--workdir={folder}',
    f'--sweeps={sweeps}',
    XLA_FLAGS=compiling.FASTEST,
  )


def times(process):
  """{stage: what its line says}, in their order."""
  lines = process.stdout.splitlines()[: len(STAGES)]
  found = {}
  for number, line in enumerate(lines, 1):
    name, _, time = line.removeprefix(f'{number}/{len(STAGES)} ').partition(':')
    found[name] = time.strip()
  return found


@pytest.fixture(name='made', scope='module')
def fixture_made(tmp_path_factory):
  """(folder, process) of a first call."""
  folder = tmp_path_factory.mktemp('from_scratch')
  process = from_scratch(folder)
  assert process.returncode == 0, process.stderr
  return folder, process


def test_it_prints_a_line_per_stage_and_the_table(made):
  folder, process = made
  found = times(process)
  assert tuple(found) == STAGES
  assert all(time.endswith((' s', ' min')) for time in found.values())
  table = (folder / 'demo' / 'table.md').read_text()
  assert table in process.stdout
  for name in ('Nominal', 'RandMix', 'AdvMix'):
    assert f'| {name}' in table


def test_each_stage_uses_what_the_ones_before_have_made(made):
  folder, _ = made
  for method in ('nominal', 'randmix', 'advmix'):
    path = folder / 'demo' / method
    config = json.loads((path / 'config.json').read_text())
    assert config['generator']['path'] == str(folder / FILES[0])
    assert not (path / 'latents').exists()  # None were missing.


def test_a_second_call_makes_only_the_report(made):
  folder, first = made
  before = {name: (folder / name).stat().st_mtime_ns for name in FILES}
  page = (folder / 'demo' / 'report.html').read_bytes()
  process = from_scratch(folder)
  assert process.returncode == 0, process.stderr
  found = times(process)
  assert tuple(found) == STAGES and found.pop('report') != 'done before'
  assert set(found.values()) == {'done before'}
  assert before == {name: (folder / name).stat().st_mtime_ns for name in FILES}
  assert (folder / 'demo' / 'report.html').read_bytes() == page
  assert (folder / 'demo' / 'table.md').read_text() in process.stdout


def test_a_stage_that_fails_is_named_in_one_line(tmp_path):
  (tmp_path / 'bad.py').write_text(
    "FROM_SCRATCH = {'train_stylegan.py': {'--config.gan.kimgs': 1}}"
  )
  process = from_scratch(tmp_path / 'run', tmp_path / 'bad.py')
  assert process.returncode == 1
  (line,) = process.stderr.splitlines()
  assert 'train_stylegan.py ended with exit code 1: ' in line
  assert "no field 'kimgs'" in line and 'log.txt' in line
