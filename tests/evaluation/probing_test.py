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


def _measure(answer_fn=_answers, *, seed=0, **options):
  return probing.measure(
    jax.random.key(seed), row_generator.make(), {}, answer_fn, **options
  )


@pytest.fixture(scope='module')
def record():
  return _measure(num_mixes=400, worst_of=3, batch_size=150)


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


def test_all_of_three_mixes_keep_an_answer_by_chance_in_an_eighth(record):
  """Each mix has another j, so the three answers are independent."""
  for split, row in zip(record['splits'], record['kept_by_all'], strict=True):
    assert _shares(row[0]) == [1, 1]
    if split > 2:
      assert _shares(row[1]) == [1, 1]
    else:  # Of about 200 samples: 1/8 within four standard deviations.
      assert all(0.03 < share < 0.22 for share in _shares(row[1]))
  chance = _shares(record['by_chance_all'][0])
  assert all(0.03 < share < 0.22 for share in chance)
  assert record['worst_of'] == 3


def test_the_worst_of_one_mix_is_that_mix():
  found = _measure(num_mixes=50, worst_of=1, batch_size=50)
  assert found['kept_by_all'] == found['kept']
  assert found['by_chance_all'] == found['by_chance']


@pytest.mark.parametrize('worst_of', [0, 101])
def test_the_number_of_mixes_has_to_fit_the_batch(worst_of):
  with pytest.raises(ValueError, match=f'worst_of is {worst_of}, expected 1'):
    _measure(worst_of=worst_of)


def test_the_change_is_the_share_of_rows_that_are_replaced(record):
  whole = record['change_whole']
  found = [c / whole for c in record['change']]
  # 400 pairs and three rows: a few percent of sampling noise.
  np.testing.assert_allclose(found, [3 / 4, 2 / 4, 1 / 4], atol=0.05)


def test_the_recommended_split_is_the_first_that_keeps_every_answer(record):
  assert probing.recommend(record, 0) == 1
  assert probing.recommend(record, 1) == 3
  assert probing.recommend(record, 1, keep=0.3, keep_all=0.01) == 1
  assert probing.recommend(record, 1, keep=0.3, keep_all=0.3) == 3


def _least(share, pairs=100):
  return {'share': share, 'interval': [0, 1], 'pairs': pairs}


def test_no_split_is_recommended_where_the_last_layer_decides():
  kept, lost = [_least(0.99), _least(0.95)], [_least(0.99), _least(0.5)]
  last = {'splits': [1, 2], 'kept': [[kept], [lost]]}
  last['kept_by_all'] = last['kept']
  assert probing.recommend(last, 0) is None


def test_the_nearest_split_is_the_one_whose_mixes_lose_least(record):
  split, one, all_ = probing.nearest(record, 1)
  assert split == 3 and one == all_ == 1
  assert probing.nearest(record, 2) is None  # Always the same answer.
  rows = [[_least(0.95), _least(share)] for share in (0.4, 0.6, 0.5)]
  found = {'splits': [1, 2, 3], 'kept': [[row] for row in rows]}
  found['kept_by_all'] = found['kept']
  assert probing.nearest(found, 0) == (2, 0.6, 0.6)


def test_what_the_worst_mixes_lose_asks_for_a_later_split():
  good, mild = [_least(0.95)] * 2, [_least(0.95), _least(0.6)]
  row = {
    'splits': [1, 2],
    'kept': [[good]] * 2,
    'kept_by_all': [[mild], [good]],
  }
  assert probing.recommend(row, 0) == 2
  assert probing.recommend(row, 0, keep_all=0) == 1


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

  found = _measure(unsure, seed=1, num_mixes=100, batch_size=100)
  pairs = sum(r['pairs'] for r in found['kept'][0][0])
  assert 30 < pairs < 70 and pairs == round(100 * found['sure'][0][0])
  assert found['kept'][0][1][0] == {
    'share': None,
    'interval': found['kept'][0][1][0]['interval'],
    'pairs': 0,
  }
