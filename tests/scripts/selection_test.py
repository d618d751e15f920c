"""Claims about experiments/selection.py: which runs of a plan one call does."""

import importlib

import pytest
from helpers import paths


@pytest.fixture
def selection(plan):
  return importlib.import_module('selection')


@pytest.fixture
def figure_7(plan):
  items = plan.load(paths.EXPERIMENTS / 'sweeps.py').ITEMS
  return plan.expand(items, ['figure_7'], 'full')


def test_a_part_has_the_classifiers_that_it_names(selection, figure_7):
  keys = selection.part(
    figure_7, columns=['0', '0.4'], rows=['Nominal', 'AdvMix'], seeds=[1]
  )
  *made, measured = [figure_7[key] for key in keys]
  found = sorted((*run.cells[0][1:], run.seed) for run in made)
  assert found == [
    (row, column, 1) for row in ('AdvMix', 'Nominal') for column in ('0', '0.4')
  ]
  # That of sigma = 0 ships and has a record.
  assert measured.kind == 'measure' and measured.cells[0][2] == '0.4'


def test_without_wishes_a_part_is_all(selection, figure_7):
  assert selection.part(figure_7) == list(figure_7)


def test_the_parts_of_all_seeds_are_all_classifiers(selection, figure_7):
  parts = [selection.part(figure_7, seeds=[seed]) for seed in (0, 1, 2)]
  made = [key for key in figure_7 if figure_7[key].kind == 'classifier']
  found = [k for k in sum(parts, []) if figure_7[k].kind == 'classifier']
  assert sorted(found) == sorted(made)


@pytest.mark.parametrize(
  ('wish', 'message'),
  [
    ({'columns': ['0.3']}, "--column has '0.3', expected some of .'0', '0.05'"),
    ({'rows': ['advmix']}, "--row has 'advmix', expected some of .'Nominal'"),
    ({'seeds': [7]}, '--seeds has 7, expected some of .0, 1, 2'),
  ],
)
def test_what_no_run_has_is_named(wish, message, selection, figure_7):
  with pytest.raises(ValueError, match=message):
    selection.part(figure_7, **wish)


def test_a_part_that_is_empty_is_refused(selection, plan):
  item = dict(plan.load(paths.EXPERIMENTS / 'sweeps.py').ITEMS['figure_7'])
  one = {'seeds': (0,), 'seeds_of': {'0': (1,)}, 'columns': ('0', '1')}
  item['scales'] = {'quick': one}
  runs = plan.expand({'a': item}, ['a'], 'quick')
  with pytest.raises(ValueError, match='no run has all of these'):
    selection.part(runs, columns=['0'], seeds=[0])


def test_shards_share_no_run_that_needs_a_trained_generator(selection, plan):
  items = plan.load(paths.EXPERIMENTS / 'sweeps.py').ITEMS
  runs = plan.expand(items, ['table_2', 'figure_7'], 'full')
  shards = [
    set(plan.with_needs(runs, selection.shard(runs, runs, f'{i}/3')))
    for i in (1, 2, 3)
  ]
  assert all(shards) and set.union(*shards) == set(runs)
  assert sum(map(len, shards)) == len(runs)


def test_shards_split_what_needs_a_generator_that_ships(selection, plan):
  items = plan.load(paths.EXPERIMENTS / 'sweeps.py').ITEMS
  runs = plan.expand(items, ['table_3'], 'full')
  shards = [set(selection.shard(runs, runs, f'{i}/2')) for i in (1, 2)]
  assert all(shards) and set.union(*shards) == set(runs)
  assert not set.intersection(*shards)
