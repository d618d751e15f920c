"""Pictures of a report as PNG: grids of images, and curves.

  png = figures.picture_grid(images, row_names=['image', 'mix'])
  png = figures.line_plot(curves, x_label='restarts', y_label='accuracy')

Contents: picture_grid, line_plot.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

from advmix_jax.runtime import pictures

_DPI = 110
# Okabe and Ito's, which the colour-blind tell apart.
COLOURS = (
  *('#0072B2', '#D55E00', '#009E73', '#CC79A7'),
  *('#E69F00', '#56B4E9', '#000000', '#999999'),
)
_CELL = 96 / _DPI  # Inches: three screen pixels per pixel of a 32x32 image.


def _figure(width, height):
  """An empty figure of a size in inches."""
  from matplotlib import figure  # A fifth of all imports; few callers draw.

  return figure.Figure(figsize=(width, height))


def _save(fig):
  """Renders a figure as PNG."""
  buffer = io.BytesIO()
  fig.savefig(buffer, format='png', dpi=_DPI, bbox_inches='tight')
  return buffer.getvalue()


def picture_grid(
  images: np.ndarray,
  *,
  row_names: Sequence[str],
  captions: Sequence[Sequence[str]] | None = None,
) -> bytes:
  """Arranges pictures in named rows, with a caption below each picture.

  Args:
    images: [rows, columns, H, W, C] uint8, or float in [0, 1]; values outside
      are clipped.
    row_names: One per row, written to its left.
    captions: One per picture; None: no captions.

  Returns:
    A PNG.

  Raises:
    ValueError: `images` has other axes, or there is not one name per row.
  """
  images = pictures.to_uint8(images)
  if images.ndim != 5 or images.shape[0] != len(row_names):
    raise ValueError(
      f'picture_grid got images {images.shape} and {len(row_names)} row '
      'names, expected [rows, columns, H, W, C] and a name per row.'
    )
  height, width = images.shape[2:4]
  gap = max(1, width // 16)
  below = gap if captions is None else max(gap, height // 4)
  margins = ((0, 0), (0, 0), (0, below), (0, gap), (0, 0))
  tiled = pictures.grid(np.pad(images, margins, constant_values=255))
  axis = _axis_of(tiled, inches_per_pixel=_CELL / height)
  for i, name in enumerate(row_names):
    y = i * (height + below) + height / 2
    axis.text(-gap, y, name, ha='right', va='center', fontsize=8)
  for i, row in enumerate(captions or ()):
    y = i * (height + below) + height + gap / 2
    for j, caption in enumerate(row):
      x = j * (width + gap) + width / 2
      axis.text(x, y, caption, ha='center', va='top', fontsize=7)
  return _save(axis.figure)


def _axis_of(image, *, inches_per_pixel):
  """An axis that one image [H, W, C] fills; x and y count its pixels."""
  height, width = image.shape[:2]
  fig = _figure(width * inches_per_pixel, height * inches_per_pixel)
  axis = fig.add_axes((0, 0, 1, 1))
  axis.imshow(
    image,
    cmap='gray',  # For images with one channel.
    vmin=0,
    vmax=255,
    interpolation='nearest',
    extent=(0, width, height, 0),
  )
  axis.set_axis_off()
  return axis


def line_plot(
  curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
  *,
  x_label: str,
  y_label: str,
) -> bytes:
  """Plots curves, {name: (x, y)}, as PNG; the y-axis starts at 0.

  Curves differ by colour, by their lines and by their marks.
  """
  fig = _figure(5.6, 3.4)
  axis = fig.subplots()
  for i, (name, (x, y)) in enumerate(curves.items()):
    look = {'ls': ('-', '--', ':', '-.')[i % 4], 'marker': 'osD^v'[i % 5]}
    text = name.replace('$', r'\$')  # Else what is between two is TeX.
    axis.plot(x, y, color=COLOURS[i % 8], ms=3, label=text, **look)
  axis.set(xlabel=x_label, ylabel=y_label)
  axis.set_ylim(bottom=0)
  if all(float(v).is_integer() for x, _ in curves.values() for v in x):
    axis.xaxis.get_major_locator().set_params(integer=True)
  axis.spines[['top', 'right']].set_visible(False)
  axis.grid(alpha=0.3)
  above = {'loc': 'lower left', 'bbox_to_anchor': (0, 1)}  # Never on a curve.
  axis.legend(frameon=False, fontsize=8, ncols=2, **above)
  return _save(fig)
