"""The Python that docs/ print, where no other test runs it."""

import textwrap

import numpy as np
import pytest
from helpers import idx_files, paths

from advmix_jax import datasets


@pytest.mark.parametrize('split', ['train', 'test'])
def test_fashion_mnist_becomes_the_file_of_arrays(tmp_path, monkeypatch, split):
  folder = tmp_path / 'idx'
  folder.mkdir()
  made = {
    name: idx_files.write_folder(folder, name, num, zipped=True)
    for name, num in (('train', 7), ('test', 5))
  }
  text = (paths.ROOT / 'docs' / 'fashion-mnist.md').read_text()
  code = text[text.index('    import gzip') : text.index('Times are')]
  real = '/usr/share/datasets/fashion-mnist'
  assert real in code
  monkeypatch.chdir(tmp_path)
  exec(textwrap.dedent(code.replace(real, str(folder))), {})
  config = datasets.default_config('arrays')
  config.path = 'fashion.npz'
  found = datasets.load(config, split)
  image, label = made[split]
  np.testing.assert_array_equal(found.image, image[..., None].repeat(3, -1))
  np.testing.assert_array_equal(found.label, label)
