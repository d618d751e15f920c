"""The Makefile: what it says on errors, and what its targets run."""

import shutil
import subprocess
import sys

import pytest
from helpers.paths import ROOT


def make(*arguments, folder=ROOT):
  """Runs make on the project's Makefile in a folder; returns the result."""
  if shutil.which('make') is None:
    pytest.skip('make is not installed')
  return subprocess.run(
    ['make', '-f', str(ROOT / 'Makefile'), *arguments],
    cwd=folder,
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )


def plan_of(target, **options):
  """What a target would run; a given PYTHON spares the search for one."""
  return make('-n', target, f'PYTHON={sys.executable}', **options).stdout


def fake_python(folder, *, version, recent):
  """A program that answers the Makefile's two questions to a Python."""
  path = folder / 'python'
  path.write_text(
    '#!/bin/sh\n'
    f'[ "$1" = --version ] && echo Python {version} && exit 0\n'
    f'case "$2" in *version_info*) exit {0 if recent else 1};; esac\n'
    'exit 1\n'
  )
  path.chmod(0o755)
  return path


def test_make_refuses_an_old_python(tmp_path):
  (tmp_path / 'setup.py').touch()
  python = fake_python(tmp_path, version='3.9.7', recent=False)
  result = make('install', f'PYTHON={python}', folder=tmp_path)
  assert result.returncode != 0
  assert 'Needs Python >= 3.11' in result.stderr and '3.9.7' in result.stderr
  assert not (tmp_path / '.venv').exists()


def test_make_says_where_venv_is_missing(tmp_path):
  (tmp_path / 'setup.py').touch()
  python = fake_python(tmp_path, version='3.11.2', recent=True)
  result = make('install', f'PYTHON={python}', folder=tmp_path)
  assert result.returncode != 0 and 'python3-venv' in result.stderr


def test_make_installs_only_when_setup_changed(tmp_path):
  (tmp_path / 'setup.py').touch()
  (tmp_path / '.venv').mkdir()
  (tmp_path / '.venv' / 'installed').touch()
  plan = plan_of('demo', folder=tmp_path)
  assert 'pip install' not in plan and 'experiments/demo.py' in plan
  (tmp_path / '.venv' / 'installed').unlink()
  assert 'pip install' in plan_of('demo', folder=tmp_path)


@pytest.mark.parametrize('target', ['check', 'test'])
def test_make_check_and_make_test_lint_first(target):
  plan = plan_of(target)
  linted, formatted = (
    plan.index('ruff check'),
    plan.index('ruff format --check'),
  )
  assert 0 < linted < formatted < plan.index('pytest')


def test_make_check_leaves_out_processes_and_make_test_runs_them():
  assert "pytest -m 'not processes'" in plan_of('check')
  assert 'processes' not in plan_of('test')
