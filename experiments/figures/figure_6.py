"""Figure 6: the mean colour of each class in the training set.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from advmix_jax.datasets import colored_mnist, digits
from advmix_jax.report import illustrations
from advmix_jax.runtime import files


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_6.png and .svg; returns their paths."""
  ink = digits.load_digits('embedded', 'train', limit=1000)
  train = colored_mnist.make(ink, sigma=0.0, seed=0, biased=True)
  classes = np.arange(train.num_classes)
  first = [np.flatnonzero(train.label == y)[0] for y in classes]
  figure = illustrations.swatches(
    colored_mnist.COLOR_MEANS,
    train.image[first],
    [str(y) for y in classes],
  )
  paths = []
  for kind in ('png', 'svg'):
    paths.append(pathlib.Path(outdir) / f'figure_6.{kind}')
    files.write_bytes(paths[-1], illustrations.render(figure, kind))
  return paths
