"""The house rules, by reading the source: floors, lengths, docstrings."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ('advmix_jax', 'checkpoints_convert')

# Imports within the package only go down: to a floor above in this list.
FLOORS = (
  ('types', 'parallel', 'digits', 'hosts', 'cpu'),
  ('ops', 'norms', 'compilation_cache', 'preemption'),
  ('checkpoints', 'ascent', 'cli', 'datasets'),
  (
    'attacks',
    'configs',
    'latents',
    'locks',
    'metrics',
    'mixing',
    'report',
    'stylegan_modules',
  ),
  ('classifiers', 'stylegan', 'ideal', 'shards', 'pages', 'fit_report'),
  ('encoder',),
  ('vgg', 'judge', 'gan', 'inversion', 'methods'),
  ('gan_training', 'encoding', 'evaluators'),
  ('inputs', 'outcomes'),
  ('disentanglement',),
  ('evaluation',),
  ('training',),
)
# The attack knows no model; the encoder is given its features.
MODEL_FREE = ('attacks', 'ascent', 'encoder', 'mixing')
MODELS = (
  'stylegan',
  'stylegan_modules',
  'ideal',
  'vgg',
  'classifiers',
  'inversion',
)


def sources(*folders):
  """Python files of some folders of the project, sorted."""
  return sorted(
    path for folder in folders for path in (ROOT / folder).rglob('*.py')
  )


def ids(path):
  return str(path.relative_to(ROOT))


def imports(path):
  """Names of the package's files that a file imports, at any depth."""
  names = set()
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.ImportFrom) and node.module == 'advmix_jax':
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and node.module:
      names |= {node.module[11:]} & {node.module.removeprefix('advmix_jax.')}
    elif isinstance(node, ast.Import):
      names |= {
        alias.name.removeprefix('advmix_jax.')
        for alias in node.names
        if alias.name.startswith('advmix_jax.')
      }
  return names


def functions(tree):
  return [
    node
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
  ]


LIBRARY = sources(*PACKAGES)
EVERYTHING = [
  *sources(*PACKAGES, 'experiments', 'tests'),
  ROOT / 'setup.py',
]


@pytest.mark.parametrize('path', sources('advmix_jax'), ids=ids)
def test_imports_go_down(path):
  if path.name == '__init__.py':
    assert not imports(path)
    return
  height = {name: i for i, floor in enumerate(FLOORS) for name in floor}
  assert path.stem in height, f'{path.stem} has no floor in FLOORS'
  for name in imports(path):
    assert height[name] < height[path.stem], (
      f'{path.stem} imports {name}, which is not on a lower floor'
    )


def test_floors_name_files_that_exist():
  named = [name for floor in FLOORS for name in floor]
  assert len(set(named)) == len(named)
  assert set(named) <= {path.stem for path in sources('advmix_jax')}


@pytest.mark.parametrize('name', MODEL_FREE)
def test_attack_and_encoder_know_no_model(name):
  assert not imports(ROOT / 'advmix_jax' / f'{name}.py') & set(MODELS)


@pytest.mark.parametrize('path', sources('experiments'), ids=ids)
def test_nothing_imports_experiments(path):
  for other in LIBRARY:
    assert f'experiments.{path.stem}' not in other.read_text(encoding='utf-8')


@pytest.mark.parametrize('path', EVERYTHING, ids=ids)
def test_pieces_are_short(path):
  text = path.read_text(encoding='utf-8')
  lines = len(text.splitlines())
  assert lines <= 400 or path.parent.name == 'tests', f'{lines} lines'
  for node in functions(ast.parse(text)):
    length = node.end_lineno - node.lineno + 1
    assert length <= 60, f'{node.name} has {length} lines'


@pytest.mark.parametrize('path', LIBRARY + sources('experiments'), ids=ids)
def test_public_objects_have_docstrings(path):
  tree = ast.parse(path.read_text(encoding='utf-8'))
  nodes = [tree, *tree.body]
  for node in tree.body:
    if isinstance(node, ast.ClassDef):
      nodes += node.body
  kinds = ast.Module | ast.FunctionDef | ast.ClassDef
  for node in nodes:
    name = getattr(node, 'name', '')
    if isinstance(node, kinds) and not name.startswith('_'):
      assert ast.get_docstring(node), f'{name or "the file"} has no docstring'


@pytest.mark.parametrize('path', LIBRARY, ids=ids)
def test_classes_are_modules_or_tuples(path):
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.ClassDef):
      bases = {ast.unparse(base) for base in node.bases}
      assert bases & {'hk.Module', 'NamedTuple', 'pickle.Unpickler'}, node.name


def test_no_path_of_a_machine():
  texts = [*EVERYTHING, *ROOT.glob('*.md'), ROOT / 'Makefile']
  # Written so that this file doesn't match itself.
  pattern = re.compile(r'(?<![\w.])/(?:wor[k]|roo[t]|hom[e]|User[s])/')
  for path in texts:
    found = pattern.search(path.read_text(encoding='utf-8'))
    assert not found, f'{path.name} mentions {found.group()}'
