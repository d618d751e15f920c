"""The rules of the code, by reading it: imports, lengths, docstrings."""

import ast
import re

import pytest
from helpers.paths import ROOT
from importlinter import cli as importlinter

PACKAGES = ('advmix_jax', 'checkpoints_convert')


def test_imports_go_down():
  """The layers, and who may not know a model: contracts in pyproject.toml."""
  code = importlinter.lint_imports(
    config_filename=str(ROOT / 'pyproject.toml'), no_cache=True
  )
  assert code == importlinter.EXIT_STATUS_SUCCESS


def sources(*folders):
  """Python files of some folders of the project, sorted."""
  return sorted(
    path for folder in folders for path in (ROOT / folder).rglob('*.py')
  )


def ids(path):
  return str(path.relative_to(ROOT))


def functions(tree):
  return [
    node
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
  ]


LIBRARY = sources(*PACKAGES)
EVERYTHING = [
  *sources(*PACKAGES, 'examples', 'experiments', 'tests'),
  ROOT / 'setup.py',
]


@pytest.mark.parametrize('path', sources('experiments'), ids=ids)
def test_nothing_imports_experiments(path):
  for other in LIBRARY:
    assert f'experiments.{path.stem}' not in other.read_text(encoding='utf-8')


def test_the_map_has_every_module():
  text = (ROOT / 'WORKSPACE.md').read_text(encoding='utf-8')
  places = text.partition('## Where things are')[2].partition('\n## ')[0]
  named = set(re.findall(r'\w+', places))
  found = {path.stem for path in sources('advmix_jax')} - {'__init__'}
  assert found <= named, f'WORKSPACE.md lacks {sorted(found - named)}'


@pytest.mark.parametrize('path', EVERYTHING, ids=ids)
def test_pieces_are_short(path):
  text = path.read_text(encoding='utf-8')
  lines = len(text.splitlines())
  place = path.relative_to(ROOT).parts[0]
  assert lines <= 400 or place == 'tests', f'{lines} lines'
  for node in functions(ast.parse(text)):
    length = node.end_lineno - node.lineno + 1
    assert length <= 60, f'{node.name} has {length} lines'


@pytest.mark.parametrize(
  'path', LIBRARY + sources('examples', 'experiments'), ids=ids
)
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
  texts += [*ROOT.glob('docs/*.md'), *ROOT.glob('experiments/results/*.jsonl')]
  # Written so that this file doesn't match itself.
  pattern = re.compile(r'(?<![\w.])/(?:wor[k]|roo[t]|hom[e]|User[s])/')
  for path in texts:
    found = pattern.search(path.read_text(encoding='utf-8'))
    assert not found, f'{path.name} mentions {found.group()}'


def _starts_processes(node):
  """Whether a piece of source starts a process, or imports what does."""
  if isinstance(node, ast.Call):
    name = ast.unparse(node.func)
    return name.startswith('subprocess.') or name in ('os.fork', 'os.system')
  if isinstance(node, ast.Attribute):
    return ast.unparse(node) == 'sys.executable'
  if isinstance(node, ast.ImportFrom):
    modules = [node.module]
  elif isinstance(node, ast.Import):
    modules = [alias.name for alias in node.names]
  else:
    return False
  # `import subprocess` alone is allowed: a test of pickles names its functions.
  starters = ['processes', 'multiprocessing']
  if isinstance(node, ast.ImportFrom):
    starters.append('subprocess')
  return any(m and m.split('.')[0] in starters for m in modules)


@pytest.mark.parametrize('path', sources('tests'), ids=ids)
def test_only_tests_processes_starts_processes(path):
  nodes = ast.walk(ast.parse(path.read_text(encoding='utf-8')))
  lines = [node.lineno for node in nodes if _starts_processes(node)]
  inside = ROOT / 'tests' / 'processes' in path.parents
  assert inside or not lines, f'lines {lines}: move this to tests/processes/'
