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
    (parts,) = script.layouts.make({name: items[name]})
    words = {layout.flags for layout in parts.values()}
    assert words == {f' --celeba_dir={first_faces.OUTPUT.value}'}


def test_words_are_divided_by_commas_or_given_several_times(script):
  script.SEEDS.value = ['0,1', ' 2']
  script.ONLY.value = ['table_2', 'figure_4,figure_6']
  assert script._words(script.SEEDS) == ['0', '1', '2']
  items = dict.fromkeys(['table_2', 'figure_4', 'figure_6', 'figure_7'], {})
  assert script._names(items) == ['table_2', 'figure_4', 'figure_6']


def test_the_page_of_own_records_does_not_replace_the_projects(
  script, tmp_path
):
  script.WORKDIR.value = str(tmp_path / 'runs')
  script._check_folders()
  script.RECORDS.value = str(tmp_path / 'records')
  with pytest.raises(ValueError, match='--docs is missing'):
    script._check_folders()
  script.DOCS.value = str(tmp_path / 'docs')
  script._check_folders()
  script.WORKDIR.value = __file__
  with pytest.raises(
    ValueError, match='--workdir=.*is a file, expected a fold'
  ):
    script._check_folders()


def test_a_figure_whose_picture_is_nowhere_is_made_again(script, tmp_path):
  """As after records of two machines were put together, without docs."""
  items = script.plan.read(script.SWEEPS.value, 'ITEMS')
  runs = script.plan.expand(items, ['figure_4'], 'quick')
  (key,) = (k for k, run in runs.items() if run.kind == 'figure')
  path, docs = tmp_path / 'records.jsonl', tmp_path / 'docs'
  work = script.schedule.Work(runs, tmp_path / 'runs', 'quick', path)
  script.DOCS.value = str(docs)
  assert not script._without_picture(work, [key])  # No record.
  record = {'key': key, 'results': {'pictures': ['figure_4.png']}}
  script.records.add(path, record)
  assert script._without_picture(work, [key]) == [key]
  (docs / 'figures' / 'quick').mkdir(parents=True)
  (docs / 'figures' / 'quick' / 'figure_4.png').write_bytes(b'')
  assert not script._without_picture(work, [key])


@pytest.mark.parametrize(
  'text, message',
  [
    ('ITEMS = {', 'was never closed'),
    ('import nowhere_at_all', 'No module named'),
    ("ITEMS = {'mine': {'title': 'x'}}", "item 'mine' has no 'text'"),
    ('', 'has no ITEMS'),
  ],
)
def test_a_file_of_items_that_is_none_is_one_line(
  script, tmp_path, text, message
):
  script.SWEEPS.value = str(tmp_path / 'sweeps.py')
  (tmp_path / 'sweeps.py').write_text(text)
  with pytest.raises(ValueError, match=message) as error:
    script._items()
  assert '\n' not in str(error.value) and 'sweeps.py' in str(error.value)


def test_a_folder_of_faces_that_is_missing_is_named_by_its_flag(script):
  script.CELEBA_DIR.value = 'nowhere'
  with pytest.raises(FileNotFoundError, match='--celeba_dir=nowhere: no such'):
    script._items()


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
