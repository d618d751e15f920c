"""The whole ladder of attacks for each method of a table, from records.

  text = rungs.text(layout, records)

Contents: TITLES, text.
"""

from __future__ import annotations

from collections.abc import Sequence

from advmix_jax.report import markdown, statistics
from advmix_jax.report.records import Record, has_converged, newest

# The rungs of evaluation/ladder.py in their order.
TITLES = {
  'clean': 'These images',
  'reconstruction': 'Reconstructed',
  'random_mix': 'One random mix',
  'worst_random': 'Worst random, equal images',
  'equal_compute': 'Worst random, equal compute',
  'algorithm_2': 'Algorithm 2',
  'margin': 'with the margin loss',
  'adam': 'with steps of Adam',
  'corners': 'Search without gradients',
  'worst': 'Worst of all rows',
}
_NOT_RUN = '-'
_KINDS = {
  'accuracy': ('ci95', 'every attack on the same images'),
  'audited_accuracy': (
    'audited_ci95',
    'errors only where a judge still names the label',
  ),
}


def text(layout, records: Sequence[Record]) -> str:
  """Two tables for each column of an item that was attacked, in Markdown.

  A line is an attack that was run, a column a method; first all errors count,
  then only those on mixes that a judge still names rightly. Values are as in
  the cells of results.py; a method whose evaluation failed a gate, or whose
  Algorithm 2 has not converged, is marked.

  Args:
    layout: The item, a results.Layout.
    records: Oldest first. `ladder` in their results is that of
      evaluation.ladder.

  Returns:
    The tables; '' where no record has a ladder.
  """
  having = [r for r in records if r['results'].get('ladder')]
  parts = []
  for column in layout.columns:
    found = {}
    for row in layout.rows:
      if of_row := newest(having, layout.name, row, column):
        found[_name(row, of_row)] = [_ladder(record) for record in of_row]
    for kind, (interval, title) in _KINDS.items() if found else ():
      parts.append(f'{column}, {title}, in %:\n')
      parts.append(_table(found, kind, interval))
  return '\n'.join(parts)


def _name(row, of_row):
  if any(r['results'].get('failed_gates') for r in of_row):
    return f'{row} (Algorithm 2 not valid)'
  converged = all(map(has_converged, of_row))
  return row if converged else f'{row} (Algorithm 2 not converged)'


def _ladder(record):
  return {rung['name']: rung for rung in record['results']['ladder']}


def _table(found, kind, interval):
  """One line per rung; `found` is {method: [{name: rung} of each seed]}."""
  lines = [['attack', *found]]
  for name, title in TITLES.items():
    cells = [_share(of_row, name, kind, interval) for of_row in found.values()]
    if set(cells) != {_NOT_RUN}:
      lines.append([title, *cells])
  return markdown.table(lines)


def _share(of_row, name, kind, interval):
  """A method's accuracy on one rung; '-' where it was not run."""
  rungs = [ladder[name] for ladder in of_row if kind in ladder.get(name, {})]
  if not rungs:
    return _NOT_RUN
  values = [(rung[kind], rung[interval]) for rung in rungs]
  return statistics.percent(*statistics.over_seeds(values))
