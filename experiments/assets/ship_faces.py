"""Makes the generator of faces and its judge small enough to ship.

  python experiments/assets/ship_faces.py --generator=runs/faces/generator.npz \
    --judge=runs/face_judge.npz
  python experiments/train_encoder.py --config=configs/encoder_celeba.py \
    --config.data.data_dir=celeba_10000 --output_dir=runs/start \
    --config.inversion.sample_steps=300 --config.inversion.steps=300 \
    --config.encoder.start_steps=0 --config.encoder.perceptual_weight=0 \
    --config.encoder.mixing_weight=0 --config.encoder.steps=50 \
    --generator=advmix_jax/data/face_generator.npz
  python experiments/assets/ship_faces.py --start=runs/start/face_encoder.npz

Files of 32x32 have names that end with _32, and no learned start:

  python experiments/assets/ship_faces.py --ending=_32 --split=7 \
    --generator=runs/faces_32/generator.npz --judge=runs/face_judge_32.npz

Writes face_generator.npz and face_judge.npz to advmix_jax/data, and
face_encoder.npz, which is trained for the former. The generator has 16-bit
floats and, if it has noise inputs, stored noise of zero: noise that was fresh
in training shows as specks where it is frozen. All files say that CelebA's
condition holds, and name no folder. Prints how far 16 bits move the images.
"""

import pathlib

import jax
import numpy as np
from absl import flags

from advmix_jax.encoder import learned_start, pipeline
from advmix_jax.evaluation import attributes, disentanglement
from advmix_jax.generators import stylegan
from advmix_jax.runtime import cli, files, run_folder, shipped

GENERATOR = flags.DEFINE_string('generator', '', 'From train_stylegan.py.')
JUDGE = flags.DEFINE_string('judge', '', 'From train_judge.py.')
START = flags.DEFINE_string('start', '', 'From train_encoder.py.')
SPLIT = flags.DEFINE_integer(
  'split', 0, "Number of coarse layers, as probe.py recommends; 0: the file's."
)
ENDING = flags.DEFINE_string(
  'ending', '', "Of the files' names: '_32' for the generator of 32x32."
)
OUTPUT_DIR = flags.DEFINE_string(
  'output_dir', str(shipped.DATA), 'Folder of the files.'
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
      'training_images': metadata.get('training_images', ''),
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


def _copy(source, path, kind):
  """Writes a network with the condition, as it is, and without folders."""
  params, metadata = files.load_npz(source, kind=kind)
  if 'config' in metadata:
    metadata['config'] = run_folder.without_folders(metadata['config'])
  files.save_npz(path, params, metadata | {'condition': CONDITION})


def _start(source, generator, path):
  """Writes the learned start of the generator that ships.

  Raises:
    ValueError: It was trained for another file.
  """
  learned_start.load(source, generator_hash=files.file_hash(generator))
  _copy(source, path, learned_start.KIND)


def main(argv: list[str]) -> None:
  """Writes the files that are given, and prints their sizes."""
  del argv  # cli.run has refused any.
  if not (GENERATOR.value or JUDGE.value or START.value):
    raise ValueError('nothing to ship: --generator, --judge, --start are empty')
  folder, written = pathlib.Path(OUTPUT_DIR.value), []
  generator = folder / f'face_generator{ENDING.value}.npz'
  if GENERATOR.value:
    moved = _generator(GENERATOR.value, generator)
    print(f'no pixel of 250 images moves by more than {255 * moved:.1f} of 255')
    written.append(generator)
  if JUDGE.value:
    written.append(folder / f'face_judge{ENDING.value}.npz')
    _copy(JUDGE.value, written[-1], attributes.KIND)
  if START.value:
    written.append(folder / pipeline.start_name(generator))
    _start(START.value, generator, written[-1])
  for path in written:
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
  cli.run(main)
