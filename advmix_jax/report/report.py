"""Records of runs to tables, plots, picture grids and one HTML page.

A record is what a run leaves in WORKDIR/results.json. Nothing here computes a
result, so that every table can be made again from its records:

  from advmix_jax import report
  print(report.markdown_table(records))
  grid = report.picture_grid(images, row_names=['digit', 'mix'])
  html = report.html_page('Demo', [('Mixes', report.html_image(grid, 'mixes'))])
  files.write_text('report.html', html)

Intervals: one seed has the Wilson 95% interval over test digits that its
record carries; several seeds have their mean and the 95% t-interval over seeds
(Student's t with n - 1 degrees of freedom), which includes what the seed of
training changes.

Contents: mean_interval, method_name, percent, table_rows, interval_note,
markdown_table, picture_grid, line_plot, html_image, html_table, html_text,
html_page.
"""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
from matplotlib import figure

Record = Mapping[str, Any]  # What WORKDIR/results.json holds.

_NAMES = {
  'nominal': 'Nominal',
  'mixup': 'mixup',
  'adversarial_training': 'Adversarial training',
  'randmix': 'RandMix',
  'advmix': 'AdvMix',
}
_COLUMNS = ('clean', 'perturbed')  # Of results.json: <column>_accuracy.

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; margin: 2em auto;
  max-width: 62em; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; }
img { max-width: 100%; image-rendering: auto; }
table { border-collapse: collapse; }
th, td { padding: .3em .9em; border-bottom: 1px solid #ddd; text-align: left; }
th { border-bottom: 2px solid #888; }
pre { background: #f6f6f6; padding: .8em; overflow-x: auto; }
""".strip()


def mean_interval(
  values: Sequence[float], *, confidence: float = 0.95
) -> tuple[float, float, float]:
  """Mean of independent runs with Student's t-interval.

  Args:
    values: One number per seed.
    confidence: Of the two-sided interval, in (0, 1).

  Returns:
    (mean, low, high) with high - mean = t_{n-1} * s / sqrt(n), s with n - 1
    in its denominator. One value has no spread: low and high are NaN.

  Raises:
    ValueError: `values` is empty.
  """
  values = np.asarray(values, np.float64)
  n = values.size
  if n == 0:
    raise ValueError('mean_interval got no values, expected at least one.')
  mean = float(values.mean())
  if n == 1:
    return mean, math.nan, math.nan
  t = scipy.special.stdtrit(n - 1, (1 + confidence) / 2)
  half = float(t * values.std(ddof=1) / math.sqrt(n))
  return mean, mean - half, mean + half


def method_name(method: str) -> str:
  """The name that tables print for `config.method`."""
  return _NAMES.get(method, method)


def percent(value: float, low: float, high: float) -> str:
  """'93.1 [92.0, 94.1]' from fractions, clipped to what is possible."""
  low, high = max(low, 0.0), min(high, 1.0)
  return f'{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]'


def _cell(records: Sequence[Record], column: str) -> str:
  """One method's accuracy in one column, with its interval."""
  values = [record[f'{column}_accuracy'] for record in records]
  if any(value is None for value in values):
    return '-'
  if len(values) == 1:
    return percent(values[0], *records[0]['ci95'][column])
  return percent(*mean_interval(values))


def _attack_name(attack: Record) -> str:
  """'Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03)'."""
  fields = ', '.join(f'{k}={attack[k]:g}' for k in ('N_r', 'K', 'alpha', 'eps'))
  return f'Algorithm 2 ({fields})'


def table_rows(records: Sequence[Record]) -> list[list[str]]:
  """Header and one row per method, in the order of first appearance.

  Args:
    records: Runs of the same data, attack and seeds, in any order.

  Returns:
    Rows of cells; accuracies are percentages with their interval.

  Raises:
    ValueError: There are no records, their attacks differ, or some methods
      lack a seed: their cells would not be comparable.
  """
  if not records:
    raise ValueError('table_rows got no records, expected at least one.')
  groups: dict[str, list[Record]] = {}
  for record in records:
    groups.setdefault(record['method'], []).append(record)
  attacks = {_attack_name(record['perturbed_attack']) for record in records}
  if len(attacks) > 1:
    raise ValueError(f'records have different attacks: {sorted(attacks)}.')
  seeds = {m: sorted(r['seed'] for r in group) for m, group in groups.items()}
  if len(set(map(tuple, seeds.values()))) > 1:
    raise ValueError(f'methods have different seeds: {seeds}.')
  rows = [['Method', 'Unbiased test set', attacks.pop()]]
  for method, group in groups.items():
    cells = [_cell(group, column) for column in _COLUMNS]
    rows.append([method_name(method), *cells])
  return rows


def interval_note(records: Sequence[Record]) -> str:
  """One sentence that says what the table's brackets mean."""
  seeds = sorted({record['seed'] for record in records})
  if len(seeds) == 1:
    return (
      f'Accuracy in %, seed {seeds[0]}; brackets: Wilson 95% interval '
      'over test digits.'
    )
  return (
    f'Accuracy in %, mean of seeds {", ".join(map(str, seeds))}; brackets: '
    '95% t-interval over seeds.'
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


def _save(fig: figure.Figure) -> bytes:
  """Renders a figure as PNG."""
  buffer = io.BytesIO()
  fig.savefig(buffer, format='png', dpi=110, bbox_inches='tight')
  return buffer.getvalue()


def picture_grid(
  images: np.ndarray,
  *,
  row_names: Sequence[str],
  captions: Sequence[Sequence[str]] | None = None,
) -> bytes:
  """Lays pictures out in named rows, each with a caption underneath.

  Args:
    images: [rows, columns, H, W, 3] in [0, 1]; values outside are clipped.
    row_names: One per row, written at its left.
    captions: One per picture, or None for pictures alone.

  Returns:
    A PNG.

  Raises:
    ValueError: `images` isn't a grid, or there is not one name per row.
  """
  images = np.asarray(images)
  if images.ndim != 5 or images.shape[0] != len(row_names):
    raise ValueError(
      f'picture_grid got images {images.shape} and {len(row_names)} row '
      'names, expected [rows, columns, H, W, 3] and a name per row.'
    )
  rows, columns = images.shape[:2]
  height = 0.85 if captions is None else 1.05
  fig = figure.Figure(figsize=(0.85 * columns + 1.3, height * rows))
  axes = fig.subplots(rows, columns, squeeze=False)
  for i, j in np.ndindex(rows, columns):
    axis = axes[i, j]
    axis.imshow(np.clip(images[i, j], 0, 1), interpolation='nearest')
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    if captions is not None:
      axis.set_xlabel(captions[i][j], fontsize=7, labelpad=2)
  for axis, name in zip(axes[:, 0], row_names, strict=True):
    axis.set_ylabel(
      name, rotation=0, ha='right', va='center', fontsize=8, labelpad=6
    )
  return _save(fig)


def line_plot(
  curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
  *,
  x_label: str,
  y_label: str,
  log_x: bool = False,
) -> bytes:
  """Plots named curves, {name: (x, y)}, from y = 0 up; returns a PNG."""
  fig = figure.Figure(figsize=(5.6, 3.4))
  axis = fig.subplots()
  for name, (x, y) in curves.items():
    axis.plot(x, y, marker='.', label=name)
  axis.set(xlabel=x_label, ylabel=y_label)
  axis.set_ylim(bottom=0)
  if log_x:
    axis.set_xscale('log')
  axis.spines[['top', 'right']].set_visible(False)
  axis.grid(alpha=0.3)
  axis.legend(frameon=False, fontsize=8)
  return _save(fig)


def html_image(png: bytes, description: str) -> str:
  """An <img> that carries its PNG, so that the page needs no other file."""
  data = base64.b64encode(png).decode()
  alt = html.escape(description, quote=True)
  return f'<img alt="{alt}" src="data:image/png;base64,{data}">'


def html_table(rows: Sequence[Sequence[str]]) -> str:
  """A <table> of escaped cells; the first row is the header."""
  lines = []
  for tag, row in zip(['th'] + ['td'] * len(rows), rows, strict=False):
    cells = ''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in row)
    lines.append(f'<tr>{cells}</tr>')
  return '<table>\n' + '\n'.join(lines) + '\n</table>'


def html_text(text: str, *, tag: str = 'p') -> str:
  """Escaped text in one element."""
  return f'<{tag}>{html.escape(text)}</{tag}>'


def html_page(title: str, sections: Sequence[tuple[str, str]]) -> str:
  """One self-contained page: no script, no link, nothing loaded.

  Args:
    title: Plain text.
    sections: (plain-text heading, HTML body), e.g. from `html_image`.

  Returns:
    The page's HTML.
  """
  title = html.escape(title)
  body = '\n'.join(
    f'<section>\n<h2>{html.escape(heading)}</h2>\n{content}\n</section>'
    for heading, content in sections
  )
  return (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    f'<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n'
    f'<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n'
  )
