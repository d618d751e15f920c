"""experiments/probe.py: the generator's images have the judge's size."""

import pytest
from helpers import random_params, scripts

from advmix_jax import generators
from advmix_jax.evaluation import probing


@pytest.fixture
def script(tmp_path, monkeypatch):
  """The script, with a random generator of 8x8 and the judge that ships."""
  fields = {'resolution': 8, 'fmaps': (8, 8), 'split': 2}
  path = random_params.save_stylegan(tmp_path / 'generator.npz', fields)
  return scripts.load(
    'probe',
    monkeypatch,
    GENERATOR=str(path),
    OUTPUT=str(tmp_path / 'probe'),
  )


def test_another_size_is_refused_before_anything_is_drawn(script, monkeypatch):
  monkeypatch.setattr(probing, 'measure', None)
  with pytest.raises(
    ValueError,
    match=r'makes images \(8, 8, 3\), expected \(64, 64, 3\), as the judge sees'
    '; --size=64 resizes them',
  ):
    script.main([])


def test_size_and_microbatch_are_those_of_what_is_drawn(script, monkeypatch):
  seen = []

  def measure(rng, generator, params, answer_fn, *, num_mixes, worst_of):
    seen.append(generators.image_shape(generator, params))
    raise RuntimeError('measures')

  monkeypatch.setattr(probing, 'measure', measure)
  script.SIZE.value, script.MICROBATCH.value = 64, 2
  with pytest.raises(RuntimeError, match='measures'):
    script.main([])
  assert seen == [(64, 64, 3)]
  script.MICROBATCH.value = -1
  with pytest.raises(ValueError, match='generator.microbatch is -1'):
    script.main([])
