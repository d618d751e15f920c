"""Claims about run_folder.commit, in a repository of its own."""

import re
import shutil
import subprocess

import pytest

from advmix_jax.runtime import files, run_folder

pytestmark = pytest.mark.skipif(
  not shutil.which('git'), reason='git is not installed'
)
NAMES = ('advmix_jax/a.py', 'experiments/results/a.jsonl', 'docs/a.md')


@pytest.fixture
def repository(tmp_path, monkeypatch):
  """Holds NAMES, and .venv, which git ignores; its a.py asks for the commit."""
  for name in NAMES:
    files.write_text(tmp_path / name, 'before')
  files.write_text(tmp_path / '.gitignore', '.venv')
  author = ('-c', 'user.name=a', '-c', 'user.email=a@b.c')
  for words in (('init',), ('add', '.'), (*author, 'commit', '-m', 'a')):
    subprocess.run(['git', *words], cwd=tmp_path, check=True)
  monkeypatch.setattr(run_folder, '__file__', str(tmp_path / NAMES[0]))
  return tmp_path


def test_only_changed_code_makes_a_commit_dirty(repository):
  """Records and docs change with every run of a table."""
  clean = run_folder.commit()
  assert re.fullmatch('[0-9a-f]{40}', clean)
  for name in NAMES[1:]:
    files.write_text(repository / name, 'after')
  assert run_folder.commit() == clean
  files.write_text(repository / NAMES[0], 'after')
  assert run_folder.commit() == f'{clean}-dirty'


def test_a_module_that_git_does_not_know_makes_a_commit_dirty(repository):
  clean = run_folder.commit()
  files.write_text(repository / 'runs' / 'config.py', 'No module.')
  files.write_text(repository / 'advmix_jax' / 'a.txt', 'No module.')
  assert run_folder.commit() == clean
  files.write_text(repository / 'advmix_jax' / 'new' / 'b.py', 'new')
  assert run_folder.commit() == f'{clean}-dirty'


def test_the_commit_of_a_project_around_the_package_is_not_its_own(
  repository, monkeypatch
):
  for folder in ('.venv/lib', 'copied'):
    installed = repository / folder / 'run_folder.py'
    files.write_text(installed, 'installed')
    monkeypatch.setattr(run_folder, '__file__', str(installed))
    assert run_folder.commit() == 'unknown'
