"""Figure 2: what augmentations and AdvMix make of the same digits.

One training digit of each class; below it the example that mixup, cutout,
CutMix and AdvMix train on, with its target. AdvMix attacks a classifier that
was trained nominally on the biased digits.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from advmix_jax.methods.nominal import clean_examples
from advmix_jax.report import figures as report_figures
from advmix_jax.report import illustrations, tables
from advmix_jax.runtime import files
from figures import digits

_METHODS = ('mixup', 'cutout', 'cutmix', 'advmix')


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_2.png; returns its path in a list."""
  config = digits.config()
  batch, generator, params = digits.one_of_each(config)
  logits_fn = digits.nominal_logits_fn(config)
  rows = {'original': clean_examples(batch, 10)}
  for name in _METHODS:
    rows[tables.method_name(name)] = digits.examples(
      name, config, batch, logits_fn, generator, params
    )
  png = report_figures.picture_grid(
    np.stack([row.image for row in rows.values()]),
    row_names=list(rows),
    captions=[
      illustrations.target_captions(np.asarray(row.target))
      for row in rows.values()
    ],
  )
  path = pathlib.Path(outdir) / 'figure_2.png'
  files.write_bytes(path, png)
  return [path]
