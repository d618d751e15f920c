"""Readers of MNIST: the same digits from every source, damage is refused."""

import gzip
import hashlib
import re
import sys
import types

import numpy as np
import pytest
from helpers import idx_files, paths
from helpers.one_line import error_of

from advmix_jax.datasets import digits

OFFICIAL = paths.SHARED / 'data' / 'mnist'
needs_official = pytest.mark.skipif(
  not OFFICIAL.is_dir(), reason='the official IDX files are not in ../shared'
)


@needs_official
@pytest.mark.parametrize(('split', 'num'), [('train', 10_000), ('test', 2_000)])
def test_embedded_digits_are_the_first_of_the_official_files(split, num):
  embedded = digits.load_digits('embedded', split)
  # Oracle: header lengths from the format, 16 bytes for images, 8 for labels.
  images, labels = (
    gzip.decompress((OFFICIAL / f'{name}.gz').read_bytes())
    for name in idx_files.NAMES[split]
  )
  assert embedded.image.tobytes() == images[16 : 16 + num * 28 * 28]
  assert embedded.label.astype(np.uint8).tobytes() == labels[8 : 8 + num]
  assert len(embedded.image) == num


@needs_official
def test_idx_reads_all_of_official_mnist():
  test = digits.load_digits('idx', 'test', data_dir=OFFICIAL)
  assert test.image.shape == (10_000, 28, 28) and test.source == 'idx'
  # Published counts of the test labels 0 to 9.
  published = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
  assert np.bincount(test.label).tolist() == published


def test_embedded_digits_hold_all_classes_in_under_two_mib():
  assert digits.EMBEDDED_PATH.stat().st_size < 2 * 2**20
  for split in digits.SPLITS:
    data = digits.load_digits('embedded', split)
    share = np.bincount(data.label) / len(data.label)
    assert share.shape == (10,) and share.min() > 0.08 and share.max() < 0.12
    assert data.image.dtype == np.uint8 and data.label.dtype == np.int32
    assert (data.source, data.split) == ('embedded', split)


def test_limit_keeps_the_first_digits():
  few = digits.load_digits('embedded', 'train', limit=3)
  assert few.label.tolist() == [5, 0, 4]  # MNIST begins so.
  assert len(digits.load_digits('embedded', 'test', limit=0).label) == 2_000
  message = error_of(digits.load_digits, 'embedded', 'test', limit=2001)
  assert 'limit is 2001' in message and '2000' in message


@pytest.mark.parametrize('split', digits.SPLITS)
def test_idx_gives_the_same_digits_gzipped_or_not(tmp_path, split):
  for zipped in (False, True):
    folder = tmp_path / str(zipped)
    folder.mkdir()
    image, label = idx_files.write_folder(folder, split, zipped=zipped)
    data = digits.load_digits('idx', split, data_dir=folder)
    np.testing.assert_array_equal(data.image, image)
    np.testing.assert_array_equal(data.label, label)


def test_idx_files_with_a_dot_in_the_name_or_unpacked_under_gz_are_read(
  tmp_path,
):
  image, _ = idx_files.write_folder(tmp_path)
  images, labels = (tmp_path / name for name in idx_files.NAMES['train'])
  images.rename(tmp_path / 'train-images.idx3-ubyte')
  labels.rename(tmp_path / f'{labels.name}.gz')
  data = digits.load_digits('idx', 'train', data_dir=tmp_path)
  np.testing.assert_array_equal(data.image, image)


@pytest.mark.parametrize('zipped', [False, True])
def test_the_hash_of_idx_files_is_of_what_they_hold(tmp_path, zipped):
  held = b''
  for split in digits.SPLITS:
    arrays = idx_files.write_folder(tmp_path, split, zipped=zipped)
    held += b''.join(map(idx_files.encode, arrays))
  assert digits.idx_hash(tmp_path) == hashlib.sha256(held).hexdigest()
  name = idx_files.NAMES['test'][1]
  (tmp_path / f'{name}{".gz" * zipped}').unlink()
  assert f'{name}: no such file' in error_of(digits.idx_hash, tmp_path)


@needs_official
def test_the_official_files_have_the_hash_of_mnist():
  assert digits.idx_hash(OFFICIAL) == digits.MNIST_HASH


def test_a_missing_folder_or_file_is_named(tmp_path):
  load = digits.load_digits
  assert 'needs data_dir' in error_of(load, 'idx', 'train')
  assert 'needs data_dir' in error_of(load, 'idx', 'train', data_dir='')
  message = error_of(load, 'idx', 'train', data_dir=tmp_path / 'nowhere')
  assert 'nowhere' in message and 'not a folder' in message
  for split in digits.SPLITS:
    for name in idx_files.NAMES[split]:
      idx_files.write_folder(tmp_path, split)
      (tmp_path / name).unlink()
      message = error_of(load, 'idx', split, data_dir=tmp_path)
      assert f'{tmp_path / name}: no such file' in message


@pytest.mark.parametrize('zipped', [False, True])
def test_a_file_cut_at_any_byte_is_refused(tmp_path, zipped):
  array = np.random.default_rng(0).integers(0, 256, (2, 3, 5), np.uint8)
  data = idx_files.encode(array)
  data = gzip.compress(data) if zipped else data
  path = tmp_path / 'cut'
  for length in range(len(data)):
    path.write_bytes(data[:length])
    message = error_of(digits.read_idx, path, ndim=3)
    assert str(path) in message and 'truncated' in message
  path.write_bytes(data)
  np.testing.assert_array_equal(digits.read_idx(path, ndim=3), array)


@needs_official
def test_a_truncated_official_file_is_refused(tmp_path):
  for name in idx_files.NAMES['test']:
    data = (OFFICIAL / f'{name}.gz').read_bytes()
    (tmp_path / f'{name}.gz').write_bytes(data)
  images = tmp_path / f'{idx_files.NAMES["test"][0]}.gz'
  data = images.read_bytes()
  for length in (0, 5, 1000, len(data) // 2, len(data) - 1):
    images.write_bytes(data[:length])
    message = error_of(digits.load_digits, 'idx', 'test', data_dir=tmp_path)
    assert images.name in message and 'truncated' in message


def test_foreign_or_oversized_files_are_refused(tmp_path):
  path = tmp_path / 'file'
  labels = idx_files.encode(np.arange(9, dtype=np.uint8))
  path.write_bytes(labels)
  message = error_of(digits.read_idx, path, ndim=3)
  assert '0x00000801' in message and 'expected 0x00000803' in message
  path.write_bytes(b'\x89PNG' + bytes(100))
  assert 'magic number 0x89504e47' in error_of(digits.read_idx, path, ndim=1)
  path.write_bytes(labels + b'\0')
  assert 'too long, 10 bytes' in error_of(digits.read_idx, path, ndim=1)
  damaged = bytearray(gzip.compress(labels))
  damaged[-5] ^= 1  # Its checksum no longer fits.
  path.write_bytes(damaged)
  assert 'corrupt gzip' in error_of(digits.read_idx, path, ndim=1)


def test_counts_sizes_and_labels_must_fit(tmp_path):
  def load():
    return error_of(digits.load_digits, 'idx', 'train', data_dir=tmp_path)

  image, label = idx_files.write_folder(tmp_path)
  images, labels = (tmp_path / name for name in idx_files.NAMES['train'])
  labels.write_bytes(idx_files.encode(label[:-1]))
  assert re.search('labels-idx1.*holds 6 labels, expected 7', load())
  label[2] = 10
  labels.write_bytes(idx_files.encode(label))
  assert re.search('labels from . to 10, expected 0 to 9', load())
  images.write_bytes(idx_files.encode(image[:, :, 1:]))
  assert '(7, 28, 27), expected uint8 (N, 28, 28)' in load()
  images.write_bytes(idx_files.encode(image[:0]))
  labels.write_bytes(idx_files.encode(label[:0]))
  assert 'N > 0' in load()


def test_unknown_names_list_the_valid_ones():
  message = error_of(digits.load_digits, 'mnist', 'train')
  assert "'mnist', expected 'embedded', 'idx' or 'tfds'" in message
  message = error_of(digits.load_digits, 'embedded', 'valid')
  assert "'valid', expected 'train' or 'test'" in message


def test_a_damaged_package_file_is_named(tmp_path, monkeypatch):
  data = digits.EMBEDDED_PATH.read_bytes()
  path = tmp_path / 'digits.npz'
  monkeypatch.setattr(digits, 'EMBEDDED_PATH', path)
  assert str(path) in error_of(digits.load_digits, 'embedded', 'train')
  for damaged in (b'', b'no zip', data[:1000], data[: len(data) - 10]):
    path.write_bytes(damaged)
    message = error_of(digits.load_digits, 'embedded', 'train')
    assert f'{path}: damaged' in message
  np.savez(path, other=np.zeros(3))
  assert 'damaged' in error_of(digits.load_digits, 'embedded', 'train')


def test_tfds_asks_for_mnist_and_drops_the_channel_axis(monkeypatch):
  image = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), np.uint8)
  label = np.array([3, 1, 4, 1])
  calls = []

  def load(name, **kwargs):
    calls.append((name, kwargs))
    return {'image': image, 'label': label}

  fake = types.SimpleNamespace(load=load, as_numpy=lambda data: data)
  monkeypatch.setitem(sys.modules, 'tensorflow_datasets', fake)
  data = digits.load_digits('tfds', 'test', data_dir='there', limit=3)
  np.testing.assert_array_equal(data.image, image[:3, :, :, 0])
  np.testing.assert_array_equal(data.label, label[:3])
  assert calls == [
    ('mnist', {'split': 'test', 'data_dir': 'there', 'batch_size': -1})
  ]


def test_tfds_missing_or_failing_is_one_clear_line(monkeypatch):
  monkeypatch.setitem(sys.modules, 'tensorflow_datasets', None)
  message = error_of(digits.load_digits, 'tfds', 'train')
  assert 'not installed' in message and 'pip install' in message

  def load(*_, **__):
    raise OSError('no route to host\nmany\nlines')

  fake = types.SimpleNamespace(load=load)
  monkeypatch.setitem(sys.modules, 'tensorflow_datasets', fake)
  message = error_of(digits.load_digits, 'tfds', 'train', data_dir='there')
  assert "'there'" in message and 'OSError: no route to host' in message
