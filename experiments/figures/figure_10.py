"""Figure 10: variations of faces by three methods, and what they change.

Drawn faces: their mixup, their worst case in an l_inf ball of 8/255 and their
worst mix, both for a classifier that was trained nominally; under each the
difference to the face, rescaled.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import jax
import numpy as np

from advmix_jax import datasets, methods
from advmix_jax.report import illustrations
from advmix_jax.runtime import files
from figures import faces

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
    method = methods.make(
      name, config, num_classes=2, generator=subject.generator
    )
    found = jax.jit(method.examples_fn, static_argnums=1)(
      jax.random.key(0), logits_fn, batch, subject.generator_params
    )
    variations[row] = np.asarray(found.image)
  path = pathlib.Path(outdir) / 'figure_10.png'
  png = illustrations.difference_grid(np.asarray(batch.image), variations)
  files.write_bytes(path, png)
  return [path]
