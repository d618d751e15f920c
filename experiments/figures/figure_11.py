"""Figure 11: faces that a classifier gets right before and wrong after.

More faces than in Figure 1, what the classifier says of each and of the mix
that Algorithm 2 finds, and their rescaled difference.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

from advmix_jax import datasets
from advmix_jax.report import illustrations
from advmix_jax.runtime import files
from figures import faces

_COUNT = 12


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_11.png; returns its path in a list."""
  config, test, subject = faces.setting()
  chosen, mixes = faces.broken(config, subject, test, _COUNT)
  png = illustrations.difference_grid(
    datasets.to_float(chosen.image),
    {'adversarial mix': mixes},
    caption_fn=lambda images: faces.says(subject, images),
  )
  path = pathlib.Path(outdir) / 'figure_11.png'
  files.write_bytes(path, png)
  return [path]
