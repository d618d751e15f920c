"""Small files that claim, or unpack to, gigabytes take little memory."""

import contextlib
import gc
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from helpers import nvlabs_fixture

from advmix_jax.encoder import latents_file
from advmix_jax.runtime import files, untrusted
from checkpoints_convert import convert_vgg, nvlabs_pickle, torch_file


@contextlib.contextmanager
def _little_memory(path, ratio=3):
  """The block takes at most `ratio` times the file, and 64 MB beside."""
  gc.collect()
  tracemalloc.start()
  try:
    yield
    peak = tracemalloc.get_traced_memory()[1]
  finally:
    tracemalloc.stop()
  assert peak < ratio * path.stat().st_size + 2**26


def _refused(path, read, message, ratio=3):
  with (
    _little_memory(path, ratio),
    pytest.raises(ValueError, match=message) as e,
  ):
    read(path)
  assert str(path) in str(e.value)
  assert '\n' not in str(e.value) and len(str(e.value)) < 500


def _text(value):
  return b'X' + struct.pack('<I', len(value)) + value


def _large_dict():
  """Opcodes of a memoised dict of 20,000 keys, which takes a megabyte."""
  items = b''.join(_text(b'%d' % i) + b'N' for i in range(20_000))
  return b'}q\x00(' + items + b'u'


def test_networks_that_share_one_state_do_not_copy_it(tmp_path):
  path = tmp_path / 'a.pkl'
  network = b'cdnnlib.tflib.network\nNetwork\n)\x81h\x00b'
  data = b'\x80\x02](' + _large_dict() + network * 20_000 + b'e.'
  path.write_bytes(data)
  _refused(path, nvlabs_pickle.load, 'holds a list')


def test_a_network_of_many_components_is_refused(tmp_path):
  path = tmp_path / 'a.pkl'
  part = nvlabs_fixture.network('P', 'P', {}, {'x': np.ones(3, 'f4')})
  parts = dict.fromkeys(map(str, range(10_000)), part)
  made = nvlabs_fixture.network('G', 'G_style', {}, {}, parts)
  path.write_bytes(nvlabs_fixture.dumps(made))
  _refused(path, nvlabs_pickle.load, '10000 components')


@pytest.mark.parametrize('share', [1, 90])
def test_kwargs_that_repeat_one_long_text_are_refused(share, tmp_path):
  path = tmp_path / 'a.pkl'
  long = 'a' * 200_000
  kwargs = {f'truncation_psi{i}': [long] * share for i in range(1000)}
  made = nvlabs_fixture.network('G', 'G_style', kwargs, {})
  path.write_bytes(nvlabs_fixture.dumps(made))
  assert path.stat().st_size < 500_000
  _refused(path, nvlabs_pickle.load, 'kwargs of [0-9]+ characters')


def test_text_that_takes_four_bytes_a_character_is_refused(tmp_path):
  path = tmp_path / 'a.pkl'
  path.write_bytes(pickle.dumps(['a' * 2**24 + '\U0001f600'], 2))
  # Once, while it is decoded; many such texts would take it again and again.
  _refused(path, nvlabs_pickle.load, 'more copies', ratio=8)


def test_ordered_dicts_of_one_list_are_refused(tmp_path):
  path = tmp_path / 'a.pth'
  pairs = b''.join(_text(b'%d' % i) + b'N\x86' for i in range(10_000))
  one = b'ccollections\nOrderedDict\nh\x00\x85R'
  data = b'\x80\x02](]q\x00(' + pairs + b'e' + one * 10_000 + b'e.'
  with zipfile.ZipFile(path, 'w') as f:
    f.writestr('a/data.pkl', data)
  read = lambda path: torch_file.load(path, {'x': (2,)})  # noqa: E731
  _refused(path, read, 'OrderedDict that is made from pairs')


def test_views_of_one_large_storage_are_refused_by_shape(tmp_path):
  path = tmp_path / 'vgg.pth'
  numbers = 2**22
  storage = b'(' + _text(b'storage') + b'ctorch\nFloatStorage\n'
  storage += _text(b'0') + _text(b'cpu') + b'J' + struct.pack('<i', numbers)
  storage += b'tQ'
  view = b'ctorch._utils\n_rebuild_tensor_v2\n(' + storage + b'K\x00'
  view += b'J' + struct.pack('<i', numbers) + b'\x85K\x01\x85\x89}tR'
  names = [name.encode() for name in convert_vgg._torch_shapes()]
  items = b''.join(_text(name) + view for name in names)
  with zipfile.ZipFile(path, 'w') as f:
    f.writestr('a/data.pkl', b'\x80\x02}(' + items + b'u.')
    f.writestr('a/data/0', bytes(4 * numbers))
  _refused(path, convert_vgg.read, r'has shape \(4194304,\), expected')


@pytest.mark.parametrize('name', ['conv1_1_W', 'features.0.weight'])
def test_an_npz_that_unpacks_to_much_is_refused_by_shape(name, tmp_path):
  path = tmp_path / 'vgg.npz'
  np.savez_compressed(path, **{name: np.zeros(2**26, np.float32)})
  assert path.stat().st_size < 300_000
  _refused(path, convert_vgg.read, rf'{name} has shape \(67108864,\), expected')


def test_numbers_beyond_the_budget_are_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(untrusted, 'MARGIN', 2**20)
  path = tmp_path / 'a.npz'
  np.savez_compressed(path, a=np.zeros(2**17), b=np.zeros(2**17))
  with pytest.raises(ValueError, match='holds 2097152 bytes of numbers'):
    untrusted.read_arrays(path, packed=True)
  assert list(untrusted.read_arrays(path, {'a': None}, packed=True)) == ['a']


@pytest.mark.parametrize(
  ('shape', 'chunks'), [((2**30,), None), ((2**40,), 2**20), ((64,), 2**28)]
)
def test_an_h5_that_claims_gigabytes_is_refused(shape, chunks, tmp_path):
  h5py = pytest.importorskip('h5py')
  path = tmp_path / 'vgg.h5'
  large = chunks and (chunks,)
  limit = chunks and (None,)
  with h5py.File(path, 'w') as f:
    f['block1_conv1/kernel'] = np.zeros((3, 3, 3, 64), 'f4')
    f.create_dataset(
      'block1_conv1/bias', shape, 'f4', chunks=large, maxshape=limit
    )
  _refused(path, convert_vgg.read, 'block1_conv1 has (arrays of sh|chunks)')


def test_one_array_under_many_paths_is_refused(tmp_path):
  path = tmp_path / 'a.npz'
  w = np.zeros(2**20)
  header = {'format': 'advmix_jax/1', 'paths': [['w']] * 400, 'metadata': {}}
  text = str(header).replace("'", '"')
  np.savez(path, w=w, __metadata__=np.array(text))
  _refused(path, files.load_npz, "'w' is there twice")


def test_entries_that_share_their_bytes_are_refused(tmp_path):
  path = tmp_path / 'a.npz'
  with zipfile.ZipFile(path, 'w') as f:
    for i in range(400):
      f.writestr(f'{i}.npy', bytes(100))
      f.filelist[-1].file_size = f.filelist[-1].compress_size = 40_000
  _refused(path, files.load_npz, 'larger than the file')


def test_latents_that_unpack_to_much_are_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(untrusted, 'MARGIN', 2**20)
  path, images = tmp_path / 'a.npz', np.zeros((2**12, 1, 1, 1), np.float32)
  w = np.zeros((2**12, 8, 64), np.float32)
  latents_file.save(path, w, images=images, metadata={})
  with pytest.raises(ValueError, match='a.npz: corrupt, 2097152 codes'):
    latents_file.load(path, images[:1])
