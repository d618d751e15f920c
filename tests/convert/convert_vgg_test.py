"""Claims about checkpoints_convert/convert_vgg.py and torch_file.py."""

import collections
import io
import os
import pickle
import struct
import sys
import types
import zipfile

import jax
import numpy as np
import pytest

from advmix_jax.encoder import perceptual
from advmix_jax.runtime import files
from checkpoints_convert import convert_vgg, torch_file

INDEX = (0, 2, 5, 7, 10, 12)  # torchvision's: 'features.<n>.weight'
WIDTHS = (64, 64, 128, 128, 256, 256)


def _state_dict(seed=0):
  """Random weights of VGG-16's first three blocks under torchvision's names."""
  rng = np.random.default_rng(seed)
  state, last = {}, 3
  for index, width in zip(INDEX, WIDTHS, strict=True):
    shape = (width, last, 3, 3)
    scale = (2 / (9 * last)) ** 0.5
    weight = rng.normal(0, scale, shape).astype(np.float32)
    state[f'features.{index}.weight'] = weight
    state[f'features.{index}.bias'] = rng.normal(0, 0.1, width).astype('f4')
    last = width
  return state


class FloatStorage:
  """Stands for torch.FloatStorage in the pickles that we write."""


def _rebuild_tensor_v2(*args):
  """Stands for torch's function; the reader never calls it."""


def _as(module, thing):
  thing.__module__, thing.__qualname__ = module, thing.__name__
  return thing


class _Tensor:
  """Pickles as a tensor of its own storage does."""

  def __init__(self, key, array, strides=None):
    self.key, self.array = key, array
    default = [s // array.itemsize for s in array.strides]
    self.strides = tuple(default if strides is None else strides)

  def __reduce__(self):
    args = (self, 0, self.array.shape, self.strides, False)
    return _rebuild_tensor_v2, (_Id(self), *args[1:], collections.OrderedDict())


class _Id:
  """Marks a storage, which the pickler below turns into a persistent id."""

  def __init__(self, tensor):
    self.tensor = tensor


class _Pickler(pickle.Pickler):
  def persistent_id(self, value):
    if not isinstance(value, _Id):
      return None
    t = value.tensor
    extra = (None,) if self.sequence else ()
    return ('storage', FloatStorage, t.key, 'cpu', t.array.size, *extra)


def _dumps(value, *, sequence):
  """Pickles with the globals named as torch names them."""
  fakes = {'torch': FloatStorage, 'torch._utils': _rebuild_tensor_v2}
  saved = {name: sys.modules.get(name) for name in fakes}
  try:
    for name, thing in fakes.items():
      sys.modules[name] = types.ModuleType(name)
      setattr(sys.modules[name], thing.__name__, _as(name, thing))
    file = io.BytesIO()
    pickler = _Pickler(file, protocol=2)
    pickler.sequence = sequence
    pickler.dump(value)
    return file.getvalue()
  finally:
    for name, module in saved.items():
      sys.modules.pop(name)
      if module is not None:
        sys.modules[name] = module


def _tensors(state):
  return collections.OrderedDict(
    (name, _Tensor(str(i), array))
    for i, (name, array) in enumerate(state.items())
  )


def _write_zip(path, state, tensors=None):
  tensors = tensors or _tensors(state)
  with zipfile.ZipFile(path, 'w') as f:
    f.writestr('vgg/data.pkl', _dumps(tensors, sequence=False))
    f.writestr('vgg/byteorder', 'little')
    for tensor in tensors.values():
      f.writestr(f'vgg/data/{tensor.key}', tensor.array.tobytes())
    f.writestr('vgg/version', '3\n')


def _write_sequence(path, state):
  tensors = _tensors(state)
  system = {'protocol_version': 1001, 'little_endian': True, 'type_sizes': {}}
  with open(path, 'wb') as f:
    for value in (0x1950A86A20F9469CFC6C, 1001, system):
      f.write(pickle.dumps(value, protocol=2))
    f.write(_dumps(tensors, sequence=True))
    f.write(pickle.dumps([t.key for t in tensors.values()], protocol=2))
    for tensor in tensors.values():
      f.write(struct.pack('<q', tensor.array.size) + tensor.array.tobytes())


def _assert_converts(path, state, tmp_path):
  convert_vgg.convert_file(path, tmp_path / 'features.npz')
  params = convert_vgg.read(path)
  for layer, index in zip(('1_1', '3_2'), (0, 12), strict=True):
    np.testing.assert_array_equal(
      params[f'vgg/conv{layer}']['w'].transpose(3, 2, 0, 1),
      state[f'features.{index}.weight'],
    )
    np.testing.assert_array_equal(
      params[f'vgg/conv{layer}']['b'], state[f'features.{index}.bias']
    )
  return perceptual.load(tmp_path / 'features.npz')


@pytest.mark.parametrize('write', [_write_zip, _write_sequence])
def test_both_torch_formats_give_the_state_dict(write, tmp_path):
  state = _state_dict()
  write(tmp_path / 'vgg16.pth', state)
  features_fn = _assert_converts(tmp_path / 'vgg16.pth', state, tmp_path)
  images = np.zeros((1, 8, 8, 3), np.float32)
  shapes = [a.shape[1:] for a in jax.eval_shape(features_fn, images)]
  assert shapes == [(8, 8, 64), (4, 4, 128), (2, 2, 256)]


def test_half_weights_and_attribution_are_kept(tmp_path):
  np.savez(tmp_path / 'a.npz', **_state_dict())
  path = tmp_path / 'half.npz'
  convert_vgg.convert_file(
    tmp_path / 'a.npz', path, half=True, attribution='by A, CC BY 4.0'
  )
  params, metadata = files.load_npz(path)
  assert metadata['attribution'] == 'by A, CC BY 4.0' and metadata['half']
  assert params['vgg/conv3_2']['w'].dtype == np.float16
  assert params['vgg']['mean'].dtype == np.float32


def test_npz_with_either_naming_agrees(tmp_path):
  """The second naming holds caffe's network, so only the weights are equal."""
  state = _state_dict()
  np.savez(tmp_path / 'a.npz', **state)
  renamed = {}
  for layer, index in zip(convert_vgg._LAYERS, INDEX, strict=True):
    weight = state[f'features.{index}.weight'].transpose(2, 3, 1, 0)
    renamed[f'conv{layer}_W'] = weight
    renamed[f'conv{layer}_b'] = state[f'features.{index}.bias']
  np.savez(tmp_path / 'b.npz', **renamed)
  a, b = (convert_vgg.read(tmp_path / f'{n}.npz') for n in 'ab')
  for layer in convert_vgg._LAYERS:
    name = f'vgg/conv{layer}'
    np.testing.assert_array_equal(a[name]['w'], b[name]['w'])
    np.testing.assert_array_equal(a[name]['b'], b[name]['b'])


def test_keras_preprocessing_is_part_of_the_network(tmp_path):
  """conv(255 x - mean in BGR) as Keras computes it, with its padding."""
  h5py = pytest.importorskip('h5py')
  state = _state_dict()
  with h5py.File(tmp_path / 'vgg16.h5', 'w') as f:
    for layer, index in zip(convert_vgg._LAYERS, INDEX, strict=True):
      name = f'block{layer[0]}_conv{layer[2]}'
      weight = state[f'features.{index}.weight'].transpose(2, 3, 1, 0)
      f[f'{name}/{name}/kernel:0'] = weight
      f[f'{name}/{name}/bias:0'] = state[f'features.{index}.bias']
  params = convert_vgg.read(tmp_path / 'vgg16.h5')
  image = np.random.default_rng(1).random((4, 4, 3)).astype(np.float32)
  bgr = 255 * image[..., ::-1] - np.float32([103.939, 116.779, 123.68])
  ours = (image - params['vgg']['mean']) / params['vgg']['std']
  weight = state['features.0.weight'].transpose(2, 3, 1, 0)
  # Values reach 150 and float32 holds 7 digits, through one division.
  np.testing.assert_allclose(
    np.einsum('hwc,hwco->o', ours[:3, :3], params['vgg/conv1_1']['w']),
    np.einsum('hwc,hwco->o', bgr[:3, :3], weight),
    rtol=1e-4,
    atol=1e-3,
  )


@pytest.mark.parametrize('new_format', [True, False])
def test_activations_match_torch_on_random_weights(new_format, tmp_path):
  torch = pytest.importorskip('torch', reason='torch is not installed')
  layers, last = [], 3
  for i, width in enumerate(WIDTHS):
    layers += [torch.nn.Conv2d(last, width, 3, padding=1), torch.nn.ReLU()]
    layers += [torch.nn.MaxPool2d(2)] if i % 2 else []
    # VGG-16's third block has a third convolution, which nothing here reads.
    last = width
  network = torch.nn.ModuleDict({'features': torch.nn.Sequential(*layers)})
  path = tmp_path / 'vgg16.pth'
  torch.save(
    network.state_dict(), path, _use_new_zipfile_serialization=new_format
  )
  convert_vgg.convert_file(path, tmp_path / 'features.npz')
  images = np.random.default_rng(2).random((2, 32, 32, 3)).astype(np.float32)
  mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
  x = torch.from_numpy(
    ((images - mean) / std).astype('f4').transpose(0, 3, 1, 2)
  )
  expected = []
  with torch.no_grad():
    for i, layer in enumerate(network['features']):
      x = layer(x)
      if i in (3, 8, 13):  # After the second ReLU of each block.
        expected.append(x.numpy().transpose(0, 2, 3, 1))
  found = jax.jit(perceptual.load(tmp_path / 'features.npz'))(images)
  for ours, theirs in zip(found, expected, strict=True):
    # float32 sums of up to 2304 products in another order.
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def _batch_norm(state):
  state['features.2.weight'] = np.ones(64, np.float32)


def _other_width(state):
  state['features.0.bias'] = np.ones(63, np.float32)


def _not_finite(state):
  state['features.0.bias'][5] = np.nan


def _missing(state):
  del state['features.12.bias']


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (_batch_norm, r'features.2.weight has shape \(64,\), expected \(64, 64'),
    (_other_width, r'features.0.bias has shape \(63,\), expected \(64,\)'),
    (_not_finite, 'features.0.bias has numbers that are not finite'),
    (_missing, "no tensor 'features.12.bias' among 11"),
  ],
)
def test_other_networks_are_refused(change, message, tmp_path):
  state = _state_dict()
  change(state)
  path = tmp_path / 'vgg16.pth'
  _write_zip(path, state)
  with pytest.raises(ValueError, match=message) as e:
    convert_vgg.read(path)
  assert str(path) in str(e.value) and '\n' not in str(e.value)


class _Evil:
  def __reduce__(self):
    return os.system, ('touch pwned',)


@pytest.mark.parametrize('write', [_write_zip, _write_sequence])
def test_code_in_a_state_dict_is_refused(write, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  tensors = _tensors(_state_dict()) | {'evil': _Evil()}
  data = _dumps(tensors, sequence=write is _write_sequence)
  if write is _write_zip:
    with zipfile.ZipFile('vgg16.pth', 'w') as f:
      f.writestr('vgg/data.pkl', data)
  else:
    with open('vgg16.pth', 'wb') as f:
      for value in (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}):
        f.write(pickle.dumps(value, protocol=2))
      f.write(data)
  with pytest.raises(ValueError, match="global 'posix.system' is not allowed"):
    convert_vgg.read('vgg16.pth')
  assert os.listdir() == ['vgg16.pth']


@pytest.mark.parametrize('write', [_write_zip, _write_sequence])
def test_a_file_cut_at_every_tenth_is_refused(write, tmp_path):
  path = tmp_path / 'vgg16.pth'
  write(path, _state_dict())
  whole = path.read_bytes()
  for tenth in range(10):
    path.write_bytes(whole[: len(whole) * tenth // 10])
    with pytest.raises(ValueError, match=r'vgg16\.pth: .+') as e:
      convert_vgg.read(path)
    assert '\n' not in str(e.value)


def test_a_tensor_that_is_a_view_is_refused(tmp_path):
  state = _state_dict()
  tensors = _tensors(state)
  first = tensors['features.0.weight']
  first.strides = first.strides[::-1]
  path = tmp_path / 'vgg16.pth'
  _write_zip(path, state, tensors)
  with pytest.raises(ValueError, match='not contiguous'):
    convert_vgg.read(path)


def test_a_storage_of_another_size_is_refused(tmp_path):
  path = tmp_path / 'vgg16.pth'
  tensors = _tensors(_state_dict())
  with zipfile.ZipFile(path, 'w') as f:
    f.writestr('vgg/data.pkl', _dumps(tensors, sequence=False))
    for tensor in tensors.values():
      f.writestr(f'vgg/data/{tensor.key}', bytes(4))
  with pytest.raises(ValueError, match="data/0' has 4 bytes, not 6912"):
    torch_file.load(path, {'features.0.weight': (64, 3, 3, 3)})


def test_suffix_and_missing_file_are_named(tmp_path):
  with pytest.raises(ValueError, match=r"'.pkl', expected one of .pth"):
    convert_vgg.read(tmp_path / 'vgg16.pkl')
  with pytest.raises(FileNotFoundError, match=r'vgg16\.h5: no such file'):
    convert_vgg.read(tmp_path / 'vgg16.h5')


@pytest.mark.parametrize('kind', ['external', 'virtual', 'soft', 'link'])
def test_an_h5_never_reads_another_file(kind, tmp_path):
  h5py = pytest.importorskip('h5py')
  secret, path = tmp_path / 'secret', tmp_path / 'vgg.h5'
  with h5py.File(secret, 'w') as f:
    f['bias'] = np.ones(64, 'f4')
  with h5py.File(path, 'w') as f:
    group = f.create_group('block1_conv1')
    group['kernel'] = np.zeros((3, 3, 3, 64), 'f4')
    if kind == 'external':
      places = [(str(secret), 0, 256)]
      group.create_dataset('bias', (64,), 'f4', external=places)
    elif kind == 'virtual':
      layout = h5py.VirtualLayout((64,), 'f4')
      layout[:] = h5py.VirtualSource(str(secret), 'bias', (64,))
      group.create_virtual_dataset('bias', layout)
    else:
      links = {
        'soft': h5py.SoftLink('/elsewhere'),
        'link': h5py.ExternalLink(str(secret), '/bias'),
      }
      f['elsewhere'] = np.ones(64, 'f4')
      group['bias'] = links[kind]
  message = 'in another file' if kind in ('external', 'virtual') else 'shapes'
  with pytest.raises(ValueError, match=f'vgg.h5: .*block1_conv1 .*{message}'):
    convert_vgg.read(path)


@pytest.mark.parametrize('output', ['folder', 'fifo', 'source'])
def test_an_output_that_cannot_be_is_refused_first(output, tmp_path):
  source = tmp_path / 'source'  # No suffix: reading it would be refused, too.
  source.touch()
  (tmp_path / 'folder').mkdir()
  os.mkfifo(tmp_path / 'fifo')
  with pytest.raises(ValueError, match='regular file|the source itself'):
    convert_vgg.convert_file(source, tmp_path / output)


@pytest.mark.parametrize('kind', ['complex64', 'datetime64[s]', 'i4,f4', 'O'])
def test_weights_that_are_no_real_numbers_are_refused(kind, tmp_path):
  path, state = tmp_path / 'vgg.npz', _state_dict()
  state['features.0.bias'] = np.zeros(64, kind)
  np.savez(path, **state)
  with pytest.raises(ValueError, match='features.0.bias is not a numeric'):
    convert_vgg.read(path)
