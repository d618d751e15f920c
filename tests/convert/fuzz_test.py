"""Whatever bytes a file holds, and whatever a config says: one clear error.

Each case takes a whole file, damages it in ways that hypothesis chooses, and
reads it; anything but the values that were written or a ValueError of one line
fails.
"""

import functools
import gzip
import io
import pathlib
import struct
import zipfile

import ml_collections
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advmix_jax import classifiers, datasets, methods
from advmix_jax.datasets import digits
from advmix_jax.encoder import algorithm1, latents_file
from advmix_jax.runtime import cli, files, untrusted

FUZZ = settings(
  max_examples=60,
  deadline=None,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
DAMAGE = st.lists(
  st.tuples(st.integers(0, 2**20), st.integers(0, 255), st.booleans()),
  min_size=1,
  max_size=6,
)


def _damaged(data, damage):
  """Bytes with some replaced, or cut off at a place (the last one wins)."""
  data = bytearray(data)
  for place, value, cut in damage:
    place %= len(data) + 1
    if cut and value < 32:
      data = data[:place] or bytearray(b'\0')
    elif place < len(data):
      data[place] = value
  return bytes(data)


def _one_line(error):
  assert str(error) and '\n' not in str(error)


IDX = struct.pack('>4I', 0x803, 5, 4, 3) + bytes(range(60))


@FUZZ
@given(DAMAGE, st.booleans())
def test_idx(tmp_path, damage, packed):
  path = tmp_path / 'images'
  path.write_bytes(_damaged(gzip.compress(IDX) if packed else IDX, damage))
  try:
    image = digits.read_idx(path, ndim=3)
  except ValueError as e:
    return _one_line(e)
  assert image.dtype == np.uint8 and image.size <= 60 + 16


def test_a_gzip_that_unpacks_to_anything_is_cut_off(tmp_path, monkeypatch):
  monkeypatch.setattr(untrusted, 'MARGIN', 2**16)
  path = tmp_path / 'bomb'
  path.write_bytes(gzip.compress(bytes(2**20)))
  with pytest.raises(ValueError, match='unpacks to more than'):
    digits.read_idx(path, ndim=3)


@functools.cache
def _npz():
  path = pathlib.Path('unused')
  file = io.BytesIO()
  original = files.write_atomically
  try:
    files.write_atomically = lambda path, write: write(file)
    w = np.arange(6.0).reshape(2, 3)
    files.save_npz(path, {'a': {'w': w, 'b': np.ones(3)}}, {'kind': 'x'})
  finally:
    files.write_atomically = original
  return file.getvalue()


@FUZZ
@given(DAMAGE)
def test_npz(tmp_path, damage):
  path = tmp_path / 'x.npz'
  path.write_bytes(_damaged(_npz(), damage))
  try:
    params, metadata = files.load_npz(path)
  except ValueError as e:
    return _one_line(e)
  # The sums of a zip file miss only what is in its own records.
  assert isinstance(params, dict) and isinstance(metadata, dict)


def test_a_compressed_npz_is_refused(tmp_path):
  path = tmp_path / 'bomb.npz'
  np.savez_compressed(path, w=np.zeros(10**6))
  with pytest.raises(ValueError, match="'w.npy' is compressed"):
    files.load_npz(path)


def test_an_array_that_claims_a_terabyte_is_refused(tmp_path):
  file = io.BytesIO()
  header = {'descr': '<f4', 'fortran_order': False, 'shape': (2**38,)}
  np.lib.format.write_array_header_1_0(file, header)
  with zipfile.ZipFile(tmp_path / 'x.npz', 'w') as f:
    f.writestr('__metadata__.npy', file.getvalue())
  with pytest.raises(ValueError, match='corrupt, or not a file of this'):
    files.load_npz(tmp_path / 'x.npz')


_IMAGES = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)


@FUZZ
@given(DAMAGE)
def test_latents(tmp_path, damage):
  whole, path = tmp_path / 'whole.npz', tmp_path / 'x.npz'
  if not whole.exists():
    w = np.random.default_rng(1).normal(size=(4, 3, 5))
    latents_file.save(whole, w, images=_IMAGES, metadata={})
  path.write_bytes(_damaged(whole.read_bytes(), damage))
  try:
    found = latents_file.load(path, _IMAGES)
  except ValueError as e:
    return _one_line(e)
  np.testing.assert_array_equal(found, latents_file.load(whole, _IMAGES))


@pytest.mark.parametrize(
  'change',
  [
    {'code': np.zeros(3, np.uint8)},
    {'code': np.frombuffer(b'x\x9c\x03\0\0\0\0\x01', np.uint8)},
    {'hash': np.zeros((2, 2), np.uint64)},
    {'scale': np.zeros((3, 6), np.float32)},
    {'scale': np.zeros((3, 5))},
    {'more': np.zeros(1)},
  ],
  ids=str,
)
def test_latents_whose_arrays_do_not_fit(tmp_path, change):
  path = tmp_path / 'x.npz'
  w = np.random.default_rng(1).normal(size=(4, 3, 5))
  latents_file.save(path, w, images=_IMAGES, metadata={})
  parts, metadata = files.load_npz(path)
  files.save_npz(path, parts | change, metadata)
  with pytest.raises(ValueError, match='corrupt'):
    latents_file.load(path, _IMAGES)


_NUMBERS = st.one_of(
  st.integers(-3, 10**6), st.floats(-2, 1e6), st.sampled_from(['', 'x', 'vgg'])
)


@FUZZ
@given(st.data())
def test_config_values(data):
  """Each section's own check: it takes the value or names it in one line."""
  config = ml_collections.ConfigDict(
    {
      'data': datasets.default_config(),
      'encoder': algorithm1.default_config(),
      'classifier': {'name': 'vgg', 'width': 2},
    }
  )
  config.data.num_train = config.data.num_test = 10
  section = data.draw(st.sampled_from(['data', 'encoder', 'classifier']))
  field = data.draw(st.sampled_from(list(config[section])))
  value = data.draw(_NUMBERS)
  try:
    setattr(config[section], field, value)
  except TypeError:
    return  # ml_collections' own check of types.
  if field == 'width' and value > 8:
    return  # Any width makes a classifier, given the memory.
  try:
    {
      'data': lambda: datasets.load(config.data, 'train'),
      'encoder': lambda: algorithm1.check(config.encoder),
      'classifier': lambda: classifiers.make_classifier(config.classifier, 10),
    }[section]()
  except (ValueError, FileNotFoundError) as e:
    _one_line(e)


@FUZZ
@given(st.text(st.characters(exclude_categories=['C', 'Z']), max_size=20))
def test_names(text):
  for check in (
    methods.check_name,
    lambda name: cli.check_fields(
      [f'--config.{name}=1'], ml_collections.ConfigDict({'a': {'b': 1}})
    ),
  ):
    try:
      check(text)
    except ValueError as e:
      _one_line(e)
