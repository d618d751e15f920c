"""Claims about the order of examples, and about taking batches."""

import numpy as np
import pytest

from advmix_jax import datasets, types


@pytest.mark.parametrize(('num', 'size'), [(10, 4), (12, 4), (3, 8), (1, 1)])
def test_an_epoch_visits_every_example_and_fills_the_last_batch(num, size):
  index = datasets.epoch_batches(0, num, size)
  assert index.shape == (-(-num // size), size) and index.dtype == np.int32
  flat = index.ravel()
  assert sorted(flat[:num]) == list(range(num))
  np.testing.assert_array_equal(
    flat[num:], np.resize(flat[:num], flat.size)[num:]
  )


def test_the_order_is_a_pure_function_of_seed_and_epoch():
  first, second = (datasets.epoch_batches((0, e), 1000, 64) for e in (1, 2))
  np.testing.assert_array_equal(first, datasets.epoch_batches((0, 1), 1000, 64))
  assert (first != second).mean() > 0.9
  with pytest.raises(ValueError, match='batch_size 0'):
    datasets.epoch_batches(0, 10, 0)


def test_steps_run_through_the_shuffled_epochs():
  index = datasets.shuffled(3, 10, 4)  # Three batches an epoch.
  for step in (0, 2, 7, 4):
    epoch, place = divmod(step, 3)
    expected = datasets.epoch_batches((3, epoch), 10, 4)[place]
    np.testing.assert_array_equal(index(step), expected)


def test_a_batch_larger_than_the_data_has_each_image_equally_often():
  for step in range(4):
    index = datasets.endless_batch(0, 5, 20, step)
    np.testing.assert_array_equal(np.bincount(index), [4] * 5)
  assert len(datasets.endless_batch(0, 10, 32, 1)) == 32


def test_endless_batches_run_through_epochs_without_a_gap():
  size, batch = 10, 4
  steps = [datasets.endless_batch(3, size, batch, step) for step in range(5)]
  flat = np.concatenate(steps)  # Two epochs of ten.
  assert sorted(flat[:size]) == sorted(flat[size:]) == list(range(size))
  assert not np.array_equal(flat[:size], flat[size:])
  again, other = (
    datasets.endless_batch(seed, size, size, 0) for seed in (3, 4)
  )
  np.testing.assert_array_equal(again, flat[:size])
  assert not np.array_equal(again, other)


def test_taken_rows_are_floats_and_nothing_else_changes():
  image = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1) * 20
  label = np.array([5, 6, 7])
  batch = datasets.take(types.Batch(image, label), np.array([2, 0]))
  assert batch.image.dtype == np.float32 and batch.latents is None
  np.testing.assert_array_equal(batch.label, [7, 5])
  np.testing.assert_array_equal(batch.image, np.float32(image[[2, 0]]) / 255)


def test_the_first_images_come_with_their_labels_groups_and_names():
  image = np.zeros((4, 2, 2, 1), np.uint8)
  groups = {'side': np.array([0, 1, 0, 1])}
  data = types.Dataset(image, np.arange(4), 4, groups, 'made', tuple('abcd'))
  few = datasets.first(data, 3)
  assert len(few.image) == 3 and few.num_classes == 4 and few.source == 'made'
  np.testing.assert_array_equal(few.label, [0, 1, 2])
  np.testing.assert_array_equal(few.groups['side'], [0, 1, 0])
  assert few.names == ('a', 'b', 'c')


def test_an_environment_is_the_grouping_of_that_name():
  image = np.zeros((2, 2, 2, 1), np.uint8)
  groups = {'color': np.array([0, 1]), 'nearest_color': np.array([1, 0])}
  data = types.Dataset(image, np.arange(2), 2, groups, 'made')
  for name, group in groups.items():
    np.testing.assert_array_equal(datasets.environment(data, name), group)
  assert datasets.environment(data, '') is None
  with pytest.raises(ValueError, match="'side', expected .*'nearest_color'"):
    datasets.environment(data, 'side')
