"""Whatever bytes a file holds, and whatever a config says: one clear error.

helpers/hostile.py damages whole files of every kind; anything but values or a
ValueError of one short line fails. Hypothesis chooses the values of configs.
"""

import gzip
import io
import itertools
import zipfile

import ml_collections
import numpy as np
import pytest
from helpers import hostile
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


def _one_line(error):
  assert str(error) and '\n' not in str(error)


@pytest.mark.parametrize('name', hostile.KINDS)
def test_damaged_files(name, tmp_path):
  """A short form of `make fuzz`, which takes thousands of rounds."""
  kind, number = hostile.KINDS[name], itertools.count()
  if name == 'h5':
    pytest.importorskip('h5py')

  def fault(data):
    folder = tmp_path / str(next(number))
    folder.mkdir()
    (folder / f'x{kind.suffix}').write_bytes(data)
    return hostile.fault(kind, folder / f'x{kind.suffix}')

  whole = tmp_path / f'whole{kind.suffix}'
  whole.write_bytes(kind.make())
  assert kind.read(whole) is not None
  for seed in range(40):
    data = hostile.damaged(np.random.default_rng(seed), kind.make())
    assert not fault(data), f'seed {seed}'


def test_a_gzip_that_unpacks_to_anything_is_cut_off(tmp_path, monkeypatch):
  monkeypatch.setattr(untrusted, 'MARGIN', 2**16)
  path = tmp_path / 'bomb'
  path.write_bytes(gzip.compress(bytes(2**20)))
  with pytest.raises(ValueError, match='unpacks to more than'):
    digits.read_idx(path, ndim=3)


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
