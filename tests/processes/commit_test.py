"""Claims about run_folder.commit, in a repository of its own."""

import re
import shutil
import subprocess

import pytest

from advmix_jax.runtime import files, run_folder


@pytest.mark.skipif(not shutil.which('git'), reason='git is not installed')
def test_only_changed_code_makes_a_commit_dirty(tmp_path, monkeypatch):
  """Records and docs change with every run of a table."""
  names = ('advmix_jax/a.py', 'experiments/results/a.jsonl', 'docs/a.md')
  for name in names:
    files.write_text(tmp_path / name, 'before')
  author = ('-c', 'user.name=a', '-c', 'user.email=a@b.c')
  for words in (('init',), ('add', '.'), (*author, 'commit', '-m', 'a')):
    subprocess.run(['git', *words], cwd=tmp_path, check=True)
  monkeypatch.setattr(run_folder, '__file__', str(tmp_path / names[0]))
  clean = run_folder.commit()
  assert re.fullmatch('[0-9a-f]{40}', clean)
  for name in names[1:]:
    files.write_text(tmp_path / name, 'after')
  assert run_folder.commit() == clean
  files.write_text(tmp_path / names[0], 'after')
  assert run_folder.commit() == f'{clean}-dirty'
