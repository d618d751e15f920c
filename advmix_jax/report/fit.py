"""How well latents fit their images: histogram, worst images, error curves.

  print(fit.histogram(errors))
  for line in fit.worst(errors, 10): print(line)
  png = fit.worst_grid(errors, images, reconstructions)
  png = fit.curves_plot({'average': curve, 'network': curve})

Errors are mean squared errors of pixels in [0, 1], as `algorithm1.encode`
returns them.

Contents: histogram, worst, table, flagged, worst_grid, curves_plot,
curves_table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from advmix_jax.report import figures

_WIDTH = 40  # Characters of the longest bar.


def histogram(errors: np.ndarray, *, bins: int = 12) -> str:
  """Errors as a histogram in text, one line per bin, up to the 99.5th centile.

  Args:
    errors: [N], finite and >= 0.
    bins: Number of lines; the last one also counts all larger errors.
  """
  top = float(np.quantile(errors, 0.995)) or 1.0
  counts, edges = np.histogram(np.minimum(errors, top), bins, (0, top))
  lines = [
    f'squared error: mean {errors.mean():.5f}, median {np.median(errors):.5f}, '
    f'largest {errors.max():.5f}, {len(errors)} images'
  ]
  for i, count in enumerate(counts):
    bar = '#' * round(_WIDTH * count / counts.max())
    above = '+' if i == bins - 1 else ' '
    lines.append(
      f'{edges[i]:8.5f} - {edges[i + 1]:7.5f}{above} {count:6d} {bar}'
    )
  return '\n'.join(lines)


def worst(errors: np.ndarray, count: int = 10) -> list[tuple[int, float]]:
  """The worst-fitting images as (index, error), the worst first."""
  order = np.argsort(-np.asarray(errors), kind='stable')[:count]
  return [(int(i), float(errors[i])) for i in order]


def table(
  errors: np.ndarray, max_error: float = 0, names: Sequence[Any] = ()
) -> str:
  """CSV of all images: index, error, flag, name; 1 if error > max_error > 0."""
  rows = [('image', 'mean_squared_error', 'flagged', 'source')]
  for i, error in enumerate(errors):
    name = names[i] if names else i
    rows.append((i, f'{error:.6f}', int(0 < max_error < error), name))
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows(rows)
  return text.getvalue()


def flagged(errors: np.ndarray, max_error: float) -> str:
  """One line that lists the images with an error above max_error."""
  bad = np.flatnonzero(errors > max_error)
  shown = ' '.join(map(str, bad[:20])) + (' ...' if len(bad) > 20 else '')
  share = f'{len(bad)} of {len(errors)} images'
  return f'above {max_error:g}: {share}{": " if len(bad) else ""}{shown}'


def worst_grid(
  errors: np.ndarray,
  images: np.ndarray,
  reconstructions: np.ndarray,
) -> bytes:
  """A PNG of images above their reconstructions, in columns.

  Args:
    errors: [n], written below the reconstructions.
    images: [n, H, W, C] uint8, or float in [0, 1].
    reconstructions: [n, H, W, C], likewise.
  """
  captions = [[''] * len(errors), [f'{e:.3f}' for e in errors]]
  return figures.picture_grid(
    np.stack([images, reconstructions]),
    row_names=('image', 'reconstruction'),
    captions=captions,
  )


def curves_plot(curves: Mapping[str, Sequence[float]]) -> bytes:
  """A PNG of error against steps, from step 0, one line per start."""
  return figures.line_plot(
    {name: (range(len(y)), y) for name, y in curves.items()},
    x_label='steps of Algorithm 1',
    y_label='mean squared error',
  )


def curves_table(
  curves: Mapping[str, Sequence[float]],
  steps: Sequence[int] = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
) -> str:
  """Error against steps as text, one line per start."""
  last = max(len(y) for y in curves.values()) - 1
  shown = sorted({s for s in steps if s <= last} | {last})
  lines = [f'{"steps":>10}' + ''.join(f'{s:9d}' for s in shown)]
  for name, y in curves.items():
    cells = ''.join(f'{y[s]:9.5f}' if s < len(y) else f'{"":9}' for s in shown)
    lines.append(f'{name:>10}{cells}')
  return '\n'.join(lines)
