"""Official-style pickles with random values, made by Python's own pickler."""

import pickle
import sys
import types

import numpy as np


class Network:
  """Stands for the class of the official code while a fixture is written."""

  def __getstate__(self):
    return self.state

  def __setstate__(self, state):
    raise AssertionError('nothing of a pickle may be called')


Network.__module__ = 'dnnlib.tflib.network'


def network(name, function, kwargs, variables, components=None):
  """One network as the official code pickles it."""
  made = Network()
  made.state = {
    'version': 3,
    'name': name,
    'static_kwargs': kwargs,
    'components': components or {},
    'build_module_src': 'raise SystemExit("the source was run")',
    'build_func_name': function,
    'variables': list(variables.items()),
  }
  return made


def dumps(value, protocol=4):
  """Pickles with the fake module in place, as TensorFlow users have it."""
  names = ['dnnlib', 'dnnlib.tflib', 'dnnlib.tflib.network']
  assert not set(names) & set(sys.modules)
  for name in names:
    sys.modules[name] = types.ModuleType(name)
  sys.modules[names[-1]].Network = Network
  try:
    return pickle.dumps(value, protocol)
  finally:
    for name in names:
      del sys.modules[name]


def _widths(sizes):
  """Fills shapes with numbers that are neither zero nor one."""
  rng = np.random.default_rng(0)
  return {
    name: np.asarray(rng.normal(size=shape), 'float32')
    for name, shape in sizes.items()
  }


def generator(fmaps=(6, 5, 4), z=7, w=8, hidden=9, labels=0, lod=0.0, **kwargs):
  """A small generator; `fmaps` from 4x4 on; `kwargs` are added to its own."""
  n, mapping = len(fmaps), {}
  if labels:
    mapping['LabelConcat/weight'] = (labels, z)
  widths = [2 * z if labels else z, hidden, w]
  for i in range(2):
    mapping[f'Dense{i}/weight'] = (widths[i], widths[i + 1])
    mapping[f'Dense{i}/bias'] = (widths[i + 1],)
  sizes = {}
  for k in range(2 * n):
    size = 2 ** (k // 2 + 2)
    kind = ('Const', 'Conv')[k] if k < 2 else ('Conv0_up', 'Conv1')[k % 2]
    layer, c = f'{size}x{size}/{kind}', fmaps[k // 2]
    below = fmaps[max(k // 2 - 1, 0)] if kind == 'Conv0_up' else c
    sizes[f'noise{k}'] = (1, 1, size, size)
    if k == 0:
      sizes[f'{layer}/const'] = (1, c, 4, 4)
    else:
      sizes[f'{layer}/weight'] = (3, 3, below, c)
    sizes[f'{layer}/Noise/weight'] = sizes[f'{layer}/bias'] = (c,)
    sizes[f'{layer}/StyleMod/weight'] = (w, 2 * c)
    sizes[f'{layer}/StyleMod/bias'] = (2 * c,)
  for i, c in enumerate(fmaps):
    sizes[f'ToRGB_lod{n - 1 - i}/weight'] = (1, 1, c, 3)
    sizes[f'ToRGB_lod{n - 1 - i}/bias'] = (3,)
  own = {'num_channels': 3, 'resolution': 2 ** (n + 1), 'label_size': labels}
  own |= kwargs
  lods = {'lod': np.float32(lod)}
  parts = {
    'synthesis': network(
      'G_synthesis', 'G_synthesis', own, lods | _widths(sizes)
    ),
    'mapping': network(
      'G_mapping',
      'G_mapping',
      {'dlatent_broadcast': 2 * n} | own,
      _widths(mapping),
    ),
  }
  return network(
    'Gs', 'G_style', own, lods | _widths({'dlatent_avg': (w,)}), parts
  )


def critic(fmaps=(6, 5, 4), labels=0, lod=0.0, **kwargs):
  """A small discriminator."""
  n, top = len(fmaps), fmaps[0]
  sizes = {}
  for i, c in enumerate(fmaps):
    sizes[f'FromRGB_lod{n - 1 - i}/weight'] = (1, 1, 3, c)
    sizes[f'FromRGB_lod{n - 1 - i}/bias'] = (c,)
    if i:
      layer = f'{2 ** (i + 2)}x{2 ** (i + 2)}'
      sizes[f'{layer}/Conv0/weight'] = (3, 3, c, c)
      sizes[f'{layer}/Conv0/bias'] = (c,)
      sizes[f'{layer}/Conv1_down/weight'] = (3, 3, c, fmaps[i - 1])
      sizes[f'{layer}/Conv1_down/bias'] = (fmaps[i - 1],)
  sizes['4x4/Conv/weight'] = (3, 3, top + 1, top)
  sizes['4x4/Dense0/weight'] = (16 * top, 10)
  sizes['4x4/Dense1/weight'] = (10, max(labels, 1))
  for layer, size in [
    ('Conv', top),
    ('Dense0', 10),
    ('Dense1', max(labels, 1)),
  ]:
    sizes[f'4x4/{layer}/bias'] = (size,)
  own = {'num_channels': 3, 'resolution': 2 ** (n + 1), 'label_size': labels}
  variables = {'lod': np.float32(lod)} | _widths(sizes)
  return network('D', 'D_basic', own | kwargs, variables)
