"""Made folders of images: with a table of labels, and with a folder a class."""

from PIL import Image

from advmix_jax import datasets
from helpers import made_images

ROWS = (
  ('a/1.png', 'owl', 'train'),
  ('a/2.gif', 'crow', 'train'),
  ('b/3.bmp', 'owl', 'valid'),
  ('b/4.png', 'tit', 'test'),
)
SIZES = ((20, 30), (33, 21), (16, 16), (40, 40))


def with_table(path, rows=ROWS):
  """The images of ROWS, of SIZES, and a table that lists `rows`."""
  for i, (name, _, _) in enumerate(ROWS):
    image = made_images.picture(i, *SIZES[i])
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path / name)
  text = '\n'.join(','.join(row) for row in (('file', 'label', 'split'), *rows))
  (path / 'labels.csv').write_text(text + '\n')


def config_of_birds(tmp_path):
  """The config of a folder with a table, at a small size."""
  with_table(tmp_path / 'birds')
  config = datasets.default_config('folder')
  config.data_dir = str(tmp_path / 'birds')
  config.resolution = 8
  config.cache_dir = str(tmp_path / 'cache')
  return config


def classes(path, counts):
  """A folder a class, half of its images one deeper, and two other files."""
  for name, count in counts.items():
    (path / name / 'more').mkdir(parents=True)
    for i in range(count):
      place = path / name / 'more' if i % 2 else path / name
      Image.fromarray(made_images.picture(i, 12, 10)).save(place / f'{i}.png')
  (path / 'crow' / '.DS_Store').write_bytes(b'x')
  (path / 'notes.txt').write_text('no image')


def flat(path, counts):
  """A folder of images for each class, and nothing else."""
  for name, count in counts.items():
    (path / name).mkdir(parents=True)
    for i in range(count):
      image = Image.fromarray(made_images.picture(i, 12, 10))
      image.save(path / name / f'{i}.png')


def table(config, folder, lines):
  """A table without splits, in a folder that the config names from now on."""
  (folder / 'labels.csv').write_text('\n'.join(['file,label', *lines]))
  config.data_dir = str(folder)
