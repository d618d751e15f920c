"""setup.py and the Makefile: what is declared, shipped, and said on errors.

setup.py is read, not run: a virtual environment of Python 3.12 has no
setuptools.
"""

import ast
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import advmix_jax

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_BYTES = 8 * 2**20  # Of all shipped files together.

# Distributions whose name isn't that of their module.
DISTRIBUTIONS = {
  'PIL': 'pillow',
  'absl': 'absl-py',
  'haiku': 'dm-haiku',
  'importlinter': 'import-linter',
  'ml_collections': 'ml-collections',
  'orbax': 'orbax-checkpoint',
  'tensorflow_datasets': 'tensorflow-datasets',
}


def setup_arguments():
  """Keyword arguments of setuptools.setup that are literals."""
  tree = ast.parse((ROOT / 'setup.py').read_text(encoding='utf-8'))
  (call,) = (
    node
    for node in ast.walk(tree)
    if isinstance(node, ast.Call)
    and ast.unparse(node.func) == 'setuptools.setup'
  )
  arguments = {}
  for keyword in call.keywords:
    try:
      arguments[keyword.arg] = ast.literal_eval(keyword.value)
    except ValueError:
      continue  # Computed in setup.py: the version, the description.
  return arguments


def requirements():
  arguments = setup_arguments()
  return [
    *arguments['install_requires'],
    *(r for extra in arguments['extras_require'].values() for r in extra),
  ]


def names(specifications):
  return {re.split(r'[\[>=<!~ ]', s)[0].lower() for s in specifications}


@pytest.mark.parametrize(
  ('package', 'folder', 'file'),
  [
    ('advmix_jax', 'data', 'digits.npz'),
    ('advmix_jax.report', 'templates', 'page.html'),
  ],
)
def test_data_files_are_shipped(package, folder, file):
  (pattern,) = setup_arguments()['package_data'][package]
  root = ROOT.joinpath(*package.split('.'))
  shipped = set(root.glob(pattern))
  assert root / folder / file in shipped
  assert {p for p in (root / folder).rglob('*') if p.is_file()} <= shipped


def test_shipped_files_are_small():
  files = (ROOT / 'advmix_jax' / 'data').glob('*')
  assert sum(path.stat().st_size for path in files) <= MAX_BYTES


def test_ranges_are_pinned_from_below():
  for requirement in requirements():
    assert re.fullmatch(r'[\w-]+(\[\w+\])?>=\d+(\.\d+)*', requirement)


def test_python_is_the_one_that_the_makefile_checks():
  assert setup_arguments()['python_requires'] == '>=3.11'
  assert '(3, 11)' in (ROOT / 'Makefile').read_text(encoding='utf-8')


def test_every_import_is_declared():
  declared = names(requirements())
  local = {
    'advmix_jax',
    'checkpoints_convert',
    'experiments',
    'setuptools',
    'helpers',
  }
  for folder in ('experiments', 'tests'):  # Files there import each other.
    local |= {path.stem for path in (ROOT / folder).rglob('*.py')}
  modules = set()
  for folder in ('advmix_jax', 'checkpoints_convert', 'experiments', 'tests'):
    for path in (ROOT / folder).rglob('*.py'):
      for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
          modules |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
          modules.add(node.module.split('.')[0])
  foreign = modules - set(sys.stdlib_module_names) - local
  assert {DISTRIBUTIONS.get(m, m).lower() for m in foreign} <= declared


def test_version_is_in_the_changelog():
  changelog = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
  assert f'## {advmix_jax.__version__}' in changelog


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
  plan = make('-n', 'demo', folder=tmp_path).stdout
  assert 'pip install' not in plan and 'experiments/demo.py' in plan
  (tmp_path / '.venv' / 'installed').unlink()
  assert 'pip install' in make('-n', 'demo', folder=tmp_path).stdout


def test_make_test_lints_first():
  plan = make('-n', 'test').stdout
  assert 0 < plan.index('ruff check') < plan.index('pytest')


def test_ci_runs_make_test():
  script = ROOT / '.ci' / 'run'
  assert 'make test' in script.read_text(encoding='utf-8')
  assert script.stat().st_mode & 0o111
