"""The checks of an evaluation: their values, limits and tolerances.

  rows = checks.rows(record)

A record is the content of a run's results.json, whose gates are those of
evaluation/gates.py.

Contents: HEADER, rows.
"""

from __future__ import annotations

from advmix_jax.report import tables

HEADER = ('Check', 'Passed', 'Value', 'Limit', 'Value of what; tolerance')
_CONVERGED = (
  'no gate: a longer search moves the accuracy by less than half the width of '
  'its 95% interval'
)


def rows(record: tables.Record) -> list[list[str]]:
  """A row per gate, and one that says whether the search has converged.

  Args:
    record: With the values of `gates.summarise`, and `converged`.

  Returns:
    Rows of cells, as HEADER names them; without the header. A gate that failed
    says NO. The limit is 'at least' or 'at most' a number; results that were
    written before they said which have the number alone.
  """
  found = []
  for name, gate in record['gate_values'].items():
    value = f'{gate["value"]:.3g}'
    limit = f'{gate.get("bound", "")} {gate["limit"]:g}'.lstrip()
    found.append([name, _yes(record['gates'][name]), value, limit])
    found[-1].append(gate['tolerance'])
  return [*found, ['converged', _yes(record['converged']), '', '', _CONVERGED]]


def _yes(passed):
  return 'yes' if passed else 'NO'
