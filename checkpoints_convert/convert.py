"""Converts an official StyleGAN v1 pickle to a portable `.npz`.

  python -m checkpoints_convert.convert --input=ffhq.pkl --output=ffhq.npz
  python -m checkpoints_convert.convert --input=ffhq.pkl --inspect

  generator, params = stylegan.load('ffhq.npz')

Needs no TensorFlow and runs no code in the pickle. The shapes of the variables
give the sizes, and every variable is used exactly once. Every kwarg is checked
against the variables, applied, or refused with an error that names it.

A converted file holds the parameters, noise inputs and dlatent_avg, the config,
and the source's SHA-256. It keeps the licence of its source.

Contents: LICENCE, convert_file, convert, entry.
"""

import math
import os
import pathlib
import re
import sys

if __name__ == '__main__' and not __package__:  # Run as a script.
  sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import jax
import ml_collections
import numpy as np
from absl import flags

from advmix_jax import types
from advmix_jax.generators import stylegan
from advmix_jax.generators.stylegan_modules import (
  FUSED_FROM,
  layer_name,
  num_layers,
)
from advmix_jax.runtime import cli, files, untrusted
from checkpoints_convert import nvlabs_kwargs, nvlabs_pickle

LICENCE = (
  'The weights keep the licence of the file that they were converted from; '
  'those published by NVIDIA are under CC BY-NC 4.0.'
)

_KINDS = {
  'G_style': stylegan.GENERATOR_KIND,
  'D_basic': stylegan.DISCRIMINATOR_KIND,
}
_MAX_LAYERS = 100  # Of the mapping network; the official one has 8.
_PARTS = {'synthesis': 'G_synthesis', 'mapping': 'G_mapping'}
_LEAVES = {'weight': 'w', 'bias': 'b'}

_LEAF = '/(?P<leaf>weight|bias)'
_LAYER = (
  'G_synthesis/(?P<size>[0-9]{1,4})x(?P=size)/'
  '(?P<kind>Const|Conv|Conv0_up|Conv1)'
)
_NHWC = (0, 2, 3, 1)
# Official name -> our module, name in it ('': the leaf's name), axes.
_TABLE = (
  ('dlatent_avg', 'mapping', 'dlatent_avg', None),
  ('G_mapping/LabelConcat/weight', 'mapping', 'label_concat', None),
  (f'G_mapping/Dense(?P<n>[0-9]{{1,2}}){_LEAF}', 'mapping/dense{n}', '', None),
  (
    'G_synthesis/noise(?P<index>[0-9]{1,2})',
    'synthesis/~/{layer}',
    'noise',
    _NHWC,
  ),
  (f'{_LAYER}/const', 'synthesis/~/{layer}', 'const', _NHWC),
  (f'{_LAYER}/Noise/weight', 'synthesis/~/{layer}', 'noise_strength', None),
  (f'{_LAYER}/StyleMod{_LEAF}', 'synthesis/~/{layer}/style', '', None),
  (f'{_LAYER}{_LEAF}', 'synthesis/~/{layer}', '', None),
  (
    f'G_synthesis/ToRGB_lod(?P<n>[0-9]{{1,2}}){_LEAF}',
    'synthesis/~to_rgb/to_rgb_lod{n}',
    '',
    None,
  ),
  (
    f'FromRGB_lod(?P<n>[0-9]{{1,2}}){_LEAF}',
    'discriminator/~_from_rgb/from_rgb_lod{n}',
    '',
    None,
  ),
  (
    f'(?P<size>[0-9]{{1,4}})x(?P=size)/(?P<kind>Conv0|Conv1_down){_LEAF}',
    'discriminator/~_block/{layer}',
    '',
    None,
  ),
  (
    f'(?P<size>4)x4/(?P<kind>Conv|Dense0|Dense1){_LEAF}',
    'discriminator/{layer}',
    '',
    None,
  ),
)


def convert_file(source: str, output: str, *, network: str = 'Gs') -> dict:
  """Converts one network of a pickle and writes it.

  Args:
    source: Path of the pickle.
    output: Path of the `.npz`. `stylegan.load` reads it; for network D,
      `stylegan.load_discriminator` does.
    network: Name in the pickle: Gs (the averaged generator), G or D.

  Returns:
    The metadata that was written with the parameters.

  Raises:
    FileNotFoundError: There is no such pickle.
    ValueError: The pickle is refused, or does not fit our networks.
  """
  files.check_output(output, source)
  networks = nvlabs_pickle.load(source)
  if network not in networks:
    raise ValueError(
      f'{source} has no network {network!r}, expected one of '
      f'{", ".join(map(ascii, networks))}'
    )
  found = networks.pop(network)
  networks.clear()  # Frees the other networks.
  with untrusted.reading(source):
    _check_size(found, os.path.getsize(source))
    kind, config, params = convert(found)
  metadata = {
    'kind': kind,
    'source': {
      'file': pathlib.Path(source).name,
      'sha256': files.file_hash(source),
      'network': network,
      'version': found.version,
      'kwargs': nvlabs_kwargs.merge(found),
    },
    'licence': LICENCE,
  }
  stylegan.save(output, config, params, **metadata)
  return metadata | {'config': config.to_dict()}


def _check_size(network, most):
  """Refuses a file which names one array many times and would fill the disk."""
  parts = [network, *network.components.values()]
  size = sum(v.nbytes for part in parts for v in part.variables.values())
  if size > most:
    raise ValueError(f'variables of {size:,} bytes in a file of {most:,}')


def convert(
  network: nvlabs_pickle.Network,
) -> tuple[str, ml_collections.ConfigDict, types.Params]:
  """Maps an official network to ours.

  Returns:
    (kind, config, params): the `kind` that stylegan.load expects, a config with
    the fields of stylegan.default_config, and Haiku parameters.

  Raises:
    ValueError: An unknown build function or kwarg; a variable that is missing,
      left over or of the wrong shape.
  """
  kind = _kind(network)
  variables = _collect(network)
  kwargs = nvlabs_kwargs.merge(network)
  lod = _pop_lod(variables)
  infer = _generator_config if kind == _KINDS['G_style'] else _critic_config
  facts = infer(variables, kwargs)
  config = stylegan.default_config()
  config.update(facts, lod=lod)
  layers = num_layers(config)
  config.split = max(1, layers - 2 - 2 * math.ceil(lod))
  nvlabs_kwargs.check(kwargs, facts | {'dlatent_broadcast': layers})
  params = _map(variables, kwargs.get('fused_scale', 'auto'))
  _compare(params, _template(kind, config))
  arrays = {m: {k: v[1] for k, v in params[m].items()} for m in params}
  return kind, config, arrays


def _kind(network):
  function = network.build_func_name
  if function not in _KINDS:
    raise ValueError(
      f'build function {ascii(function)}, expected one of {", ".join(_KINDS)}'
    )
  expected = _PARTS if function == 'G_style' else {}
  parts = {k: v.build_func_name for k, v in network.components.items()}
  if parts != expected:
    raise ValueError(f'components {parts} of {function}, expected {expected}')
  return _KINDS[function]


def _collect(network):
  """All variables; components' get the prefix G_synthesis/ or G_mapping/."""
  found = dict(network.variables)
  for key, part in network.components.items():
    for name, value in part.variables.items():
      full = f'{_PARTS[key]}/{name}'
      if full in found:
        raise ValueError(f'variable {ascii(full)} is there twice')
      found[full] = value
  for name, value in found.items():
    if value.dtype != np.float32:
      raise ValueError(f'variable {ascii(name)} is {value.dtype}, not float32')
    if not value.size:
      raise ValueError(f'variable {ascii(name)} is empty, {value.shape}')
    untrusted.check_numbers(f'variable {ascii(name)}', value)
  return found


def _pop_lod(variables):
  """Pops lod from `variables`; the network's own overrides G_synthesis/lod."""
  values = [
    variables.pop(name)
    for name in ('lod', 'G_synthesis/lod')
    if name in variables
  ]
  if not values or any(value.shape for value in values):
    raise ValueError('variable lod is missing or no scalar')
  lod = float(values[0])
  if not 0 <= lod <= 8:
    raise ValueError(f'variable lod is {lod}, expected 0 to 8')
  return lod


def _shape(variables, name, axes):
  if name not in variables:
    raise ValueError(f'missing variable {name}')
  shape = variables[name].shape
  if len(shape) != axes:
    raise ValueError(f'variable {name} has shape {shape}, expected {axes} axes')
  return shape


def _blocks(variables):
  """Number of resolutions; the first is 4x4."""
  pattern = re.compile('(?:G_synthesis/)?([0-9]{1,4})x[0-9]{1,4}/.*')
  found = [pattern.fullmatch(name) for name in variables]
  size = max([int(match[1]) for match in found if match], default=0)
  if size < 4 or size & (size - 1):
    raise ValueError(
      f'the largest block is {size}x{size}, no power of two >= 4'
    )
  return size.bit_length() - 2


def _generator_config(variables, kwargs):
  dense = [k for k in variables if re.fullmatch('G_mapping/Dense.*/weight', k)]
  if len(dense) > _MAX_LAYERS:
    raise ValueError(f'{len(dense)} mapping layers, expected <= {_MAX_LAYERS}')
  first, width = _shape(variables, 'G_mapping/Dense0/weight', 2)
  label_size = 0
  if 'G_mapping/LabelConcat/weight' in variables:
    label_size, embedded = _shape(variables, 'G_mapping/LabelConcat/weight', 2)
    first -= embedded
    if first < 1:
      raise ValueError(f'G_mapping/Dense0/weight has {first} rows for latents')
  n = _blocks(variables)
  rgb = [
    _shape(variables, f'G_synthesis/ToRGB_lod{n - 1 - i}/weight', 4)
    for i in range(n)
  ]
  if len(dense) == 1:  # That is the width of w: no hidden layer.
    width = nvlabs_kwargs.number(kwargs, 'mapping_fmaps', width, least=1)
  return {
    'resolution': 2 ** (n + 1),
    'num_channels': rgb[-1][3],
    'fmaps': tuple(shape[2] for shape in rgb),
    'latent_size': first,
    'dlatent_size': _shape(variables, 'dlatent_avg', 1)[0],
    'mapping_fmaps': width,
    'mapping_layers': len(dense),
    'mapping_lrmul': nvlabs_kwargs.number(
      kwargs, 'mapping_lrmul', 0.01, least=0
    ),
    'label_size': label_size,
  }


def _critic_config(variables, kwargs):
  n = _blocks(variables)
  rgb = [
    _shape(variables, f'FromRGB_lod{n - 1 - i}/weight', 4) for i in range(n)
  ]
  number = nvlabs_kwargs.number
  outputs = _shape(variables, '4x4/Dense1/weight', 2)[1]
  if outputs == 1:  # Either no label, or a single class.
    outputs = number(kwargs, 'label_size', 0, least=0)
  return {
    'resolution': 2 ** (n + 1),
    'num_channels': rgb[-1][2],
    'fmaps': tuple(shape[3] for shape in rgb),
    'dense_fmaps': _shape(variables, '4x4/Dense0/weight', 2)[1],
    'label_size': outputs,
    'mbstd_group_size': number(kwargs, 'mbstd_group_size', 4, least=2),
  }


def _target(name):
  """(module, name in it, axes, block size) of an official name, or None."""
  for pattern, module, key, axes in _TABLE:
    match = re.fullmatch(pattern, name)
    if not match:
      continue
    fields = match.groupdict()
    size = int(fields.get('size') or 0)
    if 'index' in fields:
      layer = layer_name(int(fields['index']))
    else:
      layer = f'b{size}_{(fields.get("kind") or "").lower()}'
    module = module.format(layer=layer, n=fields.get('n'))
    return module, key or _LEAVES[fields['leaf']], axes, size
  return None


def _map(variables, fused_scale):
  """{module: {name: (official name, array)}}; raises if variables are left."""
  params, left = {}, []
  for name, value in variables.items():
    target = _target(name)
    if target is None or target[1] in params.get(target[0], {}):
      left.append(name)
      continue
    module, key, axes, size = target
    if axes is not None and value.ndim == len(axes):
      value = value.transpose(axes)
    # Our kernels are flipped from 128 pixels on, as with fused_scale 'auto'.
    turned = size >= FUSED_FROM if fused_scale == 'auto' else fused_scale
    if name.endswith('Conv0_up/weight') and turned != (size >= FUSED_FROM):
      value = value[::-1, ::-1]
    params.setdefault(module, {})[key] = (name, value)
  if left:
    raise ValueError(f'left-over variables: {_listing(left)}')
  return params


def _template(kind, config):
  """Shapes of our parameters, without computing their values."""
  if kind == _KINDS['G_style']:
    init = stylegan.make_generator(config).init
  else:
    init = stylegan.make_discriminator(config).init
  return jax.eval_shape(init, jax.random.key(0))


def _compare(params, template):
  """Raises ValueError, which lists all differences in names and shapes."""
  want = {(m, k): v.shape for m in template for k, v in template[m].items()}
  have = {(m, k): v for m in params for k, v in params[m].items()}
  missing = [f'{m}:{k} {want[m, k]}' for m, k in want if (m, k) not in have]
  left = [name for at, (name, _) in have.items() if at not in want]
  shapes = [
    f'{name} is {value.shape}, expected {want[at]}'
    for at, (name, value) in have.items()
    if at in want and value.shape != want[at]
  ]
  if missing or left or shapes:
    raise ValueError(
      f'variables do not fit: missing: {_listing(missing)}; left over: '
      f'{_listing(left)}; shapes: {_listing(shapes)}'
    )


def _listing(names):
  shown = ', '.join(ascii(name)[1:-1] for name in names[:12])
  more = f' and {len(names) - 12} more' if len(names) > 12 else ''
  return f'{shown}{more}' if names else 'none'


def _main(argv):
  del argv  # Empty: cli.run refuses arguments.
  values = flags.FLAGS
  if not values.input or not (values.output or values.inspect):
    raise ValueError('--input and one of --output and --inspect are needed')
  if values.inspect:
    print(nvlabs_pickle.describe(nvlabs_pickle.load(values.input)))
    return
  metadata = convert_file(values.input, values.output, network=values.network)
  print(
    f'{values.output}: {values.network} of {metadata["source"]["file"]}, '
    f'{metadata["config"]["resolution"]} pixels, '
    f'sha256 {metadata["source"]["sha256"]}\n{LICENCE}'
  )


def entry() -> None:
  """The console command. It defines its flags here, not on import."""
  flags.DEFINE_string('input', '', 'The pickle to read.')
  flags.DEFINE_string('output', '', 'The .npz file to write.')
  flags.DEFINE_string('network', 'Gs', 'Which network: Gs, G or D.')
  flags.DEFINE_boolean('inspect', False, 'Only print what the pickle holds.')
  cli.run(_main)


if __name__ == '__main__':
  entry()
