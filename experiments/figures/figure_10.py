"""Figure 10: variations of faces by three methods, and what they change.

Drawn faces: their mixup, their worst case in an l_inf ball of 8/255 and their
worst mix, both for a classifier that was trained nominally; under each the
difference to the face, rescaled.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from advmix_jax import datasets
from advmix_jax.report import illustrations
from advmix_jax.runtime import files
from figures import faces, short

_COUNT = 8


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_10.png; returns its path in a list."""
  config, test, subject = faces.setting()
  config = config.copy_and_resolve_references()
  config.optimizer.batch_size = _COUNT
  batch = datasets.take(test, np.arange(_COUNT))

  def logits_fn(image):
    return subject.logits_fn(subject.params, image)

  variations = {}
  for row, name in (
    ('mixup', 'mixup'),
    ('l_inf, eps 8/255', 'adversarial_training'),
    ('AdvMix', 'advmix'),
  ):
    variations[row] = short.examples(
      name,
      config,
      batch,
      len(faces.NAMES),
      logits_fn,
      subject.generator,
      subject.generator_params,
    ).image
  path = pathlib.Path(outdir) / 'figure_10.png'
  png = illustrations.difference_grid(np.asarray(batch.image), variations)
  files.write_bytes(path, png)
  return [path]
