"""Figure 8: random variations of faces, and what the classifier says of each.

A column is a drawn face; below it its coarse latents with random fine ones. A
nominally trained classifier should say the same down a column.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import jax
import numpy as np

from advmix_jax import datasets
from advmix_jax.evaluation import measures
from advmix_jax.report import figures as report_figures
from advmix_jax.runtime import files
from figures import faces

_COUNT, _DRAWS = 8, 4


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_8.png; returns its path in a list."""
  _, test, subject = faces.setting()
  rows = [datasets.to_float(test.image[:_COUNT])]
  latents = test.latents[:_COUNT]
  for n in range(_DRAWS):
    mixed = measures.random_mixes(subject, jax.random.key(n), latents)
    image = measures.decode(subject, mixed, batch_size=_COUNT)
    rows.append(np.clip(np.asarray(image), 0, 1))
  png = report_figures.picture_grid(
    np.stack(rows),
    row_names=('face', *['random mix'] * _DRAWS),
    captions=[faces.says(subject, images) for images in rows],
  )
  path = pathlib.Path(outdir) / 'figure_8.png'
  files.write_bytes(path, png)
  return [path]
