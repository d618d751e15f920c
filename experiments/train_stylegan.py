"""Trains StyleGAN v1 on images, resumable, with metrics and sample grids.

  python experiments/train_stylegan.py --config.gan.kimg=100 --workdir=runs/gan
  python experiments/train_stylegan.py --config=configs/stylegan_folder.py \
    --config.data.data_dir=birds --workdir=runs/birds

Without --config the images are coloured digits; configs/stylegan_folder.py is
for images of your own, configs/stylegan_celeba.py for faces. Ends with
WORKDIR/generator.npz, which `stylegan.load` and every other script read. The
same command again resumes where the last one stopped.
"""

import pathlib

from absl import flags

from advmix_jax.generators import gan_training
from advmix_jax.runtime import cli

CONFIG = cli.define_config(__file__, 'configs/stylegan.py')
WORKDIR = flags.DEFINE_string(
  'workdir', '', "The run's folder; default: runs/stylegan."
)


def main(argv: list[str]) -> None:
  """Runs one training and prints where its generator is."""
  del argv  # cli.run has refused any.
  root = pathlib.Path(__file__).resolve().parent.parent
  workdir = WORKDIR.value or root / 'runs' / 'stylegan'
  record = gan_training.train(CONFIG.value, workdir)
  print(
    f'{record["generator"]}: {record["kimg"]:g} thousand images, '
    f'{record["wall_seconds"]:.0f} s in this call'
  )


if __name__ == '__main__':
  cli.run(main)
