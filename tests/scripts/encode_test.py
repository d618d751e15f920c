"""experiments/encode.py: the files beside its output."""

import pathlib

import numpy as np
import pytest
from helpers import scripts

from advmix_jax import types


@pytest.mark.parametrize(
  'name, want',
  [('latents.npz', 'latents.csv'), ('latents_v1.2', 'latents_v1.2.csv')],
)
def test_a_name_with_dots_keeps_them(name, want, monkeypatch):
  script = scripts.load('encode', monkeypatch)
  path = pathlib.Path('runs') / name
  assert script._beside(path, '.csv') == pathlib.Path('runs') / want


def test_images_have_the_names_that_the_user_knows(monkeypatch):
  script = scripts.load('encode', monkeypatch)
  data = types.Dataset(np.zeros((2, 4, 4, 3)), np.zeros(2), 1, {}, '')
  assert script._names(data) == ['0', '1']
  named = data._replace(names=('a/1.png', 'b\udce9.png'))
  assert script._names(named) == ['a/1.png', 'b\\udce9.png']
