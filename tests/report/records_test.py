"""Claims about advmix_jax/report/records.py."""

import pytest

from advmix_jax.report import records


def record(key, *cells):
  return {'key': key, 'cells': [list(cell) for cell in cells]}


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


@pytest.mark.parametrize('line', ['{"cells": []}', '{"key"', '[]'])
def test_a_line_that_is_no_record_is_named(line, tmp_path):
  path = tmp_path / 'full.jsonl'
  path.write_text(f'{{"key": "a", "cells": []}}\n{line}\n')
  with pytest.raises(ValueError, match='full.jsonl, line 2: no record'):
    records.read(path)
