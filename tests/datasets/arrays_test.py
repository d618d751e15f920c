"""Arrays in one file: what is saved is loaded, anything else is refused."""

import numpy as np
import pytest
from helpers.one_line import loading_error as error_of

from advmix_jax import datasets
from advmix_jax.datasets import arrays


def _parts():
  rng = np.random.default_rng(0)
  return {
    'train_image': rng.integers(0, 256, (5, 8, 6, 3), np.uint8),
    'train_label': np.array([0, 1, 2, 0, 1]),
    'test_image': rng.integers(0, 256, (3, 8, 6, 3), np.uint8),
    'test_label': np.array([3, 1, 0], np.uint8),
  }


@pytest.fixture
def config(tmp_path):
  arrays.save(tmp_path / 'cells.npz', **_parts())
  config = datasets.default_config('arrays')
  config.path = str(tmp_path / 'cells.npz')
  return config


def test_what_was_saved_is_loaded(config):
  parts = _parts()
  for split in ('train', 'test'):
    data = datasets.load(config, split)
    np.testing.assert_array_equal(data.image, parts[f'{split}_image'])
    np.testing.assert_array_equal(data.label, parts[f'{split}_label'])
    assert data.label.dtype == np.int32
    assert data.num_classes == 4  # The largest label is in the test split.
  assert datasets.describe(config) == {'dataset': 'arrays', 'file': 'cells.npz'}


def test_a_compressed_file_and_a_limit(config, tmp_path):
  np.savez_compressed(tmp_path / 'cells.npz', **_parts())
  config.num_train = 2
  data = datasets.load(config, 'train')
  np.testing.assert_array_equal(data.image, _parts()['train_image'][:2])
  assert data.num_classes == 4
  config.num_train = 6
  assert 'data.num_train is 6, expected 0 (all) to 5' in error_of(config)


def test_a_file_may_hold_one_split_alone(config, tmp_path):
  test = {k: v for k, v in _parts().items() if k.startswith('test_')}
  np.savez(tmp_path / 'cells.npz', **test)
  data = datasets.load(config, 'test')
  np.testing.assert_array_equal(data.image, test['test_image'])
  assert data.num_classes == 4
  assert 'has no train_image, only test' in error_of(config)


@pytest.mark.parametrize(
  'names, listed',
  [
    (['x_test', 'y_test'], 'has x_test, y_test, expected train_image and'),
    ([], 'has no arrays, expected'),
    ([f'a{i}' for i in range(9)], 'a7, ..., expected'),
  ],
)
def test_arrays_of_other_names_are_listed(names, listed, config, tmp_path):
  np.savez(tmp_path / 'cells.npz', **dict.fromkeys(names, np.ones(2)))
  assert listed in error_of(config)


@pytest.mark.parametrize(
  'change, message',
  [
    ({'train_image': np.zeros((5, 8, 6, 3), np.float32)}, 'is float32'),
    ({'train_image': np.zeros((5, 8, 6, 4), np.uint8)}, 'expected uint8 (N, H'),
    (
      {'train_image': np.zeros((5, 3, 8, 6), np.uint8)},
      'transpose(0, 2, 3, 1)',
    ),
    ({'train_image': np.zeros((5, 8), np.uint8)}, 'or grey (N, H, W)'),
    ({'train_image': np.zeros((0, 8, 6, 3), np.uint8)}, 'N > 0'),
    ({'test_image': np.zeros((3, 8, 7, 3), np.uint8)}, 'differ in shape'),
    ({'train_label': np.zeros(4, np.int64)}, 'expected 5 integers'),
    ({'train_label': np.zeros(5)}, 'train_label is float64'),
    ({'test_label': np.array([0, -1, 2])}, 'has -1 to 2'),
    ({'test_label': np.array([0, 10**6, 2])}, 'has 0 to 1000000'),
    ({'test_label': np.array(['a', 'b', 'c'])}, 'test_label is <U1'),
    ({'test_label': None}, 'test_label'),
    (
      {'test_image': np.eye(3, 144, dtype=np.uint8).reshape(3, 8, 6, 3)},
      '0 to 1,',
    ),
  ],
)
def test_other_arrays_are_refused(config, tmp_path, change, message):
  parts = {k: v for k, v in (_parts() | change).items() if v is not None}
  np.savez(tmp_path / 'cells.npz', **parts)
  found = error_of(config)
  assert message in found and 'cells.npz' in found


def test_a_missing_file_or_path_is_named(config, tmp_path):
  (tmp_path / 'cells.npz').write_bytes(b'no zip')
  assert 'cells.npz' in error_of(config)
  (tmp_path / 'cells.npz').unlink()
  assert 'cells.npz: no such file' in error_of(config)
  config.path = ''
  assert 'needs path' in error_of(config)


def test_without_a_test_part_a_stratified_split_is_made(config, tmp_path):
  label = np.repeat([0, 1], [20, 10])
  image = np.zeros((30, 4, 4, 3), np.uint8)
  image[:] = np.arange(30, dtype=np.uint8)[:, None, None, None]
  path = tmp_path / 'cells.npz'
  np.savez(path, train_image=image, train_label=label)
  parts = {s: datasets.load(config, s) for s in arrays.SPLITS}
  assert {s: np.bincount(d.label).tolist() for s, d in parts.items()} == {
    'train': [14, 7],
    'valid': [2, 1],
    'test': [4, 2],
  }
  found = np.concatenate([d.image[:, 0, 0, 0] for d in parts.values()])
  assert sorted(found) == list(range(30))
  for part in parts.values():
    rows = part.image[:, 0, 0, 0]
    np.testing.assert_array_equal(part.label, label[rows])
    assert part.names == tuple(map(str, rows))  # Rows of the file.
  assert 'seed 0' in parts['test'].source
  np.savez(path, train_image=image, train_label=label, valid_image=image)
  assert 'valid_label' in error_of(config)
  parts = {'valid_image': image, 'valid_label': label}
  np.savez(path, train_image=image, train_label=label, **parts)
  assert 'has no test_image, only train, valid' in error_of(config, 'test')


@pytest.mark.parametrize('axis', [(), (1,)])
def test_grey_images_get_three_equal_channels(config, tmp_path, axis):
  parts = _parts()
  for name in ('train_image', 'test_image'):
    parts[name] = parts[name][..., :1].reshape(-1, 8, 6, *axis)
  np.savez(tmp_path / 'cells.npz', **parts)
  data = datasets.load(config, 'train')
  expected = _parts()['train_image'][..., :1].repeat(3, -1)
  np.testing.assert_array_equal(data.image, expected)


def test_resolution_resizes_the_middle_square(config):
  config.resolution = 3
  square = _parts()['train_image'][:, 1:7].reshape(5, 3, 2, 3, 2, 3)
  expected = square.mean((2, 4))
  data = datasets.load(config, 'train')
  # Rounded to 8 bits.
  np.testing.assert_allclose(data.image, expected, atol=0.501)


def test_rows_sorted_by_label_take_turns_and_keep_their_image(config, tmp_path):
  image = np.arange(12, dtype=np.uint8)[:, None, None, None]
  parts = {
    'train_image': np.tile(image, (1, 4, 4, 3)),
    'train_label': np.repeat([0, 1, 2], 4),
    'test_image': np.zeros((3, 4, 4, 3), np.uint8),
    'test_label': np.array([2, 1, 0]),
  }
  arrays.save(tmp_path / 'cells.npz', **parts)
  config.num_train = 6
  data = datasets.load(config, 'train')
  assert sorted(data.label.tolist()) == [0, 0, 1, 1, 2, 2]
  np.testing.assert_array_equal(data.image[:, 0, 0, 0] // 4, data.label)
  assert data.names == tuple(map(str, data.image[:, 0, 0, 0]))
