"""Figure 5: Algorithm 1 at work, and two mixes of the latents that it finds.

The targets are drawn from random latents, which Algorithm 1 does not see: it
starts at the average latents, as printed. The last two rows keep the coarse
latents that it found, and have random fine ones.

Contents: make.
"""

from __future__ import annotations

import os
import pathlib

import jax
import numpy as np

from advmix_jax import generators
from advmix_jax.encoder import algorithm1, perceptual
from advmix_jax.generators import mixing, stylegan
from advmix_jax.report import figures as report_figures
from advmix_jax.runtime import files
from figures import faces

_COUNT, _MIXES = 6, 2
_SHOWN = (0, 10, 30, 100, 300)  # Steps; the last one is N.


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_5.png; returns its path in a list."""
  config = faces.config()
  config.encoder.update(steps=_SHOWN[-1], start='average', start_steps=0)
  generator, params = generators.load_stylegan(config.generator)
  decode = jax.jit(stylegan.clipped(generator).synthesize)
  target_rng, rng, mix_rng = jax.random.split(jax.random.key(config.seed), 3)
  z = mixing.random_z(generator, target_rng, _COUNT)
  target = np.asarray(decode(params, generator.map(params, z)))
  path = algorithm1.progress(
    target,
    generator=stylegan.clipped(generator, towards=True),
    generator_params=params,
    features_fn=perceptual.load(config.encoder.features),
    config=config.encoder,
    start_fn=None,
    rng=rng,
  )
  z_par, _ = mixing.split_latents(path[:, -1], generator.split)
  fine = mixing.random_fine(generator, params, mix_rng, _MIXES)
  rows = [target, *(decode(params, path[:, step]) for step in _SHOWN)]
  for draw in fine:
    z_perp = np.broadcast_to(draw, (_COUNT, *draw.shape))
    rows.append(decode(params, mixing.merge_latents(z_par, z_perp)))
  return _write(pathlib.Path(outdir) / 'figure_5.png', np.stack(rows))


def _write(path, rows):
  """Writes the rows, each reconstruction with its squared error below it."""
  errors = np.square(rows - rows[0]).mean((2, 3, 4))
  steps = len(_SHOWN)
  captions = [[f'{e:.4f}' for e in row] for row in errors]
  blank = [''] * _COUNT
  png = report_figures.picture_grid(
    rows,
    row_names=(
      'target',
      *(f'{step} steps' for step in _SHOWN),
      *['mix'] * _MIXES,
    ),
    captions=[blank, *captions[1 : 1 + steps], *[blank] * _MIXES],
  )
  files.write_bytes(path, png)
  return [path]
