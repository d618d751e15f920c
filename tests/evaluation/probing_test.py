"""The probe, on a generator whose layers do one thing each."""

import jax
import numpy as np
import pytest
from helpers import row_generator

from advmix_jax.evaluation import probing


def _answers(images):
  """Is row 0, row 2 above the middle? And one answer that never changes."""
  rows = images[:, :, 0, 0]
  bright = np.stack([rows[:, 0] > 0.5, rows[:, 2] > 0.5], axis=1)
  answer = np.concatenate([bright, np.zeros((len(rows), 1))], axis=1)
  return answer.astype(np.int32), np.ones(answer.shape)


@pytest.fixture(scope='module')
def record():
  return probing.measure(
    jax.random.key(0),
    row_generator.make(),
    {},
    _answers,
    num_mixes=400,
    batch_size=150,
  )


def _shares(records):
  return [r['share'] for r in records]


def test_an_answer_is_kept_where_its_layer_is_kept(record):
  assert record['splits'] == [1, 2, 3] and record['answers'][:2] == [[0, 1]] * 2
  for split, row in zip(record['splits'], record['kept'], strict=True):
    assert _shares(row[0]) == [1, 1]  # Layer 0 always comes from i.
    if split > 2:
      assert _shares(row[1]) == [1, 1]
    else:  # The row comes from j, whose answer is independent: one half.
      assert all(0.4 < share < 0.6 for share in _shares(row[1]))
      low, high = row[1][0]['interval']
      assert low < 0.5 < high
    assert row[2] == [
      {'share': 1, 'interval': row[2][0]['interval'], 'pairs': 400}
    ]
  assert all(0.4 < share < 0.6 for share in _shares(record['by_chance'][0]))
  assert sum(r['pairs'] for r in record['kept'][0][1]) == 400


def test_the_change_is_the_share_of_rows_that_are_replaced(record):
  whole = record['change_whole']
  found = [c / whole for c in record['change']]
  # 400 pairs and three rows: a few percent of sampling noise.
  np.testing.assert_allclose(found, [3 / 4, 2 / 4, 1 / 4], atol=0.05)


def test_the_recommended_split_is_the_first_that_keeps_every_answer(record):
  assert probing.recommend(record, 0) == 1
  assert probing.recommend(record, 1) == 3
  assert probing.recommend(record, 1, keep=0.3) == 1


def _least(share, pairs=100):
  return {'share': share, 'interval': [0, 1], 'pairs': pairs}


def test_no_split_is_recommended_where_the_last_layer_decides():
  kept, lost = [_least(0.99), _least(0.95)], [_least(0.99), _least(0.5)]
  last = {'splits': [1, 2], 'kept': [[kept], [lost]]}
  assert probing.recommend(last, 0) is None


def test_answers_of_few_pairs_do_not_count():
  some = [_least(0.9), _least(0.8), _least(0.1, 19)]
  assert probing.least_kept(some) == _least(0.8)


def test_a_single_answer_says_nothing(record):
  assert probing.least_kept([_least(1.0), _least(1.0, 19)]) is None
  assert probing.least_kept([_least(None, 0)]) is None
  assert probing.recommend(record, 2) is None  # Always the same answer.


def test_pairs_of_whose_sample_the_judge_is_unsure_are_left_out():
  def unsure(images):
    answer, _ = _answers(images)
    sure = np.full(answer.shape, 0.8)
    sure[:, 0] = np.where(images[:, 1, 0, 0] > 0.5, 0.95, 0.9)
    return answer, sure

  found = probing.measure(
    jax.random.key(1),
    row_generator.make(),
    {},
    unsure,
    num_mixes=100,
    batch_size=100,
  )
  pairs = sum(r['pairs'] for r in found['kept'][0][0])
  assert 30 < pairs < 70 and pairs == round(100 * found['sure'][0][0])
  assert found['kept'][0][1][0] == {
    'share': None,
    'interval': found['kept'][0][1][0]['interval'],
    'pairs': 0,
  }
