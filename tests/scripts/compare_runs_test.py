"""experiments/compare_runs.py: what it adds to a file of records."""

import json

import pytest
from helpers import scripts

from advmix_jax.report import records


def test_runs_of_one_name_in_two_folders_are_two_records(
  monkeypatch, tmp_path, capsys
):
  path = tmp_path / 'pairs.jsonl'
  for folder in ('a', 'b', 'a'):
    script = scripts.load(
      'compare_runs',
      monkeypatch,
      FIRST=f'{folder}/advmix',
      SECOND=f'{folder}/randmix',
      RECORD=str(path),
    )
    script._add(script._record({}, {}))
  assert list(records.read(path)) == [
    'a/advmix, a/randmix',
    'b/advmix, b/randmix',
  ]
  assert capsys.readouterr().out == (
    f"{path}: has 'a/advmix, a/randmix' already, which stays\n"
  )


@pytest.mark.parametrize('file', ['results.json', 'report.json'])
def test_runs_of_other_attacks_are_compared_with_a_warning(
  monkeypatch, tmp_path, capsys, file
):
  for name, restarts in (('a', 5), ('b', 10)):
    (tmp_path / name).mkdir()
    table = 'index,label,clean,perturbed\n0,1,1,1\n1,0,1,0\n'
    (tmp_path / name / 'per_example.csv').write_text(table)
    record = {'perturbed_attack': {'N_r': restarts}}
    (tmp_path / name / file).write_text(json.dumps(record))
  folders = {'FIRST': str(tmp_path / 'a'), 'SECOND': str(tmp_path / 'b')}
  scripts.load('compare_runs', monkeypatch, **folders).main([])
  told = capsys.readouterr()
  assert told.err.startswith('warning: the attacks differ: N_r is 5 and 10')
  assert '2 images; first:' in told.out


def test_mixes_of_other_generators_are_compared_with_a_warning(
  monkeypatch, tmp_path, capsys
):
  folders = {'FIRST': tmp_path / 'a', 'SECOND': tmp_path / 'b/evaluations/x'}
  for folder in folders.values():
    folder.mkdir(parents=True)
    table = 'index,label,clean,perturbed\n0,1,1,1\n1,0,1,0\n'
    (folder / 'per_example.csv').write_text(table)
    (folder / 'results.json').write_text('{"failed_gates": ["g"]}')
  (tmp_path / 'a' / 'generator.sha256').write_text('0123456789')
  (tmp_path / 'b' / 'generator.sha256').write_text('abcdef0123')
  texts = {name: str(folder) for name, folder in folders.items()}
  scripts.load('compare_runs', monkeypatch, **texts).main([])
  told = capsys.readouterr().err
  assert 'generator is 01234567 and abcdef01' in told
  assert 'first evaluation failed: g; a check of the second' in told
