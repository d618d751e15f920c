"""Claims about advmix_jax/report/records.py."""

import pytest

from advmix_jax.report import records


def record(key, *cells, kind='classifier', seed=0, **config):
  return {
    'key': key,
    'kind': kind,
    'cells': [list(cell) for cell in cells],
    'seed': seed,
    'config': {'seed': seed} | config,
  }


def test_records_are_read_in_the_order_they_were_added(tmp_path):
  path = tmp_path / 'results' / 'full.jsonl'
  assert records.read(path) == {}
  for key in 'bac':
    records.add(path, record(key))
  assert list(records.read(path)) == ['b', 'a', 'c']
  assert len(path.read_text().splitlines()) == 3


def test_a_key_has_one_record_and_the_first_one_stays(tmp_path):
  path = tmp_path / 'full.jsonl'
  records.add(path, record('a', ('table_1', 'AdvMix', '0')))
  before = path.read_bytes()
  records.add(path, record('a'))
  assert path.read_bytes() == before


def test_a_record_can_serve_further_cells(tmp_path):
  path = tmp_path / 'full.jsonl'
  first, second = ('table_1', 'AdvMix', '0'), ('figure_7', 'AdvMix', '0')
  records.add(path, record('a', first))
  records.relabel(path, {'a': [second]}, ['figure_7'])
  assert records.read(path)['a']['cells'] == [list(first), list(second)]
  before = path.stat().st_mtime_ns
  records.relabel(path, {'a': [second, first]}, ['figure_7', 'table_1'])
  assert path.stat().st_mtime_ns == before


def test_a_record_leaves_the_cells_that_another_run_has_taken(tmp_path):
  # A default has changed: the old run is now the row that names the old value.
  path = tmp_path / 'full.jsonl'
  other = ('figure_7', 'AdvMix', '0')
  records.add(path, record('a', ('table_2', 'AdvMix', '0'), other))
  new = ('table_2', 'AdvMix, free gate', '0')
  records.relabel(path, {'a': [new]}, ['table_2'])
  assert records.read(path)['a']['cells'] == [list(other), list(new)]


def test_the_config_that_was_asked_for_last_is_the_newest(tmp_path):
  path = tmp_path / 'full.jsonl'
  cell = ('table_3', 'AdvMix', 'Smiling')
  asked = {'a0': [cell], 'a1': [cell]}
  for seed, name in enumerate(asked):
    records.add(path, record(name, cell, seed=seed, width=1))
  records.add(path, record('b', cell, width=2))

  def shown():
    found = records.newest(records.read(path).values(), *cell)
    return [r['key'] for r in found]

  assert shown() == ['b']
  records.relabel(path, asked, ['table_3'])  # Both were done: nothing ran.
  assert shown() == ['a0', 'a1']
  before = path.stat().st_mtime_ns
  records.relabel(path, {'a0': [cell]}, ['table_3'])  # A part of the same.
  assert path.stat().st_mtime_ns == before
  records.relabel(path, {'b': [cell]}, ['table_3'])
  assert shown() == ['b']


def test_generators_of_one_cell_keep_their_order(tmp_path):
  # A cell may need several encodings, and the page shows all that there are.
  path = tmp_path / 'full.jsonl'
  cell = ('table_2', 'StyleGAN', '0')
  for name in 'ab':
    records.add(path, record(name, cell, kind='latents', width=name))
  records.relabel(path, {'a': [cell]}, ['table_2'])
  assert list(records.read(path)) == ['a', 'b']


@pytest.mark.parametrize('line', ['{"cells": []}', '{"key"', '[]'])
def test_a_line_that_is_no_record_is_named(line, tmp_path):
  path = tmp_path / 'full.jsonl'
  path.write_text(f'{{"key": "a", "cells": []}}\n{line}\n')
  with pytest.raises(ValueError, match='full.jsonl, line 2: no record'):
    records.read(path)


@pytest.mark.parametrize(
  'text, message',
  [
    (
      b'<<<<<<< ours\n',
      'line 1: no record of a run .of a merge conflict: keep',
    ),
    (b'{"key": "\xff"}\n', 'full.jsonl: .* expected JSON lines'),
    (b'{"key": "a", "kind": "figure"}\n', "the record 'a' has no 'cells'"),
  ],
)
def test_what_is_no_record_is_one_clear_line(tmp_path, text, message):
  path = tmp_path / 'full.jsonl'
  path.write_bytes(text)
  with pytest.raises(ValueError, match=message) as error:
    records.read_runs(path)
  assert '\n' not in str(error.value) and 'full.jsonl' in str(error.value)
