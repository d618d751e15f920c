"""Files of MNIST's format. Contents: NAMES, encode, write_folder."""

import gzip
import struct

import numpy as np

NAMES = {
  'train': ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
  'test': ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
}


def encode(array):
  """Encodes uint8 as IDX, written from the format's description."""
  header = struct.pack('>HBB', 0, 8, array.ndim)
  return header + struct.pack(f'>{array.ndim}I', *array.shape) + array.tobytes()


def write_folder(folder, split='train', num=7, zipped=False):
  """Writes random digits of one split; returns them."""
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (num, 28, 28), np.uint8)
  label = rng.integers(0, 10, num, np.uint8)
  for name, array in zip(NAMES[split], (image, label), strict=True):
    data = encode(array)
    path = folder / (name + '.gz' if zipped else name)
    path.write_bytes(gzip.compress(data) if zipped else data)
  return image, label
