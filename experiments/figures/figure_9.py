"""Figure 9: variations of digits by three methods, and what they change.

One training digit of each class: its mixup, its worst case in an l_inf ball of
0.1 and its worst mix, both for a classifier that was trained nominally; under
each the difference to the digit, rescaled.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from advmix_jax.report import illustrations
from advmix_jax.runtime import files
from figures import digits


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_9.png; returns its path in a list."""
  config = digits.config()
  config.pixel_attack.update(eps=0.1, alpha=0.025, steps=20)
  names = {
    'mixup': 'mixup',
    f'l_inf, eps {config.pixel_attack.eps:g}': 'adversarial_training',
    'AdvMix': 'advmix',
  }
  batch, generator, params = digits.one_of_each(config)
  logits_fn = digits.nominal_logits_fn(config)
  variations = {
    row: digits.examples(
      name, config, batch, logits_fn, generator, params
    ).image
    for row, name in names.items()
  }
  path = pathlib.Path(outdir) / 'figure_9.png'
  png = illustrations.difference_grid(np.asarray(batch.image), variations)
  files.write_bytes(path, png)
  return [path]
