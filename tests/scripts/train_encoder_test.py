"""experiments/train_encoder.py: latents of one generator, in its folder."""

import shutil

import pytest
from helpers import scripts

from advmix_jax.runtime import shipped


@pytest.mark.parametrize('name', ['face_generator.npz', 'generator.npz'])
def test_latents_of_another_generator_are_not_overwritten(
  name, tmp_path, monkeypatch
):
  """The latents that ship are those of generator.npz."""
  script = scripts.load(
    'train_encoder', monkeypatch, GENERATOR=str(shipped.DATA / name)
  )
  path = script._latents_path(tmp_path, 'test')
  script._check_latents(path)  # There is none yet.
  shutil.copy(shipped.DATA / 'latents_test.npz', path)
  if name == 'generator.npz':
    script._check_latents(path)
    return
  with pytest.raises(ValueError, match='latents of another generator'):
    script._check_latents(path)
