"""Accuracy by groups of the test images: does a method serve all of them?

  text = groups.text(layout, records)

Contents: text.
"""

from __future__ import annotations

from collections.abc import Sequence

from advmix_jax.report import markdown, statistics
from advmix_jax.report.records import Record, newest


def text(layout, records: Sequence[Record]) -> str:
  """A table for each column of an item whose records have groups, in Markdown.

  A line is a group of test images with its size, a column a method. Values are
  as in the cells of results.py.

  Args:
    layout: The item, a results.Layout.
    records: Oldest first. `groups` in their results is what
      evaluation.outcomes.by_group returns.

  Returns:
    The tables; '' where no record has groups.
  """
  having = [r for r in records if r['results'].get('groups')]
  parts = []
  for column in layout.columns:
    found = {
      row: newest(having, layout.name, row, column) for row in layout.rows
    }
    found = {row: of_row for row, of_row in found.items() if of_row}
    if found:
      parts += [f'{column}, accuracy on clean test images by group, in %:\n']
      parts += [_table(found)]
  return '\n'.join(parts)


def _table(found):
  """One line per group; `found` is {row: records of its seeds}."""
  first = next(iter(found.values()))[0]['results']['groups']
  lines = [['group', 'images', *found]]
  for name, sides in first.items():
    for side, word in ((0, 'not '), (1, '')):
      shares = [_share(of_row, name, side) for of_row in found.values()]
      lines.append([f'{word}{name}', str(sides[side][2]), *shares])
  return markdown.table(lines)


def _share(of_row, name, side):
  """A method's accuracy in one group; '-' for a group without images."""
  values = [record['results']['groups'][name][side][:2] for record in of_row]
  if values[0][0] is None:
    return '-'
  return statistics.percent(*statistics.over_seeds(values))
