"""The pages of runs: what training saw, what the attack did, and to whom.

  page = pages.comparison(records, pictures, digits={
    'Training digits': pages.digits(train.image, train.label)})
  files.write_text('report.html', page)

A record is WORKDIR/results.json, and its pictures are WORKDIR/pictures.npz,
which evaluation/run.py writes. Everything is made from these two, and laid out
by templates/page.html.

Contents: Section, page, digits, mixes, attacked, comparison, listing.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import numpy as np

from advmix_jax.report import figures, statistics, tables

Pictures = Mapping[str, Any]  # What WORKDIR/pictures.npz holds.

_MIXES = (
  'The encoder finds latents that the generator decodes to the test image '
  '(reconstruction). A mix keeps the coarse ones and takes the fine ones of a '
  'random sample.'
)
_ATTACKED = (
  'Below each picture: the class that the classifier names and its confidence; '
  '✗ where that is wrong. Algorithm 2 stops at the first mix that is '
  'misclassified, and leaves alone what is wrong before.'
)
_MEASURES = {
  'clean': 'Test images',
  'reconstruction': 'Reconstructed',
  'random_mix': 'One random mix',
  'worst_random': 'Worst of {num_random_draws} random mixes',
  'perturbed': 'Algorithm 2',
}


class Section(NamedTuple):
  """A part of a page: a heading, then what there is of the rest, in order."""

  heading: str
  table: Sequence[Sequence[str]] = ()  # Rows of cells; the first is the header.
  text: str = ''  # One paragraph.
  pictures: Sequence[tuple[str, bytes]] = ()  # (description, PNG)


def page(title: str, sections: Sequence[Section]) -> str:
  """One self-contained page: no script, no link, nothing loaded.

  Args:
    title: Of the page.
    sections: In their order; all text is plain and becomes escaped.

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


def digits(
  images: np.ndarray, label: np.ndarray, *, rows: int = 3, num_classes: int = 10
) -> bytes:
  """A grid with one column per class, `rows` examples each, as PNG.

  Args:
    images: [N, H, W, C] uint8, or float in [0, 1].
    label: [N] int.
    rows: Examples of each class, from the first.
    num_classes: K; a class with fewer examples repeats them, or is left out
      where it has none.
  """
  columns = [np.flatnonzero(label == k) for k in range(num_classes)]
  columns = [np.resize(c, rows) for c in columns if len(c)]
  grid = images[np.stack(columns, axis=1)]
  return figures.picture_grid(grid, row_names=[''] * rows)


def _says(probabilities: np.ndarray, label: np.ndarray) -> list[str]:
  """'7: 98%' per picture: the class that the classifier names, how sure."""
  chosen = probabilities.argmax(axis=-1)
  return [
    f'{"" if k == y else "✗ "}{k}: {100 * p[k]:.0f}%'
    for p, k, y in zip(probabilities, chosen, label, strict=True)
  ]


def mixes(pictures: Pictures) -> bytes:
  """Test images, reconstructions and random mixes, as PNG.

  They are the same for all runs with one generator and seed.
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


def _measure_rows(records: Sequence[tables.Record]) -> list[list[str]]:
  """Table of every evaluator, a row per run."""
  head = [text.format_map(records[0]) for text in _MEASURES.values()]
  rows = [['Run', *head]]
  for record in records:
    cells = [
      statistics.percent(record[f'{name}_accuracy'], *record['ci95'][name])
      for name in _MEASURES
    ]
    rows.append([_run_name(record), *cells])
  return rows


def _gate_rows(records: Sequence[tables.Record]) -> list[list[str]]:
  """Table of the gates and of convergence, a row per run."""
  names = list(records[0]['gates'])
  rows = [['Run', *(name.replace('_', ' ') for name in names), 'converged']]
  for record in records:
    passed = [*record['gates'].values(), record['converged']]
    rows.append([_run_name(record), *('yes' if p else 'NO' for p in passed)])
  return rows


def _run_name(record: tables.Record) -> str:
  return f'{tables.method_name(record["method"])}, seed {record["seed"]}'


def _curves(records: Sequence[tables.Record]) -> list[tuple[str, bytes]]:
  """Accuracy against the number of restarts, and of random mixes."""
  shown = []
  for key, x_label in (
    ('accuracy_by_restarts', 'restarts of Algorithm 2'),
    ('accuracy_by_draws', 'random mixes'),
  ):
    curves = {
      _run_name(record): (range(len(record[key])), record[key])
      for record in records
    }
    png = figures.line_plot(curves, x_label=x_label, y_label='accuracy')
    shown.append((f'accuracy by {x_label}', png))
  return shown


def comparison(
  records: Sequence[tables.Record],
  pictures: Sequence[Pictures],
  *,
  title: str = 'AdvMix on coloured digits',
  digits: Mapping[str, bytes] | None = None,
) -> str:
  """One self-contained page that compares runs under the same attack.

  Args:
    records: Results of the runs, with what `outcomes.summarise` adds.
    pictures: Of each run, as evaluation/run.py saves them.
    title: Of the page.
    digits: {heading: PNG} of the data sets, shown after the table.

  Returns:
    The page's HTML.
  """
  sections = [
    Section(
      'Results', tables.table_rows(records), tables.interval_note(records)
    )
  ]
  for heading, png in (digits or {}).items():
    sections.append(Section(heading, pictures=[(heading, png)]))
  shown = [('test images and mixes', mixes(pictures[0]))]
  sections.append(
    Section('Reconstructions and random mixes', text=_MIXES, pictures=shown)
  )
  for record, kept in zip(records, pictures, strict=True):
    heading = f'Adversarial mixes: {_run_name(record)}'
    shown = [('before and after', attacked(kept))]
    sections.append(Section(heading, text=_ATTACKED, pictures=shown))
  note = (
    f'On the first {records[0]["num_attacked"]} test images, but for the first '
    'column; brackets: Wilson 95% intervals.'
  )
  sections += [
    Section('All measures', _measure_rows(records), note),
    Section('Accuracy by budget', pictures=_curves(records)),
    Section('Checks of the evaluation', _gate_rows(records)),
  ]
  return page(title, sections)


def listing(record: tables.Record) -> str:
  """A run's measures and checks as text, a line each.

  Args:
    record: Results of the run, with what `outcomes.summarise` adds.
  """
  attack = record['perturbed_attack']
  lines = [
    f'{_run_name(record)}: accuracy in % [Wilson 95% interval], '
    f'{record["num_attacked"]} test images but for the first line'
  ]
  for name, text in _MEASURES.items():
    cell = statistics.percent(record[f'{name}_accuracy'], *record['ci95'][name])
    lines.append(f'  {text.format_map(record):32} {cell}')
  lines.append('  ' + ', '.join(f'{k}={v}' for k, v in attack.items()))
  for eps, accuracy in record.get('accuracy_by_eps', {}).items():
    lines.append(f'  Algorithm 2 with eps={eps:15} {100 * accuracy:.1f}')
  checks = record['gates'] | {'converged': record['converged']}
  lines += [f'  {n}: {"yes" if p else "NO"}' for n, p in checks.items()]
  return '\n'.join(lines)
