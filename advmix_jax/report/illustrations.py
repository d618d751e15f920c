"""Figures that show what methods do, not how well: from arrays alone.

  figure = illustrations.scatter_panels(panels)
  illustrations.render(figure, 'svg')  # bytes; the same figure, the same bytes

Contents: Panel, scatter_panels, swatches, difference_grid, target_captions,
render.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib import colors, figure

from advmix_jax.report import figures

_DPI = 150
_SMALLEST = 1e-3  # Less than a change of 8 bits: no change.
# Class 0 is blue, class 1 red; what is between them is purple. The shades are
# the same colours, lighter.
_CLASSES = colors.LinearSegmentedColormap.from_list(
  'classes', ['#1f6fb4', '#a889b5', '#d1342b']
)
_SHADES = colors.ListedColormap(1 - 0.2 * (1 - _CLASSES(np.linspace(0, 1, 10))))


class Panel(NamedTuple):
  """Points of two classes, and the classifier that was trained on them."""

  title: str
  original: np.ndarray  # [N', 2], drawn in grey below the points
  points: np.ndarray  # [N, 2]
  share: np.ndarray  # [N] in [0, 1], the target's share of class 1
  x: np.ndarray  # [G], first coordinate of a grid
  y: np.ndarray  # [G'], second coordinate
  probability: np.ndarray  # [G', G], of class 1, on the grid


def scatter_panels(
  panels: Sequence[Panel], *, x_label: str, y_label: str
) -> figure.Figure:
  """Panels side by side: points, shades of probability, decision boundary.

  The line is where both classes are equally likely; the shades are the
  classifier's probability. Points of soft targets are purple.
  """
  fig = figure.Figure(figsize=(3.3 * len(panels), 3.5), layout='constrained')
  axes = fig.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)
  for axis, panel in zip(axes[0], panels, strict=True):
    grid = panel.x, panel.y, panel.probability
    axis.contourf(*grid, levels=np.linspace(0, 1, 11), cmap=_SHADES)
    axis.contour(*grid, levels=[0.5], colors='black', linewidths=1.5)
    axis.scatter(*panel.original.T, c='#b0b0b0', s=9, linewidths=0)
    axis.scatter(
      *panel.points.T,
      c=panel.share,
      cmap=_CLASSES,
      vmin=0,
      vmax=1,
      s=14,
      linewidths=0.3,
      edgecolors='white',
    )
    axis.set_title(panel.title, fontsize=11)
    axis.set_xlabel(x_label)
    axis.set_xlim(panel.x[0], panel.x[-1])
    axis.set_ylim(panel.y[0], panel.y[-1])
  axes[0, 0].set_ylabel(y_label)
  return fig


def swatches(
  values: np.ndarray, images: np.ndarray, names: Sequence[str]
) -> figure.Figure:
  """One column per colour: a picture, a patch of the colour, its RGB values.

  Args:
    values: [C, 3] in [0, 1].
    images: [C, H, W, 3] in [0, 1] or uint8, shown above the patches.
    names: One per colour, written on top.
  """
  count = len(values)
  fig = figure.Figure(figsize=(0.95 * count, 2.1))
  axes = fig.subplots(
    2, count, squeeze=False, gridspec_kw={'hspace': 0, 'wspace': 0.08}
  )
  for i, name in enumerate(names):
    axes[0, i].imshow(images[i], interpolation='nearest')
    axes[0, i].set_title(name, fontsize=10)
    axes[1, i].imshow(np.broadcast_to(values[i], (2, 2, 3)))
    rgb = ', '.join(f'{v:.2g}' for v in values[i])
    axes[1, i].set_xlabel(rgb, fontsize=7.5)
  for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
  return fig


def difference_grid(
  images: np.ndarray,
  variations: Mapping[str, np.ndarray],
  *,
  caption_fn: Callable[[np.ndarray], Sequence[str]] | None = None,
) -> bytes:
  """Images, and for each variation two rows: itself, and its difference.

  A difference is grey where nothing changed. It is enlarged until its largest
  change is black or white in a channel, by the factor in its caption.

  Args:
    images: [N, H, W, C] in [0, 1].
    variations: {name: [N, H, W, C] in [0, 1]}.
    caption_fn: Images [N, H, W, C] -> what to write under each; None: nothing.

  Returns:
    A PNG.
  """
  caption_fn = caption_fn or (lambda images: [''] * len(images))
  rows, names, captions = [images], ['image'], [caption_fn(images)]
  for name, varied in variations.items():
    change = varied - images
    largest = np.abs(change).max((1, 2, 3), keepdims=True)
    rows += [varied, 0.5 + change / np.maximum(largest, _SMALLEST) / 2]
    names += [name, 'difference']
    captions += [caption_fn(varied), [_times(x) for x in largest.ravel()]]
  return figures.picture_grid(
    np.stack(rows), row_names=names, captions=captions
  )


def _times(largest):
  return f'x{1 / largest:.1f}' if largest > _SMALLEST else 'none'


def target_captions(target: np.ndarray) -> list[str]:
  """The classes of targets [N, K] in words: '3', or '3: 70%, 5: 30%'."""
  captions = []
  for row in target:
    order = [k for k in np.argsort(-row, kind='stable') if row[k] >= 0.005]
    if len(order) == 1:
      captions.append(str(order[0]))
    else:
      captions.append(', '.join(f'{k}: {100 * row[k]:.0f}%' for k in order))
  return captions


def render(fig: figure.Figure, kind: str) -> bytes:
  """Renders a figure as 'png' or 'svg', without dates or random names."""
  buffer = io.BytesIO()
  metadata = {'Date': None} if kind == 'svg' else None
  with matplotlib.rc_context({'svg.hashsalt': 'advmix_jax'}):
    fig.savefig(
      buffer, format=kind, dpi=_DPI, bbox_inches='tight', metadata=metadata
    )
  return buffer.getvalue()
