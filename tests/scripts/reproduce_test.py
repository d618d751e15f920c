"""Claims about experiments/reproduce.py that need no process."""

import pytest
from helpers import idx_files, scripts


@pytest.fixture
def script(monkeypatch):
  return scripts.load('reproduce', monkeypatch)


def test_the_commands_of_the_tables_of_faces_name_the_folder_of_their_records(
  script, monkeypatch
):
  first_faces = scripts.load('assets.first_faces', monkeypatch)
  items = script.plan.read(script.SWEEPS.value, 'ITEMS')
  for name in ('table_3', 'table_4', 'table_3_small', 'table_4_small'):
    words = script._folders(items[name], {})
    assert words == f' --celeba_dir={first_faces.OUTPUT.value}'


def of_digits(script, tmp_path, source):
  """Work on Table 2 with one run, on digits of this source; and its key."""
  items = script.plan.read(script.SWEEPS.value, 'ITEMS')
  runs = script.plan.expand(items, ['table_2'], 'full')
  key, run = next(
    (k, r) for k, r in runs.items() if r.config.get('data.source') == 'idx'
  )
  run = run._replace(config=run.config | {'data.source': source})
  path = tmp_path / 'records.jsonl'
  return script.schedule.Work({key: run}, tmp_path, 'full', path), [key]


def test_digits_that_a_missing_run_needs_are_looked_for_first(script, tmp_path):
  idx_files.write_folder(tmp_path, 'train')
  script.DATA_DIR.value = str(tmp_path)
  script._check_data(*of_digits(script, tmp_path, 'embedded'))
  work, todo = of_digits(script, tmp_path, 'idx')
  script._check_data(work, [])
  with pytest.raises(FileNotFoundError, match='t10k-images.*no such file'):
    script._check_data(work, todo)
  idx_files.write_folder(tmp_path, 'test')
  script._check_data(work, todo)


def test_other_digits_than_mnist_do_not_count_as_its_finished_runs(
  script, tmp_path, monkeypatch
):
  for split in idx_files.NAMES:
    idx_files.write_folder(tmp_path, split)
  work, keys = of_digits(script, tmp_path, 'idx')
  script._check_digits(work.runs, keys)  # No folder is given.
  script.DATA_DIR.value = str(tmp_path)
  embedded, _ = of_digits(script, tmp_path, 'embedded')
  script._check_digits(embedded.runs, keys)
  with pytest.raises(ValueError, match='has other digits than MNIST') as error:
    script._check_digits(work.runs, keys)
  assert 'train.py' in str(error.value) and '\n' not in str(error.value)
  found = script.digits.idx_hash(tmp_path)
  with monkeypatch.context() as official:
    official.setattr(script.digits, 'MNIST_HASH', found)
    script._check_digits(work.runs, keys)
  script.SWEEPS.value = str(tmp_path / 'sweeps.py')  # The user's own.
  script._check_digits(work.runs, keys)
