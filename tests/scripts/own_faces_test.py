"""Claims about experiments/own_faces.py: the faces of a user in the tables."""

import importlib

import pytest
from helpers import made_images, paths

NAMES = ('table_3', 'table_4')


@pytest.fixture
def own_faces(plan):
  return importlib.import_module('own_faces')


@pytest.fixture
def items(plan):
  return plan.load(paths.EXPERIMENTS / 'sweeps.py').ITEMS


def with_generator(own_faces, items, tmp_path, *options, content=b'one'):
  path = tmp_path / 'own.npz'
  path.write_bytes(content)
  return own_faces.replaced(items, generator=str(path), options=options)


def test_another_generator_and_its_options_are_in_every_run(
  own_faces, plan, items, tmp_path
):
  first = plan.expand(items, NAMES, 'quick')
  changed = with_generator(own_faces, items, tmp_path, 'size=64', 'remat=true')
  second = plan.expand(changed, NAMES, 'quick')
  assert len(first) == len(second) and not set(first) & set(second)
  for run in second.values():
    assert run.options['generator.size'] == 64
    assert run.options['generator.remat'] is True
    # 8, the split of the items, is that of the generator that ships.
    assert 'generator.split' not in run.options
    own = str(tmp_path / 'own.npz') if run.kind == 'start' else ''
    assert run.given == own
  plan._shipped_hash.cache_clear()
  other = with_generator(own_faces, items, tmp_path, content=b'two')
  assert not set(plan.expand(other, NAMES, 'quick')) & set(second)
  plan._shipped_hash.cache_clear()


def test_a_table_with_a_size_of_its_own_keeps_its_generator(
  own_faces, items, tmp_path
):
  changed = with_generator(own_faces, items, tmp_path, 'size=64')
  kept = [name for name in changed if changed[name] == items[name]]
  assert {'table_3_small', 'table_4_small'} < set(kept)
  assert not set(NAMES) & set(kept)


def test_nothing_is_changed_for_the_generator_that_ships(own_faces, items):
  assert own_faces.replaced(items, generator='', options=()) == items


def test_other_images_are_other_runs_in_tables_of_faces_alone(
  own_faces, plan, items, tmp_path
):
  found = {}
  for name, count in (('a', 6), ('b', 12)):
    (tmp_path / name).mkdir()
    made_images.write_celeba(tmp_path / name, count=count)
    changed = own_faces.identified(items, str(tmp_path / name))
    found[name] = plan.expand(changed, [*NAMES, 'table_2'], 'quick')
  shared = [found['a'][key] for key in set(found['a']) & set(found['b'])]
  assert {cell[0] for run in shared for cell in run.cells} == {'table_2'}
  assert len(shared) == len(plan.expand(items, ['table_2'], 'quick'))


@pytest.mark.parametrize(
  'option', ['size', 'size=', '=64', '', 'sizes=64', 'path=x', 'name=ideal']
)
def test_a_bad_option_is_named_with_the_known_ones(own_faces, items, option):
  with pytest.raises(ValueError, match='--celeba_options has') as caught:
    own_faces.replaced(items, generator='', options=[option])
  assert repr(option) in str(caught.value)
  assert 'size, ' in str(caught.value) and 'split, ' in str(caught.value)


def test_options_are_written_as_in_configs(own_faces, items):
  given = ['size=64', 'remat=True', 'dtype=bfloat16']
  changed = own_faces.replaced(items, generator='', options=given)
  config = changed['table_3']['config']
  found = [config[f'generator.{name}'] for name in ('size', 'remat', 'dtype')]
  assert found == [64, True, 'bfloat16']
  lower = own_faces.replaced(items, generator='', options=['remat=true'])
  assert lower['table_3']['config']['generator.remat'] is True


def test_what_saves_memory_makes_no_other_runs(own_faces, plan, items):
  saving = own_faces.replaced(items, generator='', options=['microbatch=4'])
  assert plan.expand(items, NAMES, 'quick').keys() == (
    plan.expand(saving, NAMES, 'quick').keys()
  )


def test_a_missing_generator_is_named(own_faces, items, tmp_path):
  missing = str(tmp_path / 'nowhere.npz')
  with pytest.raises(FileNotFoundError, match='nowhere.npz: no such file'):
    own_faces.replaced(items, generator=missing, options=())
