"""Accuracy against the attack's strength: its ball eps and its steps K.

  png, svg = strength.plot(record)
  print(strength.listing(record))

A record is the content of a run's results.json with the rows of
evaluation/sweep.py.

Contents: rows, plot, section, listing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advmix_jax.report import curves, markdown, pages, statistics, tables

_NOTE = (
  'Accuracy in %: eps and alpha are scaled together, then K alone. Each attack '
  'stands beside as many random mixes as its compute: its forward passes, '
  'where a backward pass counts as two. All are measured on the same images; '
  'brackets and bands are Wilson 95% intervals. Only: how many images that are '
  "right when clean just one of the two breaks; p is of McNemar's exact test. "
  'Where a larger ball or more steps raise the accuracy, the attack is too '
  'weak.'
)


def rows(record: tables.Record) -> list[list[str]]:
  """Table of a sweep: a row per attack.

  Args:
    record: With `sweep`, the rows of `sweep.sweep`, and `perturbed_attack`.

  Returns:
    Rows of cells, the header first; accuracies in % with their interval.
  """
  search = _search(record)
  head = ['eps', 'Unit', 'K', search, 'Random, equal compute']
  found = [[*head, f'Only {search}', 'Only random', 'p']]
  for row in record['sweep']:
    cells = [f'{row["eps"]:g}', row['unit'], str(row['K'])]
    cells.append(statistics.percent(row['accuracy'], *row['ci95']))
    cells.append(
      statistics.percent(row['random_accuracy'], *row['random_ci95'])
    )
    cells += [str(row['only_gradient']), str(row['only_random'])]
    found.append([*cells, f'{row["p_value"]:.2g}'])
  return found


def _search(record):
  return tables.search_name(record['perturbed_attack'])


def _series(record: tables.Record) -> list[tuple[str, str, list[Any]]]:
  """(label, name of the value, rows of the sweep) of each panel, ascending."""
  attack = record['perturbed_attack']
  by_eps = [row for row in record['sweep'] if row['K'] == attack['K']]
  ball = attack['eps'], attack['alpha']
  by_steps = [
    row for row in record['sweep'] if (row['eps'], row['alpha']) == ball
  ]
  by_steps.sort(key=lambda row: row['K'])
  return [
    (f'eps in {attack["unit"]}, at K = {attack["K"]}', 'eps', by_eps),
    (f'K, at eps = {attack["eps"]:g} {attack["unit"]}', 'K', by_steps),
  ]


def plot(record: tables.Record) -> tuple[bytes, bytes]:
  """Draws accuracy against eps and against K, each with Wilson bands.

  The attacks stand at equal distances, as eps = 0 is one of them.

  Args:
    record: As in `rows`.

  Returns:
    (PNG, SVG); the same record gives the same bytes.
  """
  from matplotlib import figure  # A fifth of all imports; few callers draw.

  fig = figure.Figure(figsize=(8, 3.6))
  axes = fig.subplots(1, 2, sharey=True)
  for axis, (label, name, shown) in zip(axes, _series(record), strict=True):
    curves.draw(axis, _lines(shown, _search(record)))
    ticks = [f'{row[name]:g}' for row in shown]
    axis.set_xticks(range(len(shown)), ticks)
    axis.set_xlabel(label)
  axes[0].set_ylabel("accuracy in %, Wilson's 95% intervals")
  names, above = axes[0].get_legend_handles_labels(), (0.5, 0.9)
  fig.legend(
    *names,
    frameon=False,
    ncols=2,
    loc='lower center',
    bbox_to_anchor=above,
  )
  return curves.render(fig)


def _lines(shown: Sequence[Any], search: str) -> dict[str, list[Any]]:
  """The two curves of a panel, as `curves.draw` takes them."""
  return {
    search: [(x, row['accuracy'], *row['ci95']) for x, row in enumerate(shown)],
    'as many random mixes as its compute': [
      (x, row['random_accuracy'], *row['random_ci95'])
      for x, row in enumerate(shown)
    ],
  }


def section(record: tables.Record, png: bytes) -> pages.Section:
  """The part of a page that shows a sweep.

  Args:
    record: As in `rows`.
    png: From `plot`.
  """
  heading = 'Accuracy against eps and K'
  return pages.Section(heading, rows(record), _NOTE, [(heading, png)])


def listing(record: tables.Record) -> str:
  """The table of `rows` as text, a line per attack."""
  return '\n'.join(markdown.columns(rows(record)))
