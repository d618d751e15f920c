"""Makes the generator of faces and its judge small enough to ship.

  python experiments/assets/ship_faces.py --generator=runs/faces/generator.npz \
    --judge=runs/face_judge.npz

Writes face_generator.npz and face_judge.npz to advmix_jax/data. The generator
has 16-bit floats and stored noise of zero: noise that was fresh in training
shows as specks where it is frozen. Both files say that CelebA's condition
holds, and name no folder. Prints how far 16 bits move the images.
"""

import pathlib

import jax
import numpy as np
from absl import flags

from advmix_jax.evaluation import attributes, disentanglement
from advmix_jax.generators import stylegan
from advmix_jax.runtime import cli, files, run_folder, shipped

GENERATOR = flags.DEFINE_string('generator', '', 'From train_stylegan.py.')
JUDGE = flags.DEFINE_string('judge', '', 'From train_judge.py.')
SPLIT = flags.DEFINE_integer(
  'split', 0, "Number of coarse layers, as probe.py recommends; 0: the file's."
)
OUTPUT_DIR = flags.DEFINE_string(
  'output_dir', str(shipped.DATA), 'Folder of the two files.'
)

CONDITION = (
  'Trained on CelebA (Liu et al. 2015), whose images are for non-commercial '
  'research purposes only; the same holds for this file.'
)


def _generator(path, output):
  """Writes the generator in 16 bits; returns the largest change of a pixel."""
  params, metadata = files.load_npz(path, kind=stylegan.GENERATOR_KIND)
  config, training = metadata['config'], metadata['training']
  if SPLIT.value:
    config['split'] = training['network']['split'] = SPLIT.value
  quiet = _without_noise(params)
  files.save_npz(
    output,
    jax.tree.map(np.float16, quiet),
    {
      'config': config,
      'training': run_folder.without_folders(training),
      'condition': CONDITION,
    },
    kind=stylegan.GENERATOR_KIND,
  )
  generator, small = stylegan.load(output)
  images = [
    disentanglement.draw(jax.random.key(0), generator, weights, 250)
    for weights in (quiet, small)
  ]
  return np.abs(images[0] - images[1]).max()


def _without_noise(params):
  """The parameters with zeros as stored noise."""
  return {
    name: {k: np.zeros_like(v) if k == 'noise' else v for k, v in layer.items()}
    for name, layer in params.items()
  }


def main(argv: list[str]) -> None:
  """Writes both files and prints their sizes."""
  del argv  # cli.run has refused any.
  folder = pathlib.Path(OUTPUT_DIR.value)
  generator = folder / 'face_generator.npz'
  moved = _generator(GENERATOR.value, generator)
  print(
    f'{generator}: {generator.stat().st_size / 1e6:.1f} MB; no pixel of 250 '
    f'images moves by more than {255 * moved:.1f} of 255'
  )
  params, metadata = files.load_npz(JUDGE.value, kind=attributes.KIND)
  judge = folder / 'face_judge.npz'
  metadata['condition'] = CONDITION
  files.save_npz(judge, params, metadata)
  print(f'{judge}: {judge.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
  cli.run(main)
