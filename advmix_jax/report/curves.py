"""Curves with bands, as PNG and as SVG.

  png, svg = curves.plot(results.curves(layout, records), x_label='sigma',
                         y_label='accuracy in %')

Contents: plot.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from advmix_jax.report.results import Cell

_DPI = 130
# The same input gives the same bytes: no date, and fixed names of elements.
_METADATA = {'png': {'Software': None}, 'svg': {'Date': None}}


def plot(
  curves: Mapping[str, Sequence[tuple[float, Cell]]],
  *,
  x_label: str,
  y_label: str,
) -> tuple[bytes, bytes]:
  """Draws each curve with its interval as a band.

  Args:
    curves: {name: [(x, cell)]}, x ascending; cells are fractions and are drawn
      in percent.
    x_label: Of the x-axis.
    y_label: Of the y-axis, from 0 to 100.

  Returns:
    (PNG, SVG).
  """
  import matplotlib  # A fifth of all imports; few callers draw.
  from matplotlib import figure

  fig = figure.Figure(figsize=(8, 4.6))
  axis = fig.subplots()
  colors = matplotlib.colormaps['tab20']
  for i, (name, points) in enumerate(curves.items()):
    x = [x for x, _ in points]
    mean, low, high = (
      [100 * min(max(getattr(cell, part), 0), 1) for _, cell in points]
      for part in ('mean', 'low', 'high')
    )
    # The ten dark colours first; markers tell the light ones apart, too.
    color = colors(2 * i % 20 + i // 10 % 2)
    axis.plot(x, mean, color=color, marker='osD^v'[i % 5], ms=4, label=name)
    axis.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
  axis.set(xlabel=x_label, ylabel=y_label, ylim=(0, 101))
  axis.spines[['top', 'right']].set_visible(False)
  axis.grid(alpha=0.3)
  axis.legend(
    frameon=False, fontsize=8, loc='center left', bbox_to_anchor=(1.01, 0.5)
  )
  return _save(fig, 'png'), _save(fig, 'svg')


def _save(fig, kind):
  import matplotlib

  buffer = io.BytesIO()
  with matplotlib.rc_context({'svg.hashsalt': 'advmix_jax'}):
    fig.savefig(
      buffer,
      format=kind,
      dpi=_DPI,
      bbox_inches='tight',
      metadata=_METADATA[kind],
    )
  return buffer.getvalue()
