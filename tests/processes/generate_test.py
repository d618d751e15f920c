"""A grid's cells are the images that its options name."""

import numpy as np
from helpers import random_params
from PIL import Image
from processes import programs

from advmix_jax.generators import stylegan
from advmix_jax.runtime import pictures


def test_cells_are_the_images_of_their_seeds_class_psi_and_cut(tmp_path):
  path = random_params.save_stylegan(
    tmp_path / 'g.npz',
    {'resolution': 8, 'fmaps': (8, 8), 'split': 2, 'label_size': 2}
    | {'mapping_lrmul': 1.0},
  )
  picture = tmp_path / 'grid.png'
  done = programs.run_script(
    *('generate.py', f'--checkpoint={path}', f'--output={picture}'),
    *('--label=1', '--seeds=3', '--mix_seeds=5', '--cut=1'),
    '--truncation_psi=0.5',
  )
  assert done.returncode == 0, done.stderr
  generator, params = stylegan.load(path)
  z = [np.random.RandomState(s).randn(66)[:64] for s in (3, 5)]
  labels = np.eye(2, dtype='f4')[[1, 1]]
  w = generator.map(params, np.asarray(z, 'f4'), labels)
  mean = params['mapping']['dlatent_avg']
  a, b = np.asarray(mean + 0.5 * (w - mean))
  cells = np.stack([b, a, np.concatenate([a[:1], b[1:]])])
  want = pictures.to_uint8(generator.synthesize(params, cells)).astype(int)
  found = np.asarray(Image.open(picture)).astype(int)
  for cell, (row, column) in zip(want, ((0, 1), (1, 0), (1, 1)), strict=True):
    part = found[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
    assert np.abs(part - cell).max() <= 1  # A level: rounding.
  assert np.abs(want[0] - want[1]).max() > 50
