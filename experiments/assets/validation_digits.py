r"""Makes a folder of MNIST whose test digits are later training digits.

Options are chosen on digits that neither train nor test. The folder made has
the first training digits as its training part, and the next ones in place of
the test digits, so any command runs on it without seeing a test digit:

  python experiments/assets/validation_digits.py --data_dir=mnist \
    --output=mnist_valid
  python experiments/train_and_test.py --config=configs/colored_mnist.py \
    --config.data.source=idx --config.data.data_dir=mnist_valid \
    --config.method=nominal --workdir=runs/valid
"""

import pathlib
import struct

import numpy as np
from absl import flags

from advmix_jax.datasets import digits
from advmix_jax.runtime import cli, files

DATA_DIR = flags.DEFINE_string('data_dir', 'mnist', 'Folder of the IDX files.')
OUTPUT = flags.DEFINE_string('output', 'mnist_valid', 'Folder made.')
NUM_TRAIN = flags.DEFINE_integer(
  'num_train', 10_000, 'Training digits.', lower_bound=1
)
NUM_VALID = flags.DEFINE_integer(
  'num_valid', 5_000, 'Digits after them, as the test part.', lower_bound=1
)


def _idx(array: np.ndarray) -> bytes:
  """An IDX file of unsigned bytes."""
  head = struct.pack(f'>{1 + array.ndim}I', 0x800 + array.ndim, *array.shape)
  return head + array.astype(np.uint8).tobytes()


def _write(folder, prefix, image, label):
  files.write_bytes(folder / f'{prefix}-images-idx3-ubyte', _idx(image))
  files.write_bytes(folder / f'{prefix}-labels-idx1-ubyte', _idx(label))


def main(argv: list[str]) -> None:
  """Writes the four files.

  Raises:
    FileNotFoundError, ValueError: as digits.load_digits, or there are digits
      in --output.
  """
  del argv  # cli.run has refused any.
  folder = pathlib.Path(OUTPUT.value)
  if any(folder.glob('t10k-images*')):
    raise ValueError(f'--output is {folder}, which has digits already')
  cut, end = NUM_TRAIN.value, NUM_TRAIN.value + NUM_VALID.value
  found = digits.load_digits('idx', 'train', data_dir=DATA_DIR.value, limit=end)
  _write(folder, 'train', found.image[:cut], found.label[:cut])
  _write(folder, 't10k', found.image[cut:], found.label[cut:])
  print(f'{folder}: {cut:,} training and {end - cut:,} validation digits')


if __name__ == '__main__':
  cli.run(main)
