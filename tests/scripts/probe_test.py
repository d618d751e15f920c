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


def _kept(*shares):
  """Both answers of one question, kept in these shares of 100 pairs."""
  return [
    {'share': share, 'interval': [0, 1], 'pairs': 100} for share in shares
  ]


@pytest.fixture
def record():
  """Two splits; 'good' is kept from split 2 on, 'bad' nowhere."""
  return {
    'splits': [1, 2],
    'worst_of': 5,
    'kept': [
      [_kept(0.9, 0.8), _kept(0.3, 0.4), _kept(1)],
      [_kept(0.95, 0.92), _kept(0.6, 0.5), _kept(1)],
    ],
    'kept_by_all': [
      [_kept(0.5, 0.7), _kept(0.1, 0.1), _kept(1)],
      [_kept(0.8, 0.9), _kept(0.2, 0.3), _kept(1)],
    ],
    'by_chance': [_kept(0.5, 0.6), _kept(0.5, 0.5), _kept(1)],
    'by_chance_all': [_kept(0.1, 0.2), _kept(0.0, 0.1), _kept(1)],
    'change': [0.5, 0.25],
    'change_whole': 1.0,
  }


def test_the_table_has_the_answer_kept_least_often_by_one_and_by_all(
  script, record
):
  lines = script._table(record, ('good', 'bad', 'one'), {'good': 0.875})
  assert [line.split() for line in lines.splitlines()[2:]] == [
    ['good', '87.5', '50.0', '80.0', '92.0', '2'],
    ['10.0', '50.0', '80.0'],
    ['bad', '50.0', '30.0', '50.0', 'none'],
    ['0.0', '10.0', '20.0'],
    ['one', '-', '-', '-', 'none'],
    ['change,', 'of', '255', '127.5', '63.8'],
  ]


def test_the_advice_names_a_split_or_the_nearest_one(script, record):
  good, bad, one = script._advice(record, ('good', 'bad', 'one'))
  assert good == (
    'good: split 2 keeps it: one mix 92.0% [0.0, 100.0] of 100 pairs, all 5 '
    '80.0% [0.0, 100.0] of 100 pairs; not certain: try more --num_mixes'
  )
  assert 'no split from which on 90% of the mixes keep it' in bad
  assert 'the nearest is 2, with 50.0% and 20.0%' in bad
  assert 'hardly ever sure of two answers' in one
  script.KEEP.value, script.KEEP_ALL.value = 0.5, 0.1
  bad = list(script._advice(record, ('good', 'bad', 'one')))[1]
  assert bad.startswith('bad: split 2 keeps it: one mix 50.0%')
  script.KEEP.value, script.KEEP_ALL.value = 0.75, 0.75
  for kept in ('kept', 'kept_by_all'):
    for answer in record[kept][1][0]:
      answer['interval'] = [0.75, 0.99]
  good = next(script._advice(record, ('good', 'bad', 'one')))
  assert good.endswith('all 5 80.0% [75.0, 99.0] of 100 pairs')  # Certain.


def test_a_class_that_is_hardly_seen_is_listed_as_not_measured(script):
  seen = [{'share': 0.5, 'interval': [0, 1], 'pairs': n} for n in (100, 19)]
  record = {'answers': [[0, 2]], 'by_chance': [seen], 'kept': [[seen]]}
  lines = list(script._classes(record, 3))
  assert lines[1].split() == ['0', '100', '50.0', '50.0']
  assert [line.split()[:2] for line in lines[2:]] == [['1', '0'], ['2', '19']]
  assert all('not measured: fewer than 20' in line for line in lines[2:])
