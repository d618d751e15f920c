"""experiments/encode.py: the files beside its output."""

import pathlib

import pytest
from helpers import scripts


@pytest.mark.parametrize(
  'name, want',
  [('latents.npz', 'latents.csv'), ('latents_v1.2', 'latents_v1.2.csv')],
)
def test_a_name_with_dots_keeps_them(name, want, monkeypatch):
  script = scripts.load('encode', monkeypatch)
  path = pathlib.Path('runs') / name
  assert script._beside(path, '.csv') == pathlib.Path('runs') / want
