"""setup.py and the Makefile: what is declared and shipped.

setup.py is read, not run: a virtual environment of Python 3.12 has no
setuptools.
"""

import ast
import re
import sys

import pytest
from helpers.paths import ROOT

import advmix_jax
from advmix_jax.runtime import files, shipped

MAX_BYTES = 16 * 2**20  # Of all shipped files together.

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
  paths = (ROOT / 'advmix_jax' / 'data').glob('*')
  assert sum(path.stat().st_size for path in paths) <= MAX_BYTES


@pytest.mark.parametrize(
  'name',
  [
    'face_generator.npz',
    'face_judge.npz',
    'face_encoder.npz',
    'face_generator_32.npz',
    'face_judge_32.npz',
  ],
)
def test_files_made_of_celeba_carry_its_condition(name):
  _, metadata = files.load_npz(shipped.DATA / name)
  assert 'CelebA' in metadata['condition']
  assert 'non-commercial research' in metadata['condition']


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
    'figures',
    'setuptools',
    'helpers',
    'processes',
  }
  for folder in (
    'examples',
    'experiments',
    'tests',
  ):  # Files there import each other.
    local |= {path.stem for path in (ROOT / folder).rglob('*.py')}
  modules = set()
  packages = ('advmix_jax', 'checkpoints_convert')
  for folder in (*packages, 'examples', 'experiments', 'tests'):
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


def test_ci_runs_make_test():
  script = ROOT / '.ci' / 'run'
  assert 'make test' in script.read_text(encoding='utf-8')
  assert script.stat().st_mode & 0o111
