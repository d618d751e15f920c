"""Converts VGG-16's weights to the perceptual network of Algorithm 1.

  python -m checkpoints_convert.convert_vgg --input=vgg16-397923af.pth \
    --output=features.npz

  features_fn = perceptual.load('features.npz')

`--half` stores 16-bit weights. `--attribution` is a text that is kept in the
file's metadata: say there whose weights these are and under which licence.

Needs neither torch nor TensorFlow, runs no code in the file, and reads:

  .pth, .pt   torchvision's state dict, features.0.weight ...
  .h5         Keras' weights, block1_conv1 ... (needs h5py)
  .npz        torchvision's names, or conv1_1_W [H, W, I, O], conv1_1_b [O] ...

Shapes are checked before numbers are read, so a file takes little more memory
than VGG-16 does.

Images enter in [0, 1], RGB. torchvision's network takes (x - mean) / std with
ImageNet's mean and std. Keras' network and that of conv1_1_W take 255 x minus a
mean per channel, Keras' in BGR. The preprocessing becomes part of the file, so
`perceptual.features` is the same function for all of them. It returns the
network's activations without normalisation.

Contents: convert_file, read, entry.
"""

import math
import os
import pathlib
import sys

if __name__ == '__main__' and not __package__:  # Run as a script.
  sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import numpy as np
from absl import flags

from advmix_jax import types
from advmix_jax.encoder import perceptual
from advmix_jax.runtime import cli, files, untrusted
from checkpoints_convert import torch_file

_LAYERS = tuple(
  f'{i}_{j}' for i in range(1, perceptual.BLOCKS + 1) for j in (1, 2)
)
_TORCH = dict(zip(_LAYERS, (0, 2, 5, 7, 10, 12), strict=True))
_WIDTHS = (64, 128, 256)
# The networks were trained with these, in RGB.
_TORCH_MEAN, _TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_SUFFIXES = ('.pth', '.pt', '.h5', '.npz')


def convert_file(
  source: str, output: str, *, half: bool = False, attribution: str = ''
) -> dict:
  """Converts a file for `perceptual.load`; raises as `read`.

  Args:
    source: Path of the weights.
    output: Path of the `.npz` to write.
    half: Stores the weights in 16-bit floats.
    attribution: Authors and licence of the weights, for the metadata.

  Returns:
    The metadata that was written with the parameters.
  """
  files.check_output(output, source)
  params = read(source)
  name = pathlib.Path(source).name
  metadata = {'source': {'file': name, 'sha256': files.file_hash(source)}}
  metadata['half'] = half
  if attribution:
    metadata['attribution'] = attribution
  perceptual.save(output, params, metadata, half=half)
  return metadata


def read(path: str | os.PathLike) -> types.Params:
  """Reads VGG-16's weights as the parameters of `perceptual.features`.

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: The suffix is unknown, names or shapes are not VGG-16's, or a
      number is not finite.
  """
  path = pathlib.Path(path)
  if path.suffix not in _SUFFIXES:
    raise ValueError(
      f'{path}: suffix {path.suffix!r}, expected one of {", ".join(_SUFFIXES)}'
    )
  untrusted.check_file(path)
  readers = {'.h5': _read_keras, '.npz': _read_npz}
  return readers.get(path.suffix, _read_torch)(path)


def _shapes():
  """{layer: shapes of weight [H, W, I, O] and bias [O]}."""
  widths = (3, *(width for width in _WIDTHS for _ in range(2)))
  pairs = zip(widths[:-1], widths[1:], strict=True)
  return {
    layer: ((3, 3, last, width), (width,))
    for layer, (last, width) in zip(_LAYERS, pairs, strict=True)
  }


def _torch_shapes():
  """Shapes of torchvision's arrays, whose weights are [O, I, H, W]."""
  found = {}
  for layer, ((h, w, i, o), bias) in _shapes().items():
    found[f'features.{_TORCH[layer]}.weight'] = (o, i, h, w)
    found[f'features.{_TORCH[layer]}.bias'] = bias
  return found


def _caffe_shapes():
  return {
    f'conv{layer}_{letter}': shape
    for layer, shapes in _shapes().items()
    for letter, shape in zip('Wb', shapes, strict=True)
  }


def _read_torch(path):
  return _from_torch(torch_file.load(path, _torch_shapes()))


def _from_torch(arrays):
  layers = {
    layer: (
      arrays[f'features.{index}.weight'].transpose(2, 3, 1, 0),
      arrays[f'features.{index}.bias'],
    )
    for layer, index in _TORCH.items()
  }
  return _params(layers, _TORCH_MEAN, _TORCH_STD)


def _read_npz(path):
  of_torch = next(iter(_torch_shapes())) in untrusted.array_names(path)
  shapes = _torch_shapes() if of_torch else _caffe_shapes()
  arrays = untrusted.read_arrays(path, shapes, packed=True)
  if of_torch:
    return _from_torch(arrays)
  layers = {k: (arrays[f'conv{k}_W'], arrays[f'conv{k}_b']) for k in _LAYERS}
  return _params(layers, *_caffe())


def _caffe():
  return np.divide(_CAFFE_MEAN, 255), np.full(3, 1 / 255)


def _read_keras(path):
  try:
    import h5py
  except ModuleNotFoundError:
    raise ValueError(f'{path}: needs h5py; pip install h5py') from None
  with untrusted.reading(path), h5py.File(path) as f:
    layers = {k: _keras_layer(f, k) for k in _LAYERS}
  # The first convolution takes BGR.
  weight, bias = layers['1_1']
  layers['1_1'] = weight[:, :, ::-1], bias
  return _params(layers, *_caffe())


def _keras_layer(file, layer):
  """(weight, bias) of block<i>_conv<j>, at any depth of the file."""
  import h5py

  name = f'block{layer[0]}_conv{layer[2]}'
  found = []

  def visit(path, item):  # Links to other files are not followed.
    if name in path.split('/') and isinstance(item, h5py.Dataset):
      found.append(item)

  file.visititems(visit)
  found = sorted(found, key=lambda data: -data.ndim)
  shapes = tuple(data.shape for data in found)
  if shapes != _shapes()[layer]:
    raise ValueError(
      f'{name} has arrays of shapes {shapes[:9]}, expected a weight and a bias '
      f'of shapes {_shapes()[layer]}'
    )
  return tuple(_keras_array(name, data) for data in found)


def _keras_array(name, data):
  """The numbers of an h5py.Dataset that lie in the file itself."""
  if data.external or data.is_virtual:
    raise ValueError(f'{name} has its numbers in another file')
  if math.prod(data.chunks or ()) > 4 * data.size:
    raise ValueError(f'{name} has chunks of {data.chunks} numbers')
  untrusted.check_type(name, data.dtype)
  array = data[()]
  untrusted.check_numbers(name, array)
  return array


def _params(layers, mean, std):
  params = {
    f'vgg/conv{layer}': {'w': np.float32(w), 'b': np.float32(b)}
    for layer, (w, b) in layers.items()
  }
  params['vgg'] = {
    'mean': np.float32(mean),
    'std': np.float32(std),
  }
  return params


def _main(argv):
  del argv  # Empty: cli.run refuses arguments.
  values = flags.FLAGS
  if not (values.input and values.output):
    raise ValueError('--input and --output are needed')
  metadata = convert_file(
    values.input,
    values.output,
    half=values.half,
    attribution=values.attribution,
  )
  print(f'{values.output}: sha256 of the source {metadata["source"]["sha256"]}')


def entry() -> None:
  """The console command. It defines its flags here, not on import."""
  flags.DEFINE_string('input', '', 'The weights to read: .pth, .h5 or .npz.')
  flags.DEFINE_string('output', '', 'The .npz file to write.')
  flags.DEFINE_bool('half', False, 'Store 16-bit weights.')
  flags.DEFINE_string('attribution', '', 'Authors and licence of the weights.')
  cli.run(_main)


if __name__ == '__main__':
  entry()
