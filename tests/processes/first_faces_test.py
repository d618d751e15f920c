"""Claims about experiments/assets/first_faces.py, run as a user would."""

import numpy as np
from helpers import made_images, paths
from processes import programs

from advmix_jax import datasets

_SCRIPT = 'assets/first_faces.py'


def _first(folder, output, parts, text):
  parts.write_text(text)
  return programs.run_script(
    _SCRIPT,
    f'--celeba_dir={folder}',
    f'--output={output}',
    f'--parts={parts}',
  )


def test_the_first_images_are_copied_with_their_lists(tmp_path):
  official = tmp_path / 'official'
  official.mkdir()
  made_images.write_celeba(official, count=6)
  output = tmp_path / 'first'
  done = _first(official, output, tmp_path / 'parts.txt', '02\n10\n')
  assert done.returncode == 0, done.stderr
  config = datasets.default_config('celeba')
  config.data_dir, config.resolution = str(output), 16
  config.cache_dir = str(tmp_path / 'cache')
  values = made_images.attributes(6)
  for split, rows in (('train', [0, 3]), ('valid', [2]), ('test', [1])):
    data = datasets.load(config, split)
    found = np.stack(list(data.groups.values()), axis=1)
    np.testing.assert_array_equal(found, values[rows])
  done = _first(official, output, tmp_path / 'parts.txt', '0' * 7)
  assert done.returncode == 1 and done.stderr.count('\n') == 1
  assert 'has 6 images, expected at least 7' in done.stderr
  before = (official / 'list_eval_partition.txt').read_bytes()
  done = _first(official, official, tmp_path / 'parts.txt', '02\n10\n')
  assert done.returncode == 1 and 'expected another folder' in done.stderr
  assert (official / 'list_eval_partition.txt').read_bytes() == before


def test_the_parts_are_those_that_the_docs_name():
  text = (paths.EXPERIMENTS / 'assets' / 'first_faces.txt').read_text()
  parts = ''.join(text.split())
  counts = [parts.count(part) for part in '012']
  assert counts == [7499, 501, 2000] and sum(counts) == len(parts)
