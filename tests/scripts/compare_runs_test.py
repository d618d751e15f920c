"""experiments/compare_runs.py: what it adds to a file of records."""

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
