"""Claims about experiments/plan.py and sweeps.py: which runs there are."""

import copy

import pytest
from helpers import paths, tiny_sweep

from advmix_jax import datasets, methods, training
from advmix_jax.report import records
from advmix_jax.runtime import run_folder


@pytest.fixture
def sweeps(plan):
  return plan.load(paths.EXPERIMENTS / 'sweeps.py')


def tiny(plan, scale='quick', **fields):
  """The runs of the tiny table, whose item has these fields more."""
  item = copy.deepcopy(tiny_sweep.ITEMS['table_tiny'])
  item['config'] |= fields
  return plan.expand({'table_tiny': item}, ['table_tiny'], scale)


def kinds(runs):
  return [run.kind for run in runs.values()]


def test_a_cell_has_its_stages_and_a_classifier_per_seed(plan):
  runs = tiny(plan)
  stages = ['generator', 'start', 'latents', 'measure']
  assert kinds(runs) == ['classifier'] * 2 + stages + ['classifier'] * 2
  by_kind = {run.kind: run for run in runs.values()}  # The last of each.
  last = by_kind['classifier']
  assert last.config['method'] == 'randmix' and last.seed == 1
  assert last.needs == {k: by_kind[k].key for k in stages[:3]}
  assert by_kind['latents'].needs.keys() == {'generator', 'start'}
  assert not next(iter(runs.values())).needs  # Nominal needs none.
  assert all(key == run.key for key, run in runs.items())


def test_needs_come_first(plan):
  runs = tiny(plan)
  found = plan.with_needs(runs, reversed(list(runs)))
  assert sorted(found) == sorted(runs)
  for key in found:
    needs = runs[key].needs.values()
    assert all(found.index(need) < found.index(key) for need in needs)


def test_the_key_changes_with_any_field_but_paths_and_test_fields(plan):
  same, other = tiny(plan), tiny(plan, **{'attack.eps': 0.5})
  shared = set(same) & set(other)
  assert {same[key].kind for key in shared} == {
    'generator',
    'start',
    'latents',
    'measure',
  }
  test_only = tiny(plan, **{'data.test_sigma': 0.0})
  assert {same[k].kind for k in set(same) & set(test_only)} == {
    same[k].kind for k in shared
  }
  config = next(iter(same.values())).config
  assert not {'data.data_dir', 'generator.path', 'encoder.path'} & set(config)
  complete = run_folder.flat(run_folder.plain(training.default_config()))
  fields = plan.key_fields
  left_out = {*fields.PATHS, *fields.MEMORY, *fields.ADDED}
  assert set(config) >= set(complete) - left_out


def test_the_runs_of_the_quick_scale_have_their_records(plan, sweeps):
  """But those of faces, whose keys depend on the images."""
  names = [n for n, i in sweeps.ITEMS.items() if not i.get('attacked')]
  runs = plan.expand(sweeps.ITEMS, names, 'quick')
  known = records.read(paths.EXPERIMENTS / 'results' / 'quick.jsonl')
  lacking = [run.name() for key, run in runs.items() if key not in known]
  assert not lacking, (
    'a new field of a config belongs in ADDED of experiments/key_fields.py'
  )


def test_a_field_that_came_later_changes_the_key_only_where_it_is_used(plan):
  runs = tiny(plan)
  assert not any('generator.split' in run.config for run in runs.values())
  same, other = (tiny(plan, **{'generator.split': n}) for n in (0, 7))
  assert set(same) == set(runs)
  changed = {runs[key].kind for key in set(runs) - set(other)}
  assert 'classifier' in changed and 'generator' not in changed


def test_scales_share_runs_of_the_same_config(plan):
  quick, full = tiny(plan), tiny(plan, 'full')
  assert len(set(full) - set(quick)) == 2  # The third seed of two methods.
  assert set(quick) - set(full) == {  # Without measure in the full scale.
    key for key, run in quick.items() if run.kind == 'measure'
  }


def test_items_share_runs_and_say_so(plan):
  item = tiny_sweep.ITEMS['table_tiny']
  items = {'a': item, 'b': item}
  runs = plan.expand(items, items, 'quick')
  assert set(runs) == set(tiny(plan))
  for run in runs.values():
    assert [cell[0] for cell in run.cells] == ['a', 'b']


def test_a_shipped_generator_needs_no_stages_but_is_in_the_key(
  plan, monkeypatch
):
  item = copy.deepcopy(tiny_sweep.ITEMS['table_tiny'])
  item['scales']['quick']['shipped'] = ('0',)
  first = plan.expand({'a': item}, ['a'], 'quick')
  assert sorted(set(kinds(first))) == ['classifier', 'measure']
  monkeypatch.setattr(plan, '_shipped_hash', lambda: 'another')
  second = plan.expand({'a': item}, ['a'], 'quick')
  kept = [first[key].config['method'] for key in set(first) & set(second)]
  assert kept == ['nominal', 'nominal']


def test_a_column_may_have_seeds_of_its_own(plan):
  item = copy.deepcopy(tiny_sweep.ITEMS['table_tiny'])
  item['columns']['1'] = {'data': {'sigma': 1.0}}
  item['scales']['quick']['seeds_of'] = {'1': (2, 3, 4)}
  runs = plan.expand({'a': item}, ['a'], 'quick').values()
  seeds = {
    (run.cells[0][2], run.seed) for run in runs if run.kind == 'classifier'
  }
  assert seeds == {('0', 0), ('0', 1), ('1', 2), ('1', 3), ('1', 4)}


def test_the_later_of_item_scale_column_and_row_decides(plan):
  item = copy.deepcopy(tiny_sweep.ITEMS['table_tiny'])
  row = item['rows']['RandMix']
  layers = [item, item['scales']['quick'], item['columns']['0'], row]
  for eps, layer in enumerate(layers, 1):
    layer['config'] = layer.get('config', {}) | {'attack.eps': float(eps)}
    runs = plan.expand({'a': item}, ['a'], 'quick').values()
    found = {
      run.config['attack.eps']
      for run in runs
      if run.kind == 'classifier' and run.cells[0][1] == 'RandMix'
    }
    assert found == {eps}


@pytest.mark.parametrize(
  ('field', 'value'), [('attack.esp', 0.1), ('attack.eps', 'big')]
)
def test_a_field_that_no_config_takes_is_named_with_its_cell(
  field, value, plan
):
  with pytest.raises(ValueError, match=f'table_tiny . Nominal . 0.*{field}'):
    tiny(plan, **{field: value})


def test_a_sweep_without_its_dict_is_named(plan, tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text('ITEMS = {}\n')
  assert plan.read(path, 'ITEMS') == {}
  with pytest.raises(ValueError, match='mine.py: has no FROM_SCRATCH'):
    plan.read(path, 'FROM_SCRATCH')


def test_estimates_grow_with_the_work(plan):
  small, large = (
    tiny(plan, **{'optimizer.epochs': epochs}) for epochs in (10, 1000)
  )

  def seconds(runs):
    return sum(r.seconds for r in runs.values() if r.kind == 'classifier')

  # Nominal: 0.05 ms for each of 16 images and 990 epochs more; RandMix: 0.15.
  more = 2 * 990 * 16 * (0.05 + 0.15) / 1000
  assert seconds(large) - seconds(small) == pytest.approx(more)


def test_advmix_costs_what_the_images_cost_that_it_looks_at(plan):
  config = training.default_config()
  config.method = 'advmix'

  def seconds(restarts, steps, resolution=32):
    config.attack.update(restarts=restarts, steps=steps)
    config.data = datasets.default_config('celeba')
    config.data.update(num_train=1000, resolution=resolution)
    return plan.costs.classifier(config)

  start = seconds(0, 0)
  # 6.5 ms for the ten of N_r = 5 and K = 1, for each of 1,000 images.
  epochs = config.optimizer.epochs
  assert seconds(5, 1) - start == pytest.approx(6.5 * epochs)
  assert seconds(5, 3) - start == pytest.approx(2 * 6.5 * epochs)
  assert seconds(5, 1, 64) - start == pytest.approx(4 * 6.5 * epochs)


def test_the_papers_values_belong_to_cells_that_exist(sweeps):
  for item in sweeps.ITEMS.values():
    for row, values in item.get('paper', {}).items():
      assert row in item['rows'] and set(values) <= set(item['columns'])
    for scale in item.get('scales', {}).values():
      assert set(scale.get('rows', ())) <= set(item['rows'])
      for name in ('columns', 'shipped'):
        assert set(scale.get(name, ())) <= set(item['columns'])


def test_every_item_can_be_planned_at_both_scales(plan, sweeps):
  for scale in plan.SCALES:
    runs = plan.expand(sweeps.ITEMS, sweeps.ITEMS, scale)
    served = {cell[0] for run in runs.values() for cell in run.cells}
    assert served == set(sweeps.ITEMS)
    methods_run = {run.config.get('method') for run in runs.values()} - {None}
    assert methods_run <= set(methods.METHODS)


def faces(plan, monkeypatch, sweeps, scale='quick', file_hash='abc'):
  """The runs of Tables 3 and 4."""
  monkeypatch.setattr(plan, '_shipped_hash', lambda name='': file_hash)
  names = ['table_3', 'table_4']
  return plan.expand(sweeps.ITEMS, names, scale)


def test_the_tables_of_faces_are_two_views_of_the_same_runs(
  plan, sweeps, monkeypatch
):
  runs = faces(plan, monkeypatch, sweeps)
  item = sweeps.ITEMS['table_3']
  cells = len(item['rows']) * (len(item['columns']) + 2)  # Smiling: 3 seeds.
  assert sorted(kinds(runs)) == ['classifier'] * cells + ['latents', 'start']
  for run in runs.values():
    assert [cell[0] for cell in run.cells[:1] + run.cells[-1:]] == [
      'table_3',
      'table_4',
    ]


def test_all_classifiers_of_faces_are_attacked_and_share_one_encoding(
  plan, sweeps, monkeypatch
):
  runs = faces(plan, monkeypatch, sweeps, 'full')
  (start,) = (run for run in runs.values() if run.kind == 'start')
  (latents,) = (run for run in runs.values() if run.kind == 'latents')
  assert start.given == 'face_generator.npz' and not start.needs
  assert start.config['generator.sha256'] == 'abc'
  assert latents.config['split'] == 'train,test'
  classifiers = [run for run in runs.values() if run.kind == 'classifier']
  assert len(classifiers) == 6 * 5 * 3  # Methods, attributes, seeds.
  for run in classifiers:
    assert run.config['attack'] and run.config['data.source'] == 'celeba'
    assert run.needs == {'start': start.key, 'latents': latents.key}
  assert {run.config['data.attribute'] for run in classifiers} == set(
    sweeps.ITEMS['table_3']['columns']
  )


def test_another_given_generator_is_another_plan(plan, sweeps, monkeypatch):
  first = faces(plan, monkeypatch, sweeps)
  second = faces(plan, monkeypatch, sweeps, file_hash='other')
  assert not set(first) & set(second)
