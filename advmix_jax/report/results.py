"""The page of results: tables of the paper beside ours, from records alone.

  layout = results.Layout('table_2', 'Table 2', rows=('RandMix',),
                          columns=('99% red',),
                          papers={'clean': {('RandMix', '99% red'): 83.18}})
  text = results.page([{'full': layout}], {'full': records})

A cell is the mean over seeds with Student's 95% t-interval, or with one seed
the Wilson 95% interval over test images. All seeds of a cell have the same
config: where records of several configs exist, the newest one's count.

Contents: NOT_RUN, MEASURES, Layout, Cell, cell, curves, duration, table,
generators, page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from advmix_jax.report import groups, markdown, rungs, statistics
from advmix_jax.report.records import (
  Record,
  has_converged,
  newest,
  serves,
)

NOT_RUN = 'not run'

# What classifiers are measured by: title, and path in the results of a record.
MEASURES = (
  ('Accuracy on the clean test set', 'clean'),
  ('Under Algorithm 2', 'perturbed'),
  ('Under Algorithm 2, where the judge still names the label', 'audited'),
  ('On reconstructions', 'reconstruction'),
  ('The same digits in all mean colours, average', 'recolouring.recoloured'),
  ('Right in every mean colour', 'recolouring.all_means'),
  ('Right in every colour of a grid', 'recolouring.all_grid'),
)
# Those that an attack lowers, perhaps more if it goes on. Gates concern them.
_ATTACKS = ('perturbed', 'audited')


class Layout(NamedTuple):
  """An item of the page: a table, or a picture without rows."""

  name: str  # As in the cells of records.
  title: str
  text: str = ''
  rows: Sequence[str] = ()
  columns: Sequence[str] = ()
  # {measure: {(row, column): percent}}
  papers: Mapping[str, Mapping[tuple[str, str], float]] = {}
  measures: Sequence[str] = ()  # Which MEASURES to show; (): all.
  x: Sequence[float] = ()  # Of each column; () where there is no plot.
  x_label: str = ''
  flags: str = ''  # What the command needs beside the item and the scale.


class Cell(NamedTuple):
  """A mean over seeds, as fractions."""

  mean: float
  low: float
  high: float
  n: int  # Seeds.
  seconds: float  # Of the classifiers' runs, all seeds together.
  # Of an attack: gates that failed in any of these runs, and whether all of
  # their attacks have converged.
  failed_gates: tuple[str, ...] = ()
  converged: bool = True


def _value(record: Record, measure: str) -> tuple[float, Any] | None:
  """(accuracy, Wilson's interval) of a measure; None if it wasn't taken."""
  results = record['results']
  *path, name = measure.split('.')
  for part in path:
    results = results.get(part) or {}
  if f'{name}_accuracy' not in results:
    return None
  return results[f'{name}_accuracy'], results['ci95'][name]


def cell(
  records: Iterable[Record],
  item: str,
  row: str,
  column: str,
  measure: str = 'clean',
) -> Cell | None:
  """What the records say about one cell; None if they say nothing.

  Args:
    records: Oldest first.
    item: The cell's item.
    row: Its row.
    column: Its column.
    measure: Path of an accuracy in the results, without '_accuracy'.
  """
  newest_ones = newest(records, item, row, column)
  found = [r for r in newest_ones if _value(r, measure) is not None]
  if not found:
    return None
  values = [_value(record, measure) for record in found]
  mean, low, high = statistics.over_seeds(values)
  seconds = sum(record['seconds'] for record in found)
  if measure not in _ATTACKS:
    return Cell(mean, low, high, len(values), seconds)
  failed = {
    gate
    for record in found
    for gate in record['results'].get('failed_gates', ())
  }
  gates, converged = tuple(sorted(failed)), all(map(has_converged, found))
  return Cell(mean, low, high, len(values), seconds, gates, converged)


def curves(
  layout: Layout, records: Sequence[Record], measure: str = 'clean'
) -> dict[str, list[tuple[float, Cell]]]:
  """{row: [(x, cell)]} of the cells that have been run; {} with one x alone."""
  found = {}
  for row in layout.rows:
    points = [
      (x, cell(records, layout.name, row, column, measure))
      for x, column in zip(layout.x, layout.columns, strict=True)
    ]
    points = [(x, value) for x, value in points if value is not None]
    if points:
      found[row] = points
  places = {x for points in found.values() for x, _ in points}
  return found if len(places) > 1 else {}


def duration(seconds: float) -> str:
  """'12 s', '3.4 min' or '1.5 h'."""
  if seconds < 60:
    return f'{seconds:.0f} s'
  if seconds < 3600:
    return f'{seconds / 60:.1f} min'
  return f'{seconds / 3600:.1f} h'


def _cell_text(found: Cell | None, paper: float | None) -> str:
  said = [] if paper is None else [f'paper {paper:.2f}']
  if found is None:
    return '<br>'.join([NOT_RUN, *said])
  shown = statistics.percent(found.mean, found.low, found.high)
  said += [f'n = {found.n}', duration(found.seconds)]
  if found.failed_gates:
    said.append(f'**not valid**: {", ".join(found.failed_gates)}')
  if not found.converged:
    said.append('*not converged*')
  return f'{shown}<br>{", ".join(said)}'


def table(
  layout: Layout, records: Sequence[Record], measure: str = 'clean'
) -> str:
  """One row per method, one column per setting, in Markdown.

  Args:
    layout: The item; cells without records show 'not run'.
    records: Oldest first.
    measure: As in `cell`.
  """
  rows = [['', *layout.columns]]
  for row in layout.rows:
    texts = [
      _cell_text(
        cell(records, layout.name, row, column, measure),
        layout.papers.get(measure, {}).get((row, column)),
      )
      for column in layout.columns
    ]
    rows.append([row, *texts])
  return markdown.table(rows)


def generators(layout: Layout, records: Iterable[Record]) -> str:
  """What each generator separates, and which colours it draws; '' if unknown.

  The shares are those of the mean colours that the samples are nearest to.
  """
  texts = {}  # The newest of each generator.
  for record in records:
    if record['kind'] != 'measure':
      continue
    for item, name, column in record['cells']:
      if item == layout.name and column in layout.columns:
        texts[name, column] = _generator_texts(record['results'])
  if not texts:
    return ''
  rows = [[*names, *text] for names, text in texts.items()]
  rows.sort(key=lambda r: (r[0], list(layout.columns).index(r[1])))
  header = [
    'Generator',
    'Trained on',
    'Colour follows fine',
    'Digit follows coarse',
    'Colours drawn, %',
  ]
  return markdown.table([header, *rows])


def _generator_texts(results: Mapping[str, Any]) -> list[str]:
  follows = [
    statistics.percent(share, *interval)
    for share, interval in (results['style_follows'], results['label_follows'])
  ]
  shares = ', '.join(f'{100 * share:.1f}' for share in results['styles'])
  return [*follows, shares]


def _sizes(layout: Layout, records: Iterable[Record]) -> str:
  """One line: how many images the newest classifiers saw; '' without any."""
  found = {}  # {what: numbers}
  for row in layout.rows:
    for column in layout.columns:
      for record in newest(records, layout.name, row, column)[-1:]:
        for what, number in _numbers(record):
          found.setdefault(what, set()).add(number)
  parts = [
    f'{what} {" or ".join(f"{n:,}" for n in sorted(numbers))}'
    for what, numbers in found.items()
  ]
  return f'Sizes: {"; ".join(parts)}.\n' if parts else ''


def _numbers(record: Record) -> Iterable[tuple[str, int]]:
  """Yields (what, how many) of a classifier's data."""
  names = {
    'num_train': 'training images',
    'num_test': 'test images',
    'num_attacked': 'of them attacked',
  }
  for name, what in names.items():
    if name in record['results']:
      yield what, record['results'][name]
  if 'optimizer.epochs' in record['config']:
    yield 'passes', record['config']['optimizer.epochs']
  if record['config'].get('recolour'):
    yield 'test images in other colours', record['config']['eval.num_examples']


def _costs(layout: Layout, records: Iterable[Record]) -> str:
  """One line: the time by kind of run, the machine, and the commits."""
  mine = [r for r in records if _mentions([r], layout.name)]
  if not mine:
    return ''
  kinds = dict.fromkeys(record['kind'] for record in mine)
  parts = [
    f'{kind} {duration(sum(r["seconds"] for r in mine if r["kind"] == kind))}'
    f' ({sum(r["kind"] == kind for r in mine)})'
    for kind in kinds
  ]
  cores = ', '.join(sorted({str(r['cores']) for r in mine}))
  commits = sorted({r['commit'][:10] + _dirty(r['commit']) for r in mine})
  return (
    f'Cost on {cores} cores, and number of runs: {", ".join(parts)}. '
    f'Commit: {", ".join(commits)}.\n'
  )


def _dirty(commit: str) -> str:
  return '-dirty' if commit.endswith('-dirty') else ''


def _pictures(layout: Layout, records: Iterable[Record]) -> list[str]:
  """Names of an item's pictures, of its newest record or its plot."""
  names = [f'{layout.name}.png'] if layout.x else []
  for record in records:
    if record['kind'] == 'figure' and serves(record, layout.name, '', ''):
      names = [n for n in record['results']['pictures'] if n.endswith('.png')]
  return names


def _measures(layout: Layout) -> list[tuple[str, str]]:
  """The measures that an item shows, with their titles."""
  shown = layout.measures
  return [(title, m) for title, m in MEASURES if not shown or m in shown]


def _known(layout: Layout, records: Sequence[Record], measure: str) -> Layout:
  """The layout with the rows and columns that have a value, or the paper's."""
  papers = layout.papers.get(measure, {})
  known = [
    (row, column)
    for row in layout.rows
    for column in layout.columns
    if (row, column) in papers
    or cell(records, layout.name, row, column, measure)
  ]
  return layout._replace(
    rows=tuple(dict.fromkeys(row for row, _ in known)),
    columns=tuple(c for c in layout.columns if c in {c for _, c in known}),
  )


def _section(layout: Layout, scale: str, records: Sequence[Record]) -> str:
  """One item at one scale."""
  command = f'python experiments/reproduce.py --only={layout.name}'
  parts = [f'`{command} --scale={scale}{layout.flags}`\n']
  if layout.rows and not _mentions(records, layout.name):
    return '\n'.join([*parts, f'{NOT_RUN}\n'])
  if layout.rows:
    for number, (title, measure) in enumerate(_measures(layout)):
      known = _known(layout, records, measure)
      if known.rows:  # The first table also says what has not been run.
        shown = known if number else layout
        parts += [f'{title}, in %:\n', table(shown, records, measure)]
    if 'clean' in [measure for _, measure in _measures(layout)]:
      parts.append(groups.text(layout, records))
    else:
      parts.append(rungs.text(layout, records))
    parts += [generators(layout, records), _sizes(layout, records)]
  elif not _pictures(layout, records):
    parts.append(f'{NOT_RUN}\n')
  has_plot = not layout.x or curves(layout, records)
  for name in _pictures(layout, records) if has_plot else ():
    parts.append(f'![{layout.title}](figures/{scale}/{name})\n')
  parts.append(_costs(layout, records))
  return '\n'.join(part for part in parts if part)


_HEAD = """# Results

Made from the records in experiments/results/ by `python
experiments/reproduce.py`; do not edit. A cell has the mean over seeds (runs of
the classifier; generator, digits and their colours are the same) with its 95%
t-interval (Student's t over seeds), or with one seed the Wilson 95% interval
over test images. Intervals end at 0 and 100; three seeds that agree have one of
width 0. Those of tables of generators are Wilson's over the mixes; that of an
average over colours takes images, not colours, as trials. n is the number of
seeds, the time that of the classifiers' runs together.

The first table of an item has all its cells, the others those
that have been run; the command above it runs what is missing, at the full scale
with folders of your own. Where a gate of the evaluation failed, the accuracy
under attack is not valid and has the gate's name. Where twice the restarts or
steps lower the accuracy by more than half of its interval, the attack has not
converged: the accuracy is an upper bound. The record of every run has its
command.
"""


def page(
  layouts: Sequence[Mapping[str, Layout]],
  records: Mapping[str, Sequence[Record]],
) -> str:
  """The whole page in Markdown.

  Args:
    layouts: The items in the page's order, {scale: layout} each.
    records: {scale: records, oldest first}. A picture has a section for each
      scale with a record of it, or else for the last one. A table has one for
      the last scale, too, which says so where nothing of it has been run.
  """
  parts = [_HEAD]
  for by_scale in layouts:
    *_, layout = by_scale.values()
    parts += [f'## {layout.title}\n', f'{layout.text}\n']
    last = list(by_scale)[-1]
    scales = [s for s in by_scale if _mentions(records[s], layout.name)]
    if not scales or layout.rows and last not in scales:
      scales.append(last)
    for scale in scales:
      parts.append(f'### {layout.title.partition(":")[0]}, {scale} scale\n')
      parts.append(_section(by_scale[scale], scale, records[scale]))
  return '\n'.join(parts)


def _mentions(records: Iterable[Record], item: str) -> bool:
  return any(c[0] == item for record in records for c in record['cells'])
