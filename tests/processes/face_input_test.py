"""Bad input to a training on faces, as typed: one line, and nothing is trained.

CelebA's files are made ones; the generator is the one of faces that ships.
"""

import zipfile

import pytest
from helpers import made_images
from processes import programs

from advmix_jax.datasets import celeba

THERE = {'lock': '', 'notes.txt': 'of mine'}  # In the run's folder.


def without_test_images(folder):
  path = folder / 'list_eval_partition.txt'
  path.write_text(path.read_text().replace(' 2\n', ' 1\n'))


def with_half_an_image(folder):
  path = folder / 'img_align_celeba.zip'
  with zipfile.ZipFile(path) as archive:
    images = {name: archive.read(name) for name in archive.namelist()}
  name = 'img_align_celeba/000006.jpg'
  images[name] = images[name][: len(images[name]) // 2]
  with zipfile.ZipFile(path, 'w') as archive:
    for name, data in images.items():
      archive.writestr(name, data)


def as_they_are(folder):
  pass


@pytest.mark.parametrize(
  ('damage', 'option', 'parts'),
  [
    (
      as_they_are,
      'data.attribute=Smilng',
      ["data.attribute is 'Smilng', expected one of ", *celeba.ATTRIBUTES],
    ),
    (
      without_test_images,
      'seed=1',
      ['list_eval_partition.txt: no image of the test part (number 2)'],
    ),
    (
      as_they_are,
      'generator.split=12',
      [
        'generator.split is 12, expected 1 to 9, or 0 ',
        'face_generator.npz has 10 layers',
      ],
    ),
    (
      with_half_an_image,
      'seed=1',
      ['img_align_celeba.zip: 000006.jpg: image file is truncated'],
    ),
    (
      as_they_are,
      'data.resolution=32',
      ['the generator makes images (64, 64, 3), expected (32, 32, 3), as'],
    ),
  ],
  ids=['attribute', 'partition', 'split', 'jpeg', 'size'],
)
def test_bad_input_of_faces_is_one_line(tmp_path, damage, option, parts):
  made_images.write_celeba(tmp_path)
  damage(tmp_path)
  run = tmp_path / 'run'
  run.mkdir()
  for name, text in THERE.items():
    (run / name).write_text(text)
  done = programs.run_script(
    'train.py',
    '--config=configs/celeba.py',
    f'--config.data.data_dir={tmp_path}',
    f'--config.{option}',
    f'--workdir={run}',
    XDG_CACHE_HOME=str(tmp_path / 'cache'),
  )
  assert done.returncode == 1
  (line,) = (
    line
    for line in done.stderr.splitlines()
    if line and not line.startswith('read images:')  # A progress bar.
  )
  assert line.startswith('train.py: error: ')
  assert not [part for part in parts if part not in line], line
  assert {p.name: p.read_text() for p in run.iterdir()} == THERE
