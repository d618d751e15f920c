"""From the dict of sweeps.py to runs: what each is, needs and costs.

  runs = plan.expand(sweeps.ITEMS, ['table_2'], 'quick')  # {key: Run}

A run is one resumable unit with one record. Its kind says which script does it:

  generator   train_stylegan.py      a StyleGAN on the data of a column
  start       train_encoder.py       the learned start of Algorithm 1
  latents     encode.py              of the classifier's training images, and of
                                     its test images where these are attacked
  measure     measure_generator.py   what the generator separates and draws
  classifier  train_and_test.py      one method, one seed; attacked or not
  figure      draw_figure.py         pictures

Its key is the hash of its config, without paths and options that save memory,
and of the keys of the runs that it needs. So two cells that need the same
generator share it, and any changed field makes another run.

Contents: SCALES, Run, load, read, expand, with_needs.
"""

import functools
import hashlib
import importlib.util
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import costs
import key_fields
import ml_collections

from advmix_jax import methods
from advmix_jax.runtime import files, run_folder, shipped

SCALES = ('quick', 'full')
HERE = pathlib.Path(__file__).resolve().parent

# Of no use before classifiers are tested.
_TEST_FIELDS = ('data.num_test', 'data.test_sigma')

# Which configs the runs of an item complete, where it doesn't say.
_CONFIGS = {
  'classifier': 'colored_mnist',
  'generator': 'stylegan',
  'encoder': 'encoder',
}

Fields = dict[str, Any]  # {'attack.eps': 0.03}: a flattened config.
Cell = tuple[str, str, str]  # (item, row, column)


class Run(NamedTuple):
  """One unit of work. Its outputs lie in a folder that is named by its key."""

  kind: str
  script: str  # In experiments/.
  options: Fields  # Changed fields of the config, as on the command line.
  config: Fields  # The complete config without paths; JSON values.
  needs: dict[str, str]  # {kind: key}
  seed: int
  output: str  # The file in the folder that exists once the run is done.
  seconds: float  # Estimated, on two idle cores.
  cells: tuple[Cell, ...] = ()  # What it serves.
  given: str = ''  # A generator's file that a learned start is for.
  key: str = ''
  config_name: str = ''  # configs/<name>.py; '': the script reads none.

  def name(self) -> str:
    """What progress lines and errors call this run."""
    return ' | '.join([*self.cells[0], f'{self.kind}, seed {self.seed}'])


@functools.cache
def load(path: str | os.PathLike):
  """The module in a file, such as a config or sweeps.py.

  Raises:
    FileNotFoundError, ValueError: there is none, or it is no Python file.
  """
  path = pathlib.Path(path)
  if path.suffix != '.py':
    raise ValueError(f'{path}: expected a Python file, NAME.py')
  spec = importlib.util.spec_from_file_location(path.stem, path)
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except (SyntaxError, ImportError, NameError) as error:
    raise ValueError(f'{path}: {error}') from error
  return module


def read(path: str | os.PathLike, name: str) -> Any:
  """ITEMS or FROM_SCRATCH of a file such as sweeps.py; ValueError without."""
  found = getattr(load(path), name, None)
  if not isinstance(found, dict):
    raise ValueError(f'--sweeps={path}: has no {name}, expected a dict')
  return found


def _complete(name: str, options: Fields) -> ml_collections.ConfigDict:
  """That config with changed fields.

  Raises:
    ValueError: the config has no such field, or one of another type.
  """
  config = load(HERE / 'configs' / f'{name}.py').get_config().lock()
  for field, value in options.items():
    try:
      config.update_from_flattened_dict({field: value})
    except (KeyError, TypeError) as error:
      raise ValueError(
        f'configs/{name}.py does not take {field}={value!r}: {error}'
      ) from error
  return config


def _finish(run: Run) -> Run:
  """The run without paths in its config, and with its key."""
  config = {
    k: v for k, v in run.config.items() if not key_fields.left_out(k, v)
  }
  text = json.dumps([run.kind, config, run.needs], sort_keys=True)
  key = hashlib.sha256(text.encode()).hexdigest()[:16]
  return run._replace(config=config, key=key)


def _stage(kind, script, config_name, options, needs, output) -> Run:
  """A run that makes something for others."""
  config = _complete(config_name, options)
  flat = run_folder.flat(run_folder.plain(config))
  seconds = getattr(costs, kind)(config)
  seed = flat['seed']
  run = Run(kind, script, options, flat, needs, seed, output, seconds)
  return _finish(run._replace(config_name=config_name))


class _Cell(NamedTuple):
  """The changed fields that an item, its scale, a column and a row add up to.

  `data` goes to classifier and generator alike, before their own fields.
  """

  item: str
  row: str
  column: str
  config: Fields  # Of the classifier.
  generator: Fields
  start: Fields  # Of the learned start's training.
  encoder: Fields
  shipped: bool  # Whether the shipped generator serves.
  recolour: bool  # Whether classifiers are tested in other colours, too.
  attacked: bool  # Whether they are attacked: then all need a generator.
  configs: Mapping[str, str]  # Names of the configs of each kind.
  given: str  # A generator's file, whose start and latents are made; or ''.
  identity: Fields  # What tells the images from others of the same config.
  measure: Fields | None


def _merged(layers: Iterable[Mapping], name: str, prefix: str = '') -> Fields:
  fields = {}
  for layer in layers:
    fields |= {prefix + k: v for k, v in layer.get(name, {}).items()}
  return fields


def _cell(name, item, scale, row, column) -> _Cell:
  own = item['rows'][row]
  layers = [item, scale, item['columns'][column], own]
  data = _merged(layers, 'data', 'data.')
  config = data | _merged(layers, 'config')
  if config.get('generator.name') == 'ideal':
    config |= _merged(layers, 'ideal', 'generator.')
  return _Cell(
    item=name,
    row=row,
    column=column,
    config=config,
    generator=data | _merged(layers, 'generator'),
    start=_merged(layers, 'start', 'inversion.'),
    encoder=_merged(layers, 'encoder', 'encoder.'),
    recolour=item.get('recolour', False),
    attacked=item.get('attacked', False),
    configs=_CONFIGS | item.get('configs', {}),
    given=item.get('given', ''),
    identity=item.get('identity', {}),
    shipped=column in scale.get('shipped', ()) and 'generator' not in own,
    measure=scale.get('measure'),
  )


def _generator_runs(cell: _Cell) -> dict[str, Run]:
  """{kind: Run} of a StyleGAN and its learned start; {} for the shipped one.

  A given generator is not trained, but has a learned start.
  """
  if cell.shipped:
    return {}
  made = {}
  if not cell.given:
    made['generator'] = _stage(
      'generator',
      'train_stylegan.py',
      cell.configs['generator'],
      cell.generator,
      {},
      'generator.npz',
    )
  data = {k: v for k, v in cell.generator.items() if k.startswith('data.')}
  options = data | cell.start | cell.encoder | _of_given(cell)
  name = cell.configs['encoder']
  if cell.given or _complete(name, options).encoder.start == 'network':
    needs = {kind: run.key for kind, run in made.items()}
    run = _stage(
      'start', 'train_encoder.py', name, options, needs, 'encoder.npz'
    )
    made['start'] = _given(run, cell) if cell.given else run
  return made


def _given(run: Run, cell: _Cell) -> Run:
  """The learned start of a given generator, named by its hash."""
  more = {'generator.sha256': _shipped_hash(cell.given)} | cell.identity
  return _finish(run._replace(config=run.config | more, given=cell.given))


def _of_given(cell: _Cell) -> Fields:
  """The options of a given generator, such as the size of its images."""
  if not cell.given:
    return {}
  return {k: v for k, v in cell.config.items() if k.startswith('generator.')}


def _latents_run(cell: _Cell, made: dict[str, Run]) -> Run:
  """The encoding of the training images, and of test images to attack."""
  unused = ('data.attribute',) if cell.attacked else _TEST_FIELDS
  data = {
    k: v
    for k, v in cell.config.items()
    if k.startswith('data.') and k not in unused
  }
  options = data | cell.encoder | _of_given(cell)
  needs = {kind: run.key for kind, run in made.items()}
  name = cell.configs['classifier']
  run = _stage('latents', 'encode.py', name, options, needs, 'latents.npz')
  relevant = {
    k: v for k, v in run.config.items() if k.startswith(('data.', 'encoder.'))
  }
  relevant |= {'split': 'train,test'} if cell.attacked else {}
  return _finish(run._replace(config=relevant | {'seed': run.seed}))


def _measure_run(cell: _Cell, made: dict[str, Run]) -> Run:
  needs = {kind: run.key for kind, run in made.items() if kind == 'generator'}
  run = Run(
    kind='measure',
    script='measure_generator.py',
    options=cell.measure,
    config=cell.measure | _shipped(made),
    needs=needs,
    seed=0,
    output='results.json',
    seconds=costs.MEASURE,
  )
  return _finish(run)


def _classifier_run(
  cell: _Cell, made: dict[str, Run], seed: int, mixes: bool
) -> Run:
  run = _stage(
    'classifier',
    'train_and_test.py',
    cell.configs['classifier'],
    cell.config | {'seed': seed},
    {kind: run.key for kind, run in made.items()},
    'results.json',
  )
  flags = {'recolour': cell.recolour, 'attack': cell.attacked}
  more = {name: True for name, given in flags.items() if given}
  more |= _shipped(made) if mixes else {}
  return _finish(run._replace(config=run.config | more))


@functools.cache
def _shipped_hash(name: str = 'generator.npz') -> str:
  return files.file_hash(shipped.DATA / name)


def _shipped(made: dict[str, Run]) -> Fields:
  """Says which generator was the shipped one, where that one serves."""
  return {} if made else {'generator.sha256': _shipped_hash()}


def _runs_of(cell: _Cell, seeds: Iterable[int], generator_name: str):
  """Yields the runs of one cell, each after those that it needs."""
  config = _complete(cell.configs['classifier'], cell.config)
  made = {}
  mixes = cell.attacked or config.method in methods.NEEDS_LATENTS
  mixes = mixes and config.generator.name != 'ideal'
  if mixes:
    made = _generator_runs(cell)
    if made:
      made['latents'] = _latents_run(cell, made)
    label = (cell.item, generator_name, cell.column)
    for run in made.values():
      yield run._replace(cells=(label,))
    if cell.measure is not None:
      yield _measure_run(cell, made)._replace(cells=(label,))
  for seed in seeds:
    run = _classifier_run(cell, made, seed, mixes)
    yield run._replace(cells=((cell.item, cell.row, cell.column),))


def _figure_run(name: str, item: Mapping) -> Run:
  options = {'figure': name}
  drawn_by = item.get('given')  # A shipped generator: another one, another key.
  more = {'generator.sha256': _shipped_hash(drawn_by)} if drawn_by else {}
  run = Run(
    kind='figure',
    script='draw_figure.py',
    options=options,
    config=options | more,
    needs={},
    seed=0,
    output='pictures.json',
    seconds=costs.FIGURE,
    cells=((name, '', ''),),
  )
  return _finish(run)


def _item_runs(name: str, item: Mapping, scale_name: str):
  if 'rows' not in item:
    yield _figure_run(name, item)
    return
  scale = item['scales'][scale_name]
  for column in scale.get('columns', item['columns']):
    seeds = scale.get('seeds_of', {}).get(column, scale['seeds'])
    for row in scale.get('rows', item['rows']):
      cell = _cell(name, item, scale, row, column)
      label = item['rows'][row].get('generator_name', 'StyleGAN')
      try:
        yield from _runs_of(cell, seeds, label)
      except ValueError as error:
        raise ValueError(f'{name} | {row} | {column}: {error}') from error


def expand(
  items: Mapping[str, Mapping], names: Iterable[str], scale: str
) -> dict[str, Run]:
  """All runs of some items, {key: Run}, each after those that it needs.

  Args:
    items: As sweeps.ITEMS.
    names: Which of them.
    scale: One of SCALES.

  Raises:
    ValueError: A field that the configs don't have, or a bad value.
  """
  runs: dict[str, Run] = {}
  for name in names:
    for run in _item_runs(name, items[name], scale):
      earlier = runs.get(run.key, run).cells
      cells = tuple(dict.fromkeys(earlier + run.cells))
      runs[run.key] = run._replace(cells=cells)
  return runs


def with_needs(runs: Mapping[str, Run], keys: Iterable[str]) -> list[str]:
  """These keys and those of all that they need, needs first."""
  found: dict[str, None] = {}

  def visit(key):
    for need in runs[key].needs.values():
      visit(need)
    found[key] = None

  for key in keys:
    visit(key)
  return list(found)
