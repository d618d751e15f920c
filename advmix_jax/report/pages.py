"""HTML pages that compare runs: data, mixes, attacks and accuracies.

  grid = pages.examples(
    train.image, train.label, num_classes=train.num_classes)
  page = pages.comparison(records, pictures, examples={'Training set': grid})
  files.write_text('report.html', page)

A record is the content of a run's results.json; its pictures are those of the
run's pictures.npz, which evaluation/run.py writes. The layout is in
templates/page.html.

Contents: Pictures, Section, page, examples, mixes, attacked, measure_rows,
comparison, single, listing.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import numpy as np

from advmix_jax.report import (
  checks,
  classes,
  figures,
  ladder_table,
  markdown,
  statistics,
  tables,
)

Pictures = Mapping[str, Any]  # The content of a run's pictures.npz.

_MIXES = (
  'The encoder finds latents that the generator decodes to the test image '
  '(reconstruction). A mix keeps the coarse latents and takes the fine latents '
  'of a random sample.'
)
_SAYS = (
  'Below each picture: the class that the classifier names and its confidence; '
  '✗ where that is wrong. '
)
_ATTACKED = (
  f'{_SAYS}Shown are the first test images that are right '
  'before the attack and wrong after it; if there are none, the first of all. '
  'The attack stops at the first mix that is misclassified.'
)
_WORST = (
  f'{_SAYS}Of the images that are right before the attack, those that the '
  'classifier gets most wrong after it, or least right if it withstands all. '
  'The attack stops at the first mix that is misclassified.'
)
_MEASURES = {
  'clean': 'Test images',
  'reconstruction': 'Reconstructed',
  'random_mix': 'One random mix',
  'worst_random': 'Worst of {num_random_draws} random mixes',
  'perturbed': '{search}',
}


class Section(NamedTuple):
  """A part of a page: a heading, then the given parts, in this order."""

  heading: str
  table: Sequence[Sequence[str]] = ()  # Rows of cells; the first is the header.
  text: str = ''  # One paragraph.
  pictures: Sequence[tuple[str, bytes]] = ()  # (description, PNG)


def page(title: str, sections: Sequence[Section]) -> str:
  """One self-contained page: no scripts, no links, no other files.

  Args:
    title: Of the page.
    sections: In the order of the page; all text is plain and is escaped.

  Returns:
    The page's HTML.
  """
  return _template().render(title=title, sections=sections)


@functools.cache
def _template() -> jinja2.Template:
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader('advmix_jax.report'),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
  )
  environment.filters['base64'] = lambda data: base64.b64encode(data).decode()
  return environment.get_template('page.html')


def examples(
  images: np.ndarray, label: np.ndarray, *, num_classes: int, rows: int = 3
) -> bytes:
  """A grid with one column per class, `rows` examples each, as PNG.

  Args:
    images: [N, H, W, C] uint8, or float in [0, 1].
    label: [N] int.
    num_classes: K. A class with fewer examples than `rows` repeats them; a
      class without examples has no column.
    rows: Number of examples of each class, the first ones.
  """
  columns = [np.flatnonzero(label == k) for k in range(num_classes)]
  columns = [np.resize(c, rows) for c in columns if len(c)]
  grid = images[np.stack(columns, axis=1)]
  return figures.picture_grid(grid, row_names=[''] * rows)


def _says(probabilities: np.ndarray, label: np.ndarray) -> list[str]:
  """'7: 98%' per picture: the named class and its probability; ✗ if wrong."""
  chosen = probabilities.argmax(axis=-1)
  return [
    f'{"" if k == y else "✗ "}{k}: {100 * p[k]:.0f}%'
    for p, k, y in zip(probabilities, chosen, label, strict=True)
  ]


def mixes(pictures: Pictures) -> bytes:
  """Test images, reconstructions and random mixes, as PNG.

  They are the same for all runs with the same generator and seed.
  """
  rows = {
    'image': 'test image',
    'reconstruction': 'reconstruction',
    'random_mix': 'random mix',
  }
  grid = np.stack([pictures['images'][kind] for kind in rows])
  return figures.picture_grid(grid, row_names=list(rows.values()))


def attacked(pictures: Pictures) -> bytes:
  """What one classifier says before and after the attack, as PNG."""
  rows = {'image': 'before', 'adversarial': 'after'}
  grid = np.stack([pictures['images'][kind] for kind in rows])
  label = pictures['label']
  captions = [_says(pictures['probabilities'][kind], label) for kind in rows]
  return figures.picture_grid(
    grid, row_names=list(rows.values()), captions=captions
  )


def _search(record: tables.Record) -> str:
  return tables.search_name(record['perturbed_attack'])


def _measures(record: tables.Record) -> list[str]:
  """What the evaluators are called, in the order of _MEASURES."""
  values = {**record, 'search': _search(record)}
  return [text.format_map(values) for text in _MEASURES.values()]


def measure_rows(records: Sequence[tables.Record]) -> list[list[str]]:
  """Table with a column per evaluator and a row per run.

  Args:
    records: With the values of `outcomes.summarise`.

  Returns:
    Rows of cells, the header first; accuracies in % with their interval.
  """
  rows = [['Run', *_measures(records[0])]]
  for record in records:
    cells = [
      statistics.percent(record[f'{name}_accuracy'], *record['ci95'][name])
      + (tables.doubts([record]) if name == 'perturbed' else '')
      for name in _MEASURES
    ]
    rows.append([_run_name(record), *cells])
  return rows


def _ladder_sections(records: Sequence[tables.Record]) -> list[Section]:
  """A section per run that has a ladder."""
  return [
    Section(
      f'Ladder of attacks: {_run_name(record)}',
      ladder_table.rows(record),
      ladder_table.text(record),
    )
    for record in records
    if 'ladder' in record
  ]


def _class_sections(record: tables.Record) -> list[Section]:
  """The accuracy of each class, where that was counted."""
  if 'by_class' not in record:
    return []
  return [Section('Accuracy in % by class', classes.rows(record))]


def _check_rows(records: Sequence[tables.Record]) -> list[list[str]]:
  """Table with a row per run and check."""
  rows = [['Run', *checks.HEADER]]
  for record in records:
    rows += [[_run_name(record), *row] for row in checks.rows(record)]
  return rows


def _run_name(record: tables.Record) -> str:
  return f'{tables.method_name(record["method"])}, seed {record["seed"]}'


def _curves(records: Sequence[tables.Record]) -> list[tuple[str, bytes]]:
  """Accuracy against the number of restarts, and of random mixes."""
  shown = []
  for key, x_label in (
    ('accuracy_by_restarts', f'restarts: {_search(records[0])}'),
    ('accuracy_by_draws', 'random mixes'),
  ):
    curves = {
      _run_name(record): (range(len(record[key])), record[key])
      for record in records
    }
    curves = {n: (x, [100 * v for v in y]) for n, (x, y) in curves.items()}
    png = figures.line_plot(curves, x_label=x_label, y_label='accuracy, %')
    shown.append((f'accuracy in % by {x_label}', png))
  return shown


def comparison(
  records: Sequence[tables.Record],
  pictures: Sequence[Pictures],
  *,
  title: str = 'Robustness to adversarial mixing',
  examples: Mapping[str, bytes] | None = None,
  added: Sequence[Section] = (),
) -> str:
  """One self-contained page that compares runs under the same attack.

  Args:
    records: Of the runs, with the values of `outcomes.summarise`.
    pictures: Of each run, as evaluation/run.py saves them.
    title: Of the page.
    examples: {heading: PNG} of the data sets, shown after the table.
    added: Further sections, shown after the ladders of attacks.

  Returns:
    The page's HTML.
  """
  sections = [
    Section(
      'Results', tables.table_rows(records), tables.interval_note(records)
    )
  ]
  for heading, png in (examples or {}).items():
    sections.append(Section(heading, pictures=[(heading, png)]))
  shown = [('test images and mixes', mixes(pictures[0]))]
  sections.append(
    Section('Reconstructions and random mixes', text=_MIXES, pictures=shown)
  )
  for record, kept in zip(records, pictures, strict=True):
    heading = f'Adversarial mixes: {_run_name(record)}'
    shown = [(f'{_run_name(record)}: images before and after', attacked(kept))]
    sections.append(Section(heading, text=_ATTACKED, pictures=shown))
  note = (
    'Test images: all of them; other columns: the first '
    f'{records[0]["num_attacked"]}. Brackets: Wilson 95% intervals.'
    f'{tables.doubts_note(records)}'
  )
  sections += [
    *_ladder_sections(records),
    *added,
    Section('All measures', measure_rows(records), note),
    Section('Accuracy by budget', pictures=_curves(records)),
    Section('Checks of the evaluation', _check_rows(records)),
  ]
  return page(title, sections)


def single(
  record: tables.Record,
  pictures: Pictures,
  *,
  title: str,
  notes: Sequence[str] = (),
) -> str:
  """One self-contained page about one classifier: what it fails on.

  Args:
    record: With the values of `outcomes.summarise`, and maybe a ladder.
    pictures: Of the worst examples, as evaluation/run.py makes them.
    title: Of the page.
    notes: What a reader has to know first, a sentence each.

  Returns:
    The page's HTML.
  """
  note = f'{record["num_attacked"]} images. Brackets: Wilson 95% intervals.'
  note = ' '.join([note, *notes]) + tables.doubts_note([record])
  shown = [('the worst images before and after', attacked(pictures))]
  mixed = [('images and mixes', mixes(pictures))]
  sections = [
    Section('Accuracy in %', measure_rows([record]), note),
    *_ladder_sections([record]),
    *_class_sections(record),
    Section('The worst images', text=_WORST, pictures=shown),
    Section('Reconstructions and random mixes', text=_MIXES, pictures=mixed),
    Section('Accuracy by budget', pictures=_curves([record])),
    Section('Checks of the evaluation', _check_rows([record])),
  ]
  return page(title, sections)


def listing(record: tables.Record, *, clean_on_all: bool = True) -> str:
  """A run's measures and checks as text, one per line.

  Args:
    record: Of the run, with the values of `outcomes.summarise` and, if they
      were measured, those of `ladder.summarise`.
    clean_on_all: Whether the clean accuracy is of a whole test set, whose first
      images were attacked; else all is of the same images.
  """
  attack, count = record['perturbed_attack'], record['num_attacked']
  which = f'{count} images'
  if clean_on_all:
    which = f'the first {count} test images; first line: on all'
  lines = [
    f'{_run_name(record)}: accuracy in % [Wilson 95% interval] on {which}'
  ]
  for name, text in zip(_MEASURES, _measures(record), strict=True):
    cell = statistics.percent(record[f'{name}_accuracy'], *record['ci95'][name])
    cell += tables.doubts([record]) * (name == 'perturbed')
    lines.append(f'  {text:32} {cell}')
  lines.append('  ' + ', '.join(f'{k}={v}' for k, v in attack.items()))
  if 'ladder' in record:
    lines += [
      '',
      *markdown.columns(ladder_table.rows(record)),
      *ladder_table.notes(record),
    ]
  lines += ['', *markdown.columns([checks.HEADER, *checks.rows(record)])]
  return '\n'.join(lines)
