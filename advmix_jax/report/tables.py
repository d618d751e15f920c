"""Tables from the records of runs; the same records give the same bytes.

  print(tables.markdown_table(records))

Contents: Record, method_name, search_name, doubts, doubts_note, differences,
table_rows, interval_note, markdown_table, summary.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from advmix_jax.report import statistics

Record = Mapping[str, Any]  # The content of a run's results.json.

_NAMES = {
  'nominal': 'Nominal',
  'mixup': 'mixup',
  'cutout': 'Cutout',
  'cutmix': 'CutMix',
  'irm': 'IRM',
  'adversarial_training': 'Adversarial training',
  'randmix': 'RandMix',
  'advmix': 'AdvMix',
}
# What a record says of its attack, and what is said where that is not so.
_DOUBTS = {'valid': 'not valid', 'converged': 'not converged'}
_MEANING = {
  'not valid': ' Not valid: a check of the attack (a gate) failed.',
  'not converged': (
    ' Not converged: the last restarts, or a longer search, still found more, '
    'so the accuracy is an upper bound.'
  ),
}
_COLUMNS = ('clean', 'perturbed')  # Of results.json: <column>_accuracy.


def method_name(method: str) -> str:
  """The name that tables print for `config.method`."""
  return _NAMES.get(method, method)


def _cell(records: Sequence[Record], column: str) -> str:
  """One method's accuracy in one column, with its interval."""
  values = [(r[f'{column}_accuracy'], r['ci95'][column]) for r in records]
  if any(value is None for value, _ in values):
    return '-'
  shown = statistics.percent(*statistics.over_seeds(values))
  return shown + doubts(records) * (column == 'perturbed')


def doubts(records: Sequence[Record]) -> str:
  """What follows an accuracy under attack in a table; '' where nothing does.

  Args:
    records: Of one method, one for each seed.
  """
  found = [
    words
    for field, words in _DOUBTS.items()
    if not all(r.get(field, True) for r in records)
  ]
  return ''.join(f', {words}' for words in found)


def doubts_note(records: Sequence[Record]) -> str:
  """What these words mean, where a table of the records has them."""
  found = doubts(records)
  return ''.join(text for words, text in _MEANING.items() if words in found)


def search_name(attack: Record) -> str:
  """What tables call the search for mixes, of a record's perturbed_attack."""
  if attack.get('direction') == 'corners':  # Older records have none.
    return 'Search without gradients'
  return 'Algorithm 2'


def _attack_name(attack: Record) -> str:
  """'Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03)', and a unit but w."""
  fields = [f'{k}={attack[k]:g}' for k in ('N_r', 'K', 'alpha', 'eps')]
  if attack.get('unit', 'w') != 'w':  # Older records have no unit.
    fields.append(f'unit={attack["unit"]}')
  return f'{search_name(attack)} ({", ".join(fields)})'


def differences(first: Record, second: Record, names: Iterable[str]) -> str:
  """In which of these fields two records differ, with both values; '' if none.

  A field that is missing is None.
  """
  return ', '.join(
    f'{name} is {first.get(name)} and {second.get(name)}'
    for name in names
    if first.get(name) != second.get(name)
  )


def table_rows(records: Sequence[Record]) -> list[list[str]]:
  """Header and one row per method, in the order of first appearance.

  Args:
    records: Runs of the same data, attack and seeds, in any order.

  Returns:
    Rows of cells; accuracies are percentages with their interval.

  Raises:
    ValueError: There are no records, their attacks or the numbers of attacked
      images differ, or not all methods have the same seeds; the cells would not
      be comparable.
  """
  if not records:
    raise ValueError('table_rows got no records, expected at least one.')
  groups: dict[str, list[Record]] = {}
  for record in records:
    groups.setdefault(record['method'], []).append(record)
  attack = records[0]['perturbed_attack']
  for record in records:
    other = record['perturbed_attack']
    if differ := differences(attack, other, sorted({*attack, *other})):
      raise ValueError(f'records have different attacks: {differ}.')
  counts = {record.get('num_attacked') for record in records}
  if len(counts) > 1:
    raise ValueError(f'records have attacked {counts} images, expected as many')
  seeds = {m: sorted(r['seed'] for r in group) for m, group in groups.items()}
  if len(set(map(tuple, seeds.values()))) > 1:
    raise ValueError(f'methods have different seeds: {seeds}.')
  rows = [['Method', 'Test set', _attack_name(attack)]]
  for method, group in groups.items():
    cells = [_cell(group, column) for column in _COLUMNS]
    rows.append([method_name(method), *cells])
  return rows


def interval_note(records: Sequence[Record]) -> str:
  """Says what the table's brackets mean, of how many images, and its doubts."""
  count = records[0].get('num_attacked')  # Older records have none.
  of = f' Under attack: the first {count} test images.' if count else ''
  end = of + doubts_note(records)
  seeds = sorted({record['seed'] for record in records})
  if len(seeds) == 1:
    return (
      f'Accuracy in %, seed {seeds[0]}; brackets: Wilson 95% interval '
      'over test images.' + end
    )
  return (
    f'Accuracy in %, mean of seeds {", ".join(map(str, seeds))}; brackets: '
    "Student's 95% t-interval over seeds." + end
  )


def markdown_table(records: Sequence[Record]) -> str:
  """The table of `table_rows` and its note, as GitHub-flavoured Markdown."""
  rows = table_rows(records)
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  lines = [
    '| ' + ' | '.join(map(str.ljust, row, widths)) + ' |' for row in rows
  ]
  lines.insert(1, '|' + '|'.join('-' * (w + 2) for w in widths) + '|')
  return '\n'.join(lines) + '\n\n' + interval_note(records) + '\n'


def summary(results: dict[str, Any], workdir: str | os.PathLike) -> str:
  """The line that a run ends with, after a warning if a gate failed.

  A failed gate makes the evaluation invalid, not the training: no exit code.
  """
  clean, perturbed = (
    f'{100 * results[f"{name}_accuracy"]:.1f}% [{{:.1f}}, {{:.1f}}]'.format(
      *(100 * v for v in results['ci95'][name])
    )
    for name in ('clean', 'perturbed')
  )
  path = pathlib.Path(workdir) / 'results.json'
  path = min(os.path.relpath(path), os.path.abspath(path), key=len)
  warning = ''
  if not results['valid']:
    warning = (
      'warning: this evaluation is not valid, gates failed: '
      f'{", ".join(results["failed_gates"])}; experiments/evaluate.py runs '
      'stronger attacks\n'
    )
  return warning + (
    f'{results["method"]}: clean {clean}, under attack {perturbed}, '
    f'{results["wall_seconds"]:.0f} s, {path}'
  )
