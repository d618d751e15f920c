r"""Makes advmix_jax/data/digits.npz, the digits that ship with the package.

Takes the first digits of the official MNIST training and test files, in their
order, and writes one compressed .npz without pickles: train_image, train_label,
test_image, test_label, all uint8. The same input gives the same bytes.

From the project's root, with the four IDX files (gzipped or not) in mnist/:

  python experiments/assets/bundle_digits.py --data_dir=mnist

Writing elsewhere, or more digits (60,000 and 10,000 is all of MNIST, 11 MB):

  python experiments/assets/bundle_digits.py --data_dir=mnist \
    --output=/tmp/all.npz --num_train=60000 --num_test=10000

MNIST is by Y. LeCun and C. Cortes, under CC BY-SA 3.0.
"""

import os
import sys

import numpy as np
from absl import app, flags

from advmix_jax.datasets import digits
from advmix_jax.datasets.digits import load_digits
from advmix_jax.runtime import files

DATA_DIR = flags.DEFINE_string('data_dir', 'mnist', 'Folder of the IDX files.')
OUTPUT = flags.DEFINE_string('output', str(digits.EMBEDDED_PATH), 'File made.')
NUM_TRAIN = flags.DEFINE_integer('num_train', 10_000, 'Training digits kept.')
NUM_TEST = flags.DEFINE_integer('num_test', 2_000, 'Test digits kept.')


def bundle(data_dir: str, output: str, num_train: int, num_test: int) -> None:
  """Writes the digits to `output`, atomically."""
  arrays = {}
  for split, limit in (('train', num_train), ('test', num_test)):
    data = load_digits('idx', split, data_dir=data_dir, limit=limit)
    arrays[f'{split}_image'] = data.image
    arrays[f'{split}_label'] = data.label.astype(np.uint8)
  files.write_atomically(
    output, lambda file: np.savez_compressed(file, **arrays)
  )


def main(argv: list[str]) -> None:
  """Makes the file and prints its size."""
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments {argv[1:]}')
  try:
    bundle(DATA_DIR.value, OUTPUT.value, NUM_TRAIN.value, NUM_TEST.value)
  except (OSError, ValueError) as error:
    sys.exit(str(error))
  print(f'{OUTPUT.value}: {os.path.getsize(OUTPUT.value):,} bytes')


if __name__ == '__main__':
  app.run(main)
