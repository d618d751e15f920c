"""Claims about runtime/untrusted.py and those who read files through it."""

import io
import json
import pathlib
import zipfile

import numpy as np
import pytest

from advmix_jax import classifiers, training
from advmix_jax.generators import stylegan
from advmix_jax.report import records, tables
from advmix_jax.runtime import files, loop, metrics, run_folder, untrusted


def _npy(header, data=b''):
  """An .npy file of version 1.0 whose header is any text."""
  text = header.encode('latin1')
  return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text + data


def _header(descr='<f4', shape='(2,)', order='False'):
  return f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}}}\n"


def _write(path, entry, metadata=None):
  """An .npz with one hostile entry, and metadata that fit."""
  if metadata is None:
    metadata = {'format': 'advmix_jax/1', 'paths': [['a']], 'metadata': {}}
  text = io.BytesIO()
  np.save(text, np.array(json.dumps(metadata)))
  with zipfile.ZipFile(path, 'w') as f:
    f.writestr('a.npy', entry)
    f.writestr('__metadata__.npy', text.getvalue())


def _refused(read, path, message):
  with pytest.raises(ValueError, match=message) as e:
    read(path)
  assert str(path) in str(e.value)
  assert str(e.value).isprintable() and len(str(e.value)) <= 500


GOOD = _npy(_header(), bytes(8))


@pytest.mark.parametrize(
  ('entry', 'message'),
  [
    (b'', 'bad header'),
    (b'\x93NUMPY\x09\x00', 'bad header'),
    (_npy("{'descr': '<f4'"), 'bad header'),
    (_npy('(' * 5000), 'bad header'),
    (_npy('[' * 9 + '\n'), 'bad header'),
    (_npy(_header(descr='')), 'bad header'),
    (_npy(_header(descr='O')), 'not a numeric array, but object'),
    (_npy(_header(descr='<c8'), bytes(16)), 'but complex64'),
    (_npy(_header(descr='<M8[s]'), bytes(16)), 'but datetime64'),
    (_npy(_header(descr=[('x', '<f4')]), bytes(8)), 'not a numeric array'),
    (_npy(_header(descr='<f16'), bytes(32)), 'at most 64 bits'),
    (_npy(_header(shape='(-1,)')), r'has the shape \(-1,\)'),
    (_npy(_header(shape='(-1, -2)'), bytes(8)), 'has the shape'),
    (_npy(_header(shape='(2, )'), bytes(9)), 'needs 8 bytes, got 9'),
    (_npy(_header(shape=f'({10**12},)')), 'needs 4000000000000 bytes, got 0'),
    (_npy(_header(shape='(0,)') + 'x' * 9999), 'bad header'),
    (_npy(_header(), b'\0\0\x80\x7f' * 2), 'a has numbers that are not finite'),
    (_npy(_header(), b'\0\0\xc0\x7f' * 2), 'a has numbers that are not finite'),
    # 1e300, which is infinite in the 32 bits that networks use.
    (_npy(_header(descr='<f8'), np.full(2, 1e300).tobytes()), 'in 32 bits'),
  ],
  ids=range(19),
)
def test_an_array_that_is_not_as_its_header_says(entry, message, tmp_path):
  path = tmp_path / 'x.npz'
  _write(path, entry)
  _refused(files.load_npz, path, message)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'paths': [['a'], ['b']]}, "KeyError|'b'"),
    ({'paths': []}, "'a' has no path"),
    ({'paths': [['a'], ['a', 'b']]}, "'a' is an array and a folder"),
    ({'paths': [['a'], ['a']]}, "'a' is there twice"),
    ({'paths': [[]]}, '.'),
    ({'paths': [[1]]}, '.'),
    ({'paths': 7}, '.'),
    ({'paths': None}, '.'),
    ({'metadata': 'text'}, '.'),
    ({'metadata': None}, '.'),
    ({'format': 'other'}, "format 'other'"),
  ],
  ids=str,
)
def test_metadata_that_do_not_fit(change, message, tmp_path):
  whole = {'format': 'advmix_jax/1', 'paths': [['a']], 'metadata': {}}
  path = tmp_path / 'x.npz'
  _write(path, GOOD, whole)
  assert list(files.load_npz(path)[0]) == ['a']
  _write(path, GOOD, whole | change)
  _refused(files.load_npz, path, message)
  _write(path, GOOD, {k: v for k, v in whole.items() if k not in change})
  _refused(files.load_npz, path, next(iter(change)))


def test_archives_that_are_not_sound(tmp_path):
  path = tmp_path / 'x.npz'
  _write(path, GOOD)
  data = bytearray(path.read_bytes())
  data[data.index(b'PK\x01\x02') + 8] |= 1  # The directory's flag of a key.
  path.write_bytes(data)
  _refused(files.load_npz, path, "'a.npy' is encrypted")
  with zipfile.ZipFile(path, 'w') as f, pytest.warns(UserWarning):
    f.writestr('a.npy', GOOD)
    f.writestr('a.npy', GOOD)
  _refused(files.load_npz, path, 'there twice')
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_LZMA) as f:
    f.writestr('a.npy', GOOD)
  reads = [files.load_npz, lambda p: untrusted.read_arrays(p, packed=True)]
  for read in reads:
    _refused(read, path, "'a.npy' is compressed")


def test_what_is_saved_is_what_can_be_loaded(tmp_path):
  for bad in (np.array([1, np.nan]), np.ones(1, complex), np.array([np.inf])):
    with pytest.raises(ValueError, match='a.npz: x/y (has num|is not a num)'):
      files.save_npz(tmp_path / 'a.npz', {'x': {'y': bad}}, {})
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  'change',
  [
    {'resolution': 'x'},
    {'resolution': 2**40},
    {'fmaps': 'wide'},
    {'fmaps': ['a', 'b']},
    {'lod': float('nan')},
    {'lod': -1},
    {'split': True},
    {'shape': 1},
  ],
  ids=str,
)
def test_a_network_whose_config_is_wrong(change, tmp_path):
  path = tmp_path / 'g.npz'
  config = stylegan.default_config().to_dict() | change
  params = {'mapping': {'dlatent_avg': np.ones(2)}}
  files.save_npz(path, params, {'config': config}, kind=stylegan.GENERATOR_KIND)
  _refused(stylegan.load, path, next(iter(change)))


def test_metadata_of_a_network_that_are_missing(tmp_path):
  path = tmp_path / 'x.npz'
  files.save_npz(path, {'x': np.ones(2)}, {}, kind=classifiers._KIND)
  _refused(classifiers.load, path, 'config')
  files.save_npz(path, {'x': np.ones(2)}, {}, kind=stylegan.GENERATOR_KIND)
  _refused(stylegan.load, path, 'mapping/dlatent_avg is missing')


TEXTS = ['{}', '[]', 'text', '"a"', '', '{"a"', '[' * 10**5, '{"a":' * 10**5]


@pytest.mark.parametrize('text', TEXTS, ids=range(len(TEXTS)))
def test_json_of_something_else(text, tmp_path, capsys):
  (tmp_path / 'results.json').write_text(text)
  _refused(
    lambda path: untrusted.read_json(
      path, 'no results', lambda results: tables.summary(results, tmp_path)
    ),
    tmp_path / 'results.json',
    'no results',
  )
  (tmp_path / 'train_unfinished.json').write_text(text)
  (unfinished,) = [tmp_path / loop._UNFINISHED]
  unfinished.write_text(text)
  assert loop._read_unfinished(tmp_path, 1) == []
  warning = capsys.readouterr().err
  assert warning.startswith(f'warning: {unfinished}: not the records of a')
  assert warning.count('\n') == 1 and len(warning) < 500
  (tmp_path / 'config.json').write_text(text)
  if text != '{}':
    with pytest.raises(ValueError, match='not the config of a run'):
      run_folder.load_workdir(tmp_path, training.default_config())
    (tmp_path / 'r.jsonl').write_text(text + '\n')
    if text:
      with pytest.raises(ValueError, match='line 1: no record') as e:
        records.read(tmp_path / 'r.jsonl')
      assert len(str(e.value)) < 500


@pytest.mark.parametrize(
  'line',
  ['{}', '[]', '1', '"a"', '{"step": "a"}', '{"step": 1, "a": []}', '[' * 9999],
  ids=range(7),
)
def test_records_of_a_run_that_are_none(line, tmp_path):
  good = '{"step": 1, "train/loss": 0.5}\n'
  (tmp_path / 'metrics.jsonl').write_text(f'{good}{line}\n')
  for read in (metrics.read, lambda path: metrics.truncate(path, 1)):
    with pytest.raises(ValueError, match='not the records of a run') as e:
      read(tmp_path)
    assert 'metrics.jsonl' in str(e.value) and len(str(e.value)) < 500
  text = (tmp_path / 'metrics.jsonl').read_text()
  assert text == f'{good}{line}\n'  # Nothing is lost.


def test_a_long_or_unprintable_message_is_cut():
  error = ValueError('a\x1b[31m\x00' + 'b' * 1000)
  line = untrusted.first_line(error)
  assert line.startswith('a?[31m?b') and len(line) == 300
  assert untrusted.first_line(MemoryError()) == 'MemoryError'


def test_missing_files_are_missing(tmp_path):
  for read in (
    untrusted.read_arrays,
    lambda path: untrusted.read_json(path, 'x'),
  ):
    with pytest.raises(FileNotFoundError, match='none: no such file'):
      read(pathlib.Path(tmp_path / 'none'))
    with pytest.raises(ValueError, match='is a folder, expected a file'):
      read(tmp_path)
