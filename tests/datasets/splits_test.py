"""Made splits are stratified, and depend on nothing but what they are told."""

import numpy as np
import pytest

from advmix_jax.datasets import splits


def _make(labels, **changes):
  config = splits.made_fields()
  config.update(changes)
  return splits.make(labels, config, source='birds')


def test_each_class_gives_the_same_shares():
  labels = np.random.default_rng(0).permutation(
    np.repeat(['a', 'b'], [50, 200])
  )
  part = _make(labels)
  found = {
    (name, split): int(((labels == name) & (part == split)).sum())
    for name in 'ab'
    for split in splits.SPLITS
  }
  assert found == {
    ('a', 'train'): 35,
    ('a', 'valid'): 5,
    ('a', 'test'): 10,
    ('b', 'train'): 140,
    ('b', 'valid'): 20,
    ('b', 'test'): 40,
  }


def test_a_part_has_its_share_rounded_to_the_nearest():
  part = _make(['owl'] * 28 + ['crow'] * 28)  # A tenth is 2.8, a fifth 5.6.
  assert [(part == s).sum() for s in splits.SPLITS] == [38, 6, 12]


@pytest.mark.parametrize(
  ('labels', 'by_class'),
  [
    ([0, 0, 1, 1, 0, 0, 1, 1], True),  # 3 changes, below 2 K.
    ([0, 0, 1, 1, 0, 0, 1, 0], False),  # 4 changes.
    ([0, 0, 0, 0, 1, 1, 1], False),  # 7 images, fewer than 4 K.
  ],
)
def test_few_changes_among_enough_images_are_class_by_class(labels, by_class):
  want = splits.spread(labels) if by_class else np.arange(len(labels))
  assert (splits.spread(labels) != np.arange(len(labels))).any()
  np.testing.assert_array_equal(splits.order(labels), want)


@pytest.mark.parametrize('classes', [[0, 1, 2], [2, 0, 1]])
def test_only_images_that_come_class_by_class_change_their_order(classes):
  blocks = np.repeat(classes, 20)
  np.testing.assert_array_equal(splits.order(blocks), splits.spread(blocks))
  mixed = np.random.default_rng(0).permutation(blocks)
  np.testing.assert_array_equal(splits.order(mixed), np.arange(60))


@pytest.mark.parametrize('count', [7, 10, 33])
def test_any_first_images_have_the_shares_of_the_classes(count):
  """Within one image of each class, for data that come class by class."""
  labels = np.repeat(['a', 'b', 'c'], [50, 30, 20])
  order = splits.spread(labels)
  assert sorted(order) == list(range(100))
  for name, share in (('a', 0.5), ('b', 0.3), ('c', 0.2)):
    assert abs((labels[order[:count]] == name).sum() - share * count) <= 1
    places = order[labels[order] == name]
    np.testing.assert_array_equal(places, np.sort(places))


def test_the_seed_decides_and_nothing_else():
  labels = np.repeat([0, 1], 50)
  part = _make(labels)
  np.testing.assert_array_equal(part, _make(labels))
  assert (part != _make(labels, split_seed=1)).any()


def test_with_names_their_order_does_not_matter():
  """A name that is no UTF-8, as files may have, is one, too."""
  labels = np.repeat([0, 1], 50)
  names = [f'{i}.png' for i in range(99)] + ['\udcff.png']
  part, seed = _named(labels, names, 0), _named(labels, names, 1)
  order = np.random.default_rng(0).permutation(100)
  shuffled = _named(labels[order], [names[i] for i in order], 0)
  np.testing.assert_array_equal(shuffled, part[order])
  assert (part != seed).any()
  assert [(part == s).sum() for s in splits.SPLITS] == [70, 10, 20]


def _named(labels, names, seed):
  config = splits.made_fields()
  config.split_seed = seed
  return splits.make(labels, config, source='birds', names=names)


@pytest.mark.parametrize('count', [1, 2])
def test_a_class_of_too_few_images_is_named(count):
  labels = ['owl'] * 9 + ['crow'] * count
  with pytest.raises(
    ValueError, match=rf'crow has {count} image\(s\), exp.* 3'
  ):
    _make(labels)


@pytest.mark.parametrize(
  'changes',
  [{'valid_share': 0}, {'test_share': -0.1}, {'valid_share': 0.8}],
)
def test_shares_that_leave_nothing_are_refused(changes):
  with pytest.raises(ValueError, match='whose sum is below 1'):
    _make([0, 1] * 9, **changes)
