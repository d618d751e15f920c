"""Curves with bands, as PNG and as SVG.

  png, svg = curves.plot(results.curves(layout, records), x_label='sigma',
                         y_label='accuracy in %')

Contents: plot, draw, render.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from advmix_jax.report import figures
from advmix_jax.report.results import Cell

_DPI = 130
_BLACK = '#000000'
_COLOURS = tuple(color for color in figures.COLOURS if color != _BLACK)
# The same input gives the same bytes: no date, and fixed names of elements.
_METADATA = {'png': {'Software': None}, 'svg': {'Date': None}}


def plot(
  curves: Mapping[str, Sequence[tuple[float, Cell]]],
  *,
  x_label: str,
  y_label: str,
  bold: str = '',
) -> tuple[bytes, bytes]:
  """Draws each curve with its interval as a band.

  Args:
    curves: {name: [(x, cell)]}, x ascending; cells are fractions and are drawn
      in percent.
    x_label: Of the x-axis.
    y_label: Of the y-axis, from 0 to 100.
    bold: As for `draw`.

  Returns:
    (PNG, SVG).
  """
  from matplotlib import figure  # A fifth of all imports; few callers draw.

  fig = figure.Figure(figsize=(8, 4.6))
  axis = fig.subplots()
  lines = {
    name: [(x, cell.mean, cell.low, cell.high) for x, cell in points]
    for name, points in curves.items()
  }
  draw(axis, lines, bold)
  axis.set(xlabel=x_label, ylabel=y_label)
  axis.legend(
    title=_bands(curves),
    title_fontsize=8,
    frameon=False,
    fontsize=8,
    loc='center left',
    bbox_to_anchor=(1.01, 0.5),
  )
  _magnify(axis, lines, bold)
  return render(fig)


def _bands(curves):
  """What the bands are."""
  seeds = {cell.n > 1 for points in curves.values() for _, cell in points}
  kinds = [(True, "Student's t over seeds"), (False, "Wilson's of one seed")]
  names = ', '.join(name for several, name in kinds if several in seeds)
  return f'bands: 95% intervals,\n{names}'


def _magnify(axis, lines, bold):
  """Draws the top tenth once more, larger, if curves lie on each other there.

  The inset lies where curves that rise with x leave room.
  """
  high = [p for p in lines.values() if min(mean for _, mean, *_ in p) > 0.9]
  if len(high) < 3:
    return
  inset = axis.inset_axes((0.5, 0.07, 0.48, 0.5))
  draw(inset, lines, bold)
  inset.set_ylim(90, 100)
  inset.tick_params(labelsize=7)
  inset.set_title('90 to 100%, enlarged', fontsize=8)


def draw(
  axis: Any,
  curves: Mapping[str, Sequence[tuple[float, float, float, float]]],
  bold: str = '',
) -> None:
  """Draws each curve with its band on an axis of Matplotlib, from 0 to 100.

  Args:
    axis: Gets the curves, with their names as labels; no legend.
    curves: {name: [(x, mean, low, high)]}, x ascending; the others are
      fractions, are clipped to [0, 1] and drawn in percent.
    bold: Name of the curve that is drawn thick, black and above all others.
  """
  for i, (name, points) in enumerate(curves.items()):
    x, *parts = zip(*points, strict=True)
    mean, low, high = (
      [100 * min(max(value, 0), 1) for value in part] for part in parts
    )
    # Once all colours are used, curves are dashed, and lie below.
    again, place = divmod(i, len(_COLOURS))
    color, look = _COLOURS[place], {'ls': ('-', '--')[again % 2]}
    look['marker'] = 'osD^vPX*'[i % 8]
    order = 2 - again / 2
    if name == bold:
      color, order, look = _BLACK, 3, look | {'ls': '-', 'lw': 2.5}
    axis.plot(x, mean, color=color, label=name, ms=4, zorder=order, **look)
    axis.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
  axis.set_ylim(0, 101)
  axis.spines[['top', 'right']].set_visible(False)
  axis.grid(alpha=0.3)


def render(fig: Any) -> tuple[bytes, bytes]:
  """A figure of Matplotlib as (PNG, SVG); the same figure, the same bytes."""
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
