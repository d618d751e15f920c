"""StyleGAN v1's forward pass in NumPy, float64, under its official names.

Written from the description of the format, NCHW, one loop per tap, and sharing
nothing with the package: what the converted networks are held against where
there are no reference arrays. Networks are those of nvlabs_pickle.
"""

import numpy as np


def _flat(network):
  values = dict(network.variables)
  for key, part in network.components.items():
    prefix = {'synthesis': 'G_synthesis', 'mapping': 'G_mapping'}[key]
    values |= {f'{prefix}/{k}': v for k, v in part.variables.items()}
  return {k: np.asarray(v, np.float64) for k, v in values.items()}


def _weight(w, gain=2**0.5, lrmul=1.0):
  return w * gain / np.sqrt(np.prod(w.shape[:-1])) * lrmul


def _lrelu(x):
  return np.where(x > 0, x, 0.2 * x)


def _conv(x, w):
  """[N, C, H, W] * [h, w, C, O], zero padding, same size."""
  p = w.shape[0] // 2
  padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
  out = np.zeros((x.shape[0], w.shape[3], *x.shape[2:]))
  for i, j in np.ndindex(w.shape[:2]):
    part = padded[:, :, i : i + x.shape[2], j : j + x.shape[3]]
    out += np.einsum('nchw,co->nohw', part, w[i, j])
  return out


def _blur(x):
  padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
  out = np.zeros_like(x)
  for i, j in np.ndindex(3, 3):
    part = padded[:, :, i : i + x.shape[2], j : j + x.shape[3]]
    out += part * (1, 2, 1)[i] * (1, 2, 1)[j] / 16
  return out


def _up(x, factor=2):
  return x.repeat(factor, 2).repeat(factor, 3)


def _down(x, factor=2):
  n, c, h, w = x.shape
  x = x.reshape(n, c, h // factor, factor, w // factor, factor)
  return x.mean((3, 5))


def _bias(x, b):
  return x + b[:, None, None]


def mapping(network, z, labels=None):
  """Latents [N, w] of z [N, Z] and labels [N, classes]."""
  v = _flat(network)
  x = np.asarray(z, np.float64)
  if labels is not None:
    x = np.concatenate([x, labels @ v['G_mapping/LabelConcat/weight']], 1)
  x = x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-8)
  i = 0
  while f'G_mapping/Dense{i}/weight' in v:
    x = x @ _weight(v[f'G_mapping/Dense{i}/weight'], lrmul=0.01)
    x = _lrelu(x + v[f'G_mapping/Dense{i}/bias'] * 0.01)
    i += 1
  return x


def _epilogue(v, name, x, w, noise):
  x = x + v[f'{name}/Noise/weight'][:, None, None] * noise
  x = _lrelu(_bias(x, v[f'{name}/bias']))
  x = x - x.mean((2, 3), keepdims=True)
  x = x / np.sqrt((x * x).mean((2, 3), keepdims=True) + 1e-8)
  style = w @ _weight(v[f'{name}/StyleMod/weight'], gain=1)
  style = (style + v[f'{name}/StyleMod/bias'])[:, :, None, None]
  c = x.shape[1]
  return x * (style[:, :c] + 1) + style[:, c:]


def synthesis(network, w):
  """Images [N, C, R, R] of latents [N, L, w], at the network's lod."""
  v, g = _flat(network), 'G_synthesis'
  layers = w.shape[1]
  top = layers // 2  # Blocks.
  x = np.repeat(v[f'{g}/4x4/Const/const'], len(w), 0)
  readouts = []
  for k in range(layers):
    size = 2 ** (k // 2 + 2)
    kind = ('Const', 'Conv')[k] if k < 2 else ('Conv0_up', 'Conv1')[k % 2]
    name = f'{g}/{size}x{size}/{kind}'
    if k:
      kernel = _weight(v[f'{name}/weight'])
      if kind == 'Conv0_up':
        # The fused layers, from 128 pixels on, turn the kernel.
        x = _up(x)
        kernel = kernel[::-1, ::-1] if size >= 128 else kernel
      x = _conv(x, kernel)
      x = _blur(x) if kind == 'Conv0_up' else x
    x = _epilogue(v, name, x, w[:, k], v[f'{g}/noise{k}'])
    if k % 2:
      rgb = f'{g}/ToRGB_lod{top - 1 - k // 2}'
      image = _conv(x, _weight(v[f'{rgb}/weight'], gain=1))
      readouts.insert(0, _bias(image, v[f'{rgb}/bias']))
  return _at_lod(readouts, float(v['lod']))


def _at_lod(readouts, lod):
  level, blend = int(lod), lod - int(lod)
  image = readouts[level]
  if blend:
    image = image + (_up(readouts[level + 1]) - image) * blend
  return _up(image, 2**level)


def _stddev(x, group=4):
  group = min(group, len(x))
  y = x.reshape(group, -1, *x.shape[1:])
  y = np.sqrt(y.var(0) + 1e-8).mean((1, 2, 3))
  y = np.tile(y, group)[:, None, None, None]
  return np.concatenate([x, np.broadcast_to(y, (len(x), 1, *x.shape[2:]))], 1)


def discriminator(network, images, labels=None, seen=None):
  """Scores [N, 1 or classes] of images in [-1, 1] [N, C, R, R].

  Args:
    network: D.
    images: at full size, whatever the network's lod.
    labels: [N, classes]; then scores are [N, 1].
    seen: dict that receives the value after each layer, by official name.
  """
  v, seen = _flat(network), {} if seen is None else seen
  images = np.asarray(images, np.float64)
  blocks = images.shape[-1].bit_length() - 2
  level, blend = int(v['lod']), float(v['lod']) % 1

  def from_rgb(lod):
    w = v[f'FromRGB_lod{lod}/weight']
    x = _conv(_down(images, 2**lod), _weight(w))
    seen[f'FromRGB_lod{lod}'] = _lrelu(_bias(x, v[f'FromRGB_lod{lod}/bias']))
    return seen[f'FromRGB_lod{lod}']

  x = from_rgb(level)
  for lod in range(level, blocks - 1):
    name = '{0}x{0}'.format(2 ** (blocks + 1 - lod))
    y = _conv(x, _weight(v[f'{name}/Conv0/weight']))
    y = seen[f'{name}/Conv0'] = _lrelu(_bias(y, v[f'{name}/Conv0/bias']))
    y = _down(_conv(_blur(y), _weight(v[f'{name}/Conv1_down/weight'])))
    y = _lrelu(_bias(y, v[f'{name}/Conv1_down/bias']))
    x = seen[f'{name}/Conv1_down'] = y
    if blend and lod == level:
      x = x + (from_rgb(lod + 1) - x) * blend
  x = _conv(_stddev(x), _weight(v['4x4/Conv/weight']))
  x = seen['4x4/Conv'] = _lrelu(_bias(x, v['4x4/Conv/bias']))
  x = x.reshape(len(x), -1) @ _weight(v['4x4/Dense0/weight'])
  x = seen['4x4/Dense0'] = _lrelu(x + v['4x4/Dense0/bias'])
  x = x @ _weight(v['4x4/Dense1/weight'], gain=1) + v['4x4/Dense1/bias']
  seen['4x4/Dense1'] = x
  return x if labels is None else (x * labels).sum(1, keepdims=True)
