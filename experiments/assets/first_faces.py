r"""Makes the folder of CelebA that the tables of faces in docs/ are of.

These tables have the first 10,000 images, in parts without a person in two of
them (CelebA's own parts put all of these into training). first_faces.txt has
the part of each image in their order: 0 training, 1 validation, 2 test.

From the official files (see docs/faces.md), or any folder that has them:

  python experiments/assets/first_faces.py --celeba_dir=celeba \
    --output=celeba_10000

The images are copied as they are. Ours were of half their size, 89x109 pixels:
so numbers may differ a little from those of docs/.
"""

import pathlib
import zipfile

import numpy as np
from absl import flags

from advmix_jax.datasets import celeba, image_files
from advmix_jax.runtime import cli, files, metrics

CELEBA_DIR = flags.DEFINE_string(
  'celeba_dir', 'celeba', 'Folder of the official files.'
)
OUTPUT = flags.DEFINE_string('output', 'celeba_10000', 'Folder made.')
PARTS = flags.DEFINE_string(
  'parts',
  str(pathlib.Path(__file__).with_name('first_faces.txt')),
  'A digit for each image: 0 training, 1 validation, 2 test.',
)


def _write_lists(folder, attributes, parts):
  """Writes both lists in the official format."""
  rows = [
    f'{name} {" ".join(map(str, np.where(values, 1, -1)))}'
    for name, values in attributes.items()
  ]
  head = [str(len(rows)), ' '.join(celeba.ATTRIBUTES)]
  files.write_text(
    folder / 'list_attr_celeba.txt', '\n'.join([*head, *rows]) + '\n'
  )
  lines = [f'{n} {part}' for n, part in zip(attributes, parts, strict=True)]
  files.write_text(folder / 'list_eval_partition.txt', '\n'.join(lines) + '\n')


def _copy(images, names, file):
  """Writes images into a zip archive as they are."""
  with zipfile.ZipFile(file, 'w') as archive:  # Without compression: JPEGs.
    for name in metrics.progress(names, description='images', unit='img'):
      archive.writestr(f'img_align_celeba/{name}', images.read(name))


def main(argv: list[str]) -> None:
  """Copies the images, then writes the lists.

  Raises:
    FileNotFoundError, ValueError: as celeba.check_folder, or there are fewer
      images than parts, or both folders are the same.
  """
  del argv  # cli.run has refused any.
  folder = pathlib.Path(OUTPUT.value)
  if folder.resolve() == pathlib.Path(CELEBA_DIR.value).resolve():
    raise ValueError(f'--output is {folder}, expected another folder')
  parts = ''.join(pathlib.Path(PARTS.value).read_text().split())
  celeba.check_folder(CELEBA_DIR.value, ())
  attributes = celeba.read_attributes(celeba.attributes_path(CELEBA_DIR.value))
  if len(attributes) < len(parts):
    raise ValueError(
      f'--celeba_dir={CELEBA_DIR.value}: has {len(attributes)} images, '
      f'expected at least {len(parts)}'
    )
  names = sorted(attributes)[: len(parts)]
  source = celeba.images_path(CELEBA_DIR.value)
  with image_files.open_images(source) as images:
    files.write_atomically(
      folder / 'img_align_celeba.zip', lambda f: _copy(images, names, f)
    )
  _write_lists(folder, {name: attributes[name] for name in names}, parts)
  print(f'{folder}: {len(names):,} images')


if __name__ == '__main__':
  cli.run(main)
