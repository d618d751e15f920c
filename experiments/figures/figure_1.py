"""Figure 1: mixes that change what a classifier says, with its confidence.

Drawn faces that a nominally trained classifier gets right, and below each the
mix that Algorithm 2 finds: the same coarse latents, other fine ones.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from advmix_jax import datasets
from advmix_jax.report import figures as report_figures
from advmix_jax.runtime import files
from figures import faces

_COUNT = 8


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_1.png; returns its path in a list."""
  config, test, subject = faces.setting()
  chosen, mixes = faces.broken(config, subject, test, _COUNT)
  pairs = [datasets.to_float(chosen.image), mixes]
  png = report_figures.picture_grid(
    np.stack(pairs),
    row_names=('face', 'adversarial mix'),
    captions=[faces.says(subject, images) for images in pairs],
  )
  path = pathlib.Path(outdir) / 'figure_1.png'
  files.write_bytes(path, png)
  return [path]
