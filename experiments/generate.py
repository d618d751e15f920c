"""Draws images of a generator: a grid of seeds, or a style-mixing grid.

  python experiments/generate.py --checkpoint=ffhq.npz --seeds=0-15
  python experiments/generate.py --seeds=0-3 --mix_seeds=4-9

With --mix_seeds, a row's seed gives the first --cut layers (shape), a column's
the others; the first column and row are the seeds themselves.
"""

import jax
import numpy as np
from absl import flags

from advmix_jax.generators import stylegan
from advmix_jax.runtime import cli, files, pictures, shipped

CHECKPOINT = flags.DEFINE_string(
  'checkpoint',
  str(shipped.DATA / 'generator.npz'),
  'Which generator, an .npz.',
)
SEEDS = flags.DEFINE_string('seeds', '0-15', 'Such as 0-15 or 3,5,8-10.')
MIX_SEEDS = flags.DEFINE_string('mix_seeds', '', 'Seeds of the columns.')
PSI = flags.DEFINE_float(
  'truncation_psi', 0.7, '1 truncates nothing; below 0: the opposites.'
)
CUT = flags.DEFINE_integer(
  'cut', 0, "Coarse layers of a mix; 0: the generator's split.", 0
)
LABEL = flags.DEFINE_integer(
  'label', -1, 'Class, if the network has any; -1: drawn by the seed.', -1
)
OUTPUT = flags.DEFINE_string('output', 'grid.png', 'The picture to write.')


def parse_seeds(text: str) -> list[int]:
  """'3,5-7' -> [3, 5, 6, 7]; ValueError on anything else."""
  seeds = []
  for part in text.split(','):
    first, dash, last = part.partition('-')
    if not (first.isdecimal() and (last.isdecimal() or not dash)):
      raise ValueError(f'seeds {text!r}, expected numbers such as 0-15 or 3,5')
    stop = int(last or first) + 1
    if not int(first) < stop <= min(2**32, int(first) + 1000):
      raise ValueError(f'seeds {part!r}, expected 1 to 1000 below 2**32')
    seeds += range(int(first), stop)
  return seeds


def latents(generator, params, text: str) -> np.ndarray:
  """Truncated w of the official example's z for each seed: [N, L, D]."""
  size, labels = generator.latent_size, None
  z = [np.random.RandomState(s).randn(size) for s in parse_seeds(text)]
  classes = len(params['mapping'].get('label_concat', ()))
  if LABEL.value >= 0:
    if LABEL.value >= classes:
      expected = f'-1 to {classes - 1}' if classes else '-1: it has no classes'
      raise ValueError(f'--label={LABEL.value}, expected {expected}')
    labels = np.eye(classes, dtype='f4')[[LABEL.value] * len(z)]
    z = [row[: size - classes] for row in z]  # The rest would draw the class.
  w = generator.map(params, np.asarray(z, 'f4'), labels)
  return np.asarray(stylegan.truncate(params, w, psi=PSI.value))


def mixes(w: np.ndarray, fine: np.ndarray, cut: int) -> list:
  """Cells of the mixing grid, row by row; None is the empty corner."""
  cells = [None, *fine]
  for a in w:
    cells += [a, *(np.concatenate([a[:cut], b[cut:]]) for b in fine)]
  return cells


def main(argv: list[str]) -> None:
  """Writes the grid; `argv` holds the script's name alone."""
  files.check_output(OUTPUT.value, CHECKPOINT.value)
  if CUT.value and not MIX_SEEDS.value:
    raise ValueError(f'--cut={CUT.value} does nothing without --mix_seeds')
  generator, params = stylegan.load(CHECKPOINT.value)
  if CUT.value >= generator.num_layers:
    raise ValueError(
      f'--cut={CUT.value}, expected less than {generator.num_layers}, the '
      f'layers of {CHECKPOINT.value}'
    )
  cells = list(latents(generator, params, SEEDS.value))
  columns = int(np.ceil(len(cells) ** 0.5))
  if MIX_SEEDS.value:
    fine = latents(generator, params, MIX_SEEDS.value)
    cells = mixes(cells, fine, CUT.value or generator.split)
    columns = len(fine) + 1
  cells += [None] * (-len(cells) % columns)
  draw = jax.jit(generator.synthesize)  # One by one: 1024 pixels need memory.
  drawn = [
    pictures.to_uint8(draw(params, w[None])[0]) for w in cells if w is not None
  ]
  images = np.full((len(cells), *drawn[0].shape), 255, np.uint8)
  images[[w is not None for w in cells]] = drawn
  picture = pictures.grid(images.reshape(-1, columns, *drawn[0].shape))
  pictures.write_png(OUTPUT.value, picture)
  print(f'{OUTPUT.value}: {picture.shape[1]}x{picture.shape[0]} pixels')


if __name__ == '__main__':
  cli.run(main)
