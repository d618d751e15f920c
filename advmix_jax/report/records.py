"""Files of records: one JSON line per run, whose results nothing changes.

  records.add('results/quick.jsonl', record)  # unless its key is there
  found = records.read('results/quick.jsonl')  # {key: record}, oldest first

A record of experiments/reproduce.py has key, kind, scale, cells (the [item,
row, column] that it serves), seed, config, commit, command, seconds, cores and
results.

Contents: Record, read, read_runs, add, relabel, serves, newest, has_converged.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import filelock

from advmix_jax.runtime import files, untrusted

Record = Mapping[str, Any]

_CONFLICT = ('<<<<<<<', '=======', '>>>>>>>')  # Lines that git adds.
# What a page reads of each record.
_FIELDS = ('kind', 'cells', 'seed', 'config', 'seconds', 'results')

# Kinds of which a page shows a cell's newest config alone.
_NEWEST = ('classifier', 'figure')


def read(path: str | os.PathLike) -> dict[str, Record]:
  """The records of a file by their keys, oldest first; {} without a file.

  Raises:
    ValueError: A line is no record.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return {}
  found = {}
  try:
    lines = path.read_text(encoding='utf-8').splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(f'{path}: {error}, expected JSON lines') from error
  for number, line in enumerate(lines, 1):
    try:
      record = untrusted.parse_json(line)
      found[record['key']] = record
    except (ValueError, KeyError, TypeError) as error:
      reason = untrusted.first_line(error)
      if line.startswith(_CONFLICT):
        reason = 'of a merge conflict: keep the lines of both sides'
      raise ValueError(
        f'{path}, line {number}: no record of a run ({reason})'
      ) from error
  return found


def read_runs(path: str | os.PathLike) -> list[Record]:
  """The records of a file of experiments/reproduce.py, oldest first.

  Raises:
    ValueError: A line is no record, or lacks a field.
  """
  found = read(path)
  for key, record in found.items():
    if lacking := [name for name in _FIELDS if name not in record]:
      raise ValueError(f'{path}: the record {key!r} has no {lacking[0]!r}')
  return list(found.values())


def add(path: str | os.PathLike, record: Record) -> None:
  """Appends a record, unless the file has one of that key."""

  def change(found):
    return found if record['key'] in found else found | {record['key']: record}

  _rewrite(path, change)


def relabel(
  path: str | os.PathLike,
  cells: Mapping[str, Sequence[Sequence[str]]],
  items: Iterable[str],
) -> None:
  """Says anew which cells records serve, and makes them the newest.

  Where the newest record of a cell has another config, these move to the end of
  the file: they have been asked for since.

  Args:
    path: The file.
    cells: {key: all cells that the record serves of these items}.
    items: Names of items; a record's cells of other ones stay.
  """
  items = set(items)

  def change(found):
    for key, wanted in cells.items():
      kept = [list(c) for c in found[key]['cells'] if c[0] not in items]
      new = kept + [list(cell) for cell in wanted]
      if sorted(new) != sorted(map(list, found[key]['cells'])):
        found[key] = dict(found[key], cells=new)
    last = {key: found.pop(key) for key in _hidden(found, cells)}
    return found | last

  _rewrite(path, change)


def _hidden(found, cells):
  """Which keys have a cell whose newest record is of another config."""
  shown = {
    (record['kind'], *cell): record
    for record in found.values()
    if record['kind'] in _NEWEST
    for cell in record['cells']
  }
  return [
    key
    for key, wanted in cells.items()
    if (kind := found[key]['kind']) in _NEWEST
    and any(
      _without_seed(shown[kind, *cell]) != _without_seed(found[key])
      for cell in wanted
    )
  ]


def _rewrite(path, change):
  """Reads, changes and writes a file of records, one process at a time."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with filelock.FileLock(path.with_suffix('.lock')):
    old = read(path)
    new = change(dict(old))
    if list(new.items()) != list(old.items()):  # Their order counts, too.
      text = ''.join(json.dumps(record) + '\n' for record in new.values())
      files.write_text(path, text)


def serves(record: Record, item: str, row: str, column: str) -> bool:
  """Whether a record is for that cell."""
  return [item, row, column] in [list(cell) for cell in record['cells']]


def newest(
  records: Iterable[Record], item: str, row: str, column: str
) -> list[Record]:
  """The records of one cell's classifiers, one for each seed.

  All have the config of the newest record, but for the seed, and need the same
  runs: the same generator and latents.

  Args:
    records: Oldest first.
    item: The cell's item.
    row: Its row.
    column: Its column.
  """
  found = [
    record
    for record in records
    if record['kind'] == 'classifier' and serves(record, item, row, column)
  ]
  configs = [_without_seed(record) for record in found]
  by_seed = {
    record['seed']: record
    for record, config in zip(found, configs, strict=True)
    if config == configs[-1]
  }
  return list(by_seed.values())


def _without_seed(record):
  config = {k: v for k, v in record['config'].items() if k != 'seed'}
  return json.dumps([config, record.get('needs')], sort_keys=True)


def has_converged(record: Record) -> bool:
  """Whether its attack has; True where nothing was attacked."""
  return record['results'].get('converged', True)
