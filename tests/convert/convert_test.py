"""The converter: laws on fixtures, refusals, commands."""

import hashlib

import haiku as hk
import jax
import numpy as np
import pytest
from helpers import nvlabs_fixture

from advmix_jax.generators import stylegan, stylegan_modules
from advmix_jax.runtime import files
from checkpoints_convert import convert, nvlabs_pickle


def _params(network):
  return convert.convert(network)[2]


def _read(made, protocol=4):
  """What the reader makes of a fixture."""
  (network,) = nvlabs_pickle.loads(
    nvlabs_fixture.dumps(made, protocol)
  ).values()
  return network


def _generator(**fields):
  """(generator, params, config) of a converted fixture."""
  _, config, params = convert.convert(_read(nvlabs_fixture.generator(**fields)))
  return stylegan.make_generator(config), params, config


def test_config_comes_from_the_shapes():
  config = _generator(labels=3)[2]
  assert config.resolution == 16 and tuple(config.fmaps) == (6, 5, 4)
  assert (config.latent_size, config.dlatent_size) == (7, 8)
  assert (config.mapping_fmaps, config.mapping_layers) == (9, 2)
  assert config.label_size == 3 and config.lod == 0
  critic = nvlabs_fixture.critic(labels=2, mbstd_group_size=2)
  config = convert.convert(_read(critic))[1]
  assert (config.dense_fmaps, config.label_size) == (10, 2)
  assert config.mbstd_group_size == 2


@pytest.mark.parametrize('make', ['generator', 'critic'])
def test_every_number_is_used_exactly_once(make):
  network = _read(getattr(nvlabs_fixture, make)())
  parts = [network, *network.components.values()]
  numbers = [
    value.ravel()
    for part in parts
    for name, value in part.variables.items()
    if name != 'lod'
  ]
  ours = [np.ravel(x) for x in jax.tree.leaves(_params(network))]
  np.testing.assert_array_equal(
    np.sort(np.concatenate(numbers)), np.sort(np.concatenate(ours))
  )


def test_a_conditional_mapping_wants_its_labels():
  generator, params, _ = _generator(labels=3)
  with pytest.raises(ValueError, match='7 columns and labels, or 7 \\+ 3'):
    generator.map(params, np.ones((2, 7), 'f4'))


def test_a_network_that_still_grows_draws_at_its_lod():
  generator, params, config = _generator(lod=1.25)
  full, same, _ = _generator()
  assert config.lod == 1.25 and 0 < config.split <= 2
  w = np.random.default_rng(0).normal(size=(1, 6, 8)).astype('f4')
  found, one, two = jax.jit(
    lambda p, q, w: [
      generator.synthesize(p, w),
      *(full.synthesize(q, w, level=level) for level in (1, 2)),
    ]
  )(params, same, w)
  # Linear between the two read-outs; rounding apart.
  np.testing.assert_allclose(found, one + (two - one) * 0.25, atol=1e-5)
  with pytest.raises(ValueError, match='fine needs a network of lod 0'):
    generator.fine(params, None, w)


def test_the_lod_of_the_whole_network_overrides_that_of_its_part():
  network = _changed('synthesis', 'lod', lambda x: np.ones((), 'f4'))
  assert convert.convert(network)[1].lod == 0


def test_a_conditional_discriminator_scores_all_classes():
  _, config, params = convert.convert(_read(nvlabs_fixture.critic(labels=3)))
  discriminator = stylegan.make_discriminator(config)
  images, labels = np.full((2, 16, 16, 3), 0.25, 'f4'), np.eye(3)[[2, 1]]
  scores, one = jax.jit(
    lambda p, x: [discriminator.apply(p, x, y) for y in (None, labels)]
  )(params, images)
  assert scores.shape == (2, 3)
  np.testing.assert_allclose(one, [scores[0, 2], scores[1, 1]], rtol=1e-5)


def test_fused_layers_follow_their_definition():
  """A transposed convolution, stride 2, of the kernel summed over shifts."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=(1, 64, 64, 1)).astype('f4')
  w = rng.normal(size=(3, 3, 1, 1)).astype('f4')
  layer = hk.transform(
    lambda x: stylegan_modules.StyleLayer(10, 1, 'layer')._source(x, 1)
  )
  ours = layer.apply({'layer': {'w': w}}, None, x)[0, :, :, 0]
  k = np.zeros((4, 4))
  for i, j in np.ndindex(2, 2):
    k[i : i + 3, j : j + 3] += w[:, :, 0, 0] * (2 / 9) ** 0.5
  y = np.zeros((130, 130))  # Position p is output pixel p - 1.
  for i, j in np.ndindex(4, 4):
    y[i : i + 128 : 2, j : j + 128 : 2] += x[0, :, :, 0] * k[i, j]
  y = np.pad(y[1:129, 1:129], 1)
  for _ in range(2):  # The [1, 2, 1] blur of one axis, then of the other.
    y = (y[:-2] + 2 * y[1:-1] + y[2:]).T / 4
  np.testing.assert_allclose(ours, y, atol=1e-5)


@pytest.mark.parametrize('fused', [True, False, 'auto'])
def test_an_explicit_fused_scale_is_honoured(fused):
  fmaps = (2, 2, 2, 2, 2, 2)
  _, params, _ = _generator(fmaps=fmaps, fused_scale=fused)
  made = nvlabs_fixture.generator(fmaps=fmaps).state['components']['synthesis']
  values = dict(made.state['variables'])
  for size in (8, 64, 128):
    ours = params[f'synthesis/~/b{size}_conv0_up']['w']
    theirs = values[f'{size}x{size}/Conv0_up/weight']
    # Our layer turns kernels from 128 pixels on; fused means turned.
    if (size >= 128 if fused == 'auto' else fused) != (size >= 128):
      theirs = theirs[::-1, ::-1]
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
  'kwargs',
  [
    {'blur_filter': None},
    {'blur_filter': [1, 3, 3, 1]},
    {'fused_scale': 1},
    {'nonlinearity': 'relu'},
    {'mapping_nonlinearity': 'relu'},
    {'use_noise': False},
    {'use_styles': False},
    {'use_wscale': False},
    {'use_pixel_norm': True},
    {'use_instance_norm': False},
    {'const_input_layer': False},
    {'normalize_latents': False},
    {'dtype': 'float16'},
    {'structure': 'other'},
    {'structure': 'fixed'},
    {'brightness': 2},
    {'resolution': 32},
    {'num_channels': 1},
    {'latent_size': 8},
    {'dlatent_size': 7},
    {'mapping_layers': 8},
    {'mapping_fmaps': 8},
    {'mapping_lrmul': 'x'},
    {'fmap_max': 4},
    {'fmap_base': 'x'},
  ],
  ids=str,
)
def test_kwargs_that_do_not_fit_are_refused_by_name(kwargs):
  network = _read(nvlabs_fixture.generator(**kwargs))
  with pytest.raises(ValueError, match=next(iter(kwargs))) as caught:
    convert.convert(network)
  assert len(str(caught.value).splitlines()) == 1


def test_kwargs_that_fit_are_taken():
  config = _generator(
    **{'mapping_lrmul': 0.5, 'blur_filter': [1, 2, 1], 'structure': 'linear'},
    **{'fmap_base': 12, 'fmap_max': 6, 'fmaps': (6, 3, 1), 'lod': 2.0},
    **{'truncation_psi': 0.7, 'use_noise': True, 'nonlinearity': 'lrelu'},
  )[2]
  assert config.mapping_lrmul == 0.5
  assert config.lod == 2


def _changed(part, name, change):
  """A fixture whose variable `name` of a part `change`d."""
  network = _read(nvlabs_fixture.generator())
  variables = network.components[part].variables
  variables[name] = change(variables.get(name))
  if variables[name] is None:
    del variables[name]
  return network


@pytest.mark.parametrize(
  ('part', 'name', 'change', 'message'),
  [
    ('mapping', 'Dense1/bias', lambda x: None, 'missing: mapping/dense1:b'),
    ('synthesis', 'noise3', lambda x: None, 'b8_conv1:noise'),
    ('synthesis', 'ToRGB_lod1/weight', lambda x: None, 'missing variable G_'),
    ('mapping', 'Dense0/weight', lambda x: None, 'missing variable G_mapping'),
    ('synthesis', 'lod', lambda x: np.ones(2, 'f4'), 'no scalar'),
    ('synthesis', 'extra', lambda x: np.ones(2, 'f4'), 'G_synthesis/extra'),
    ('synthesis', 'noise99', lambda x: np.ones(2, 'f4'), 'G_synthesis/noise99'),
    ('mapping', 'Dense00/bias', lambda x: np.ones(9, 'f4'), 'Dense00/bias'),
    ('synthesis', 'noise2', lambda x: x[:, :, :4], r'noise2 is \(1, 4, 8, 1\)'),
    (
      'synthesis',
      '8x8/Conv1/bias',
      lambda x: x[1:],
      r'\(4,\), expected \(5,\)',
    ),
    ('mapping', 'Dense0/weight', lambda x: x[0], 'expected 2 axes'),
    ('mapping', 'Dense0/weight', lambda x: x[:0], r'is empty, \(0, 9\)'),
    ('mapping', 'Dense0/bias', lambda x: x * np.nan, 'bias.* not finite'),
    (
      'mapping',
      'LabelConcat/weight',
      lambda x: np.ones((2, 99), 'f4'),
      'has -92 rows for latents',
    ),
    (
      'mapping',
      'Dense0/bias',
      lambda x: x.astype('f8'),
      'float64, not float32',
    ),
    (
      'synthesis',
      '24x24/Conv/bias',
      lambda x: np.ones(2, 'f4'),
      'power of two',
    ),
  ],
)
def test_variables_that_do_not_fit_are_refused(part, name, change, message):
  network = _changed(part, name, change)
  with pytest.raises(ValueError, match=message) as caught:
    convert.convert(network)
  assert len(str(caught.value).splitlines()) == 1


def test_other_networks_are_refused():
  made = nvlabs_fixture.network('D', 'D_stylegan2', {}, {})
  with pytest.raises(ValueError, match="build function 'D_stylegan2'"):
    convert.convert(_read(made))
  made = nvlabs_fixture.generator()
  del made.state['components']['mapping']
  with pytest.raises(ValueError, match='components'):
    convert.convert(_read(made))


def test_conversion_and_export_load_as_the_same_network(tmp_path):
  source, target = tmp_path / 'a.pkl', tmp_path / 'a.npz'
  source.write_bytes(nvlabs_fixture.dumps(nvlabs_fixture.generator()))
  metadata = convert.convert_file(source, target)
  digest = hashlib.sha256(source.read_bytes()).hexdigest()
  stored = files.load_npz(target)[1]
  assert stored['source']['sha256'] == digest
  assert 'CC BY-NC 4.0' in stored['licence'] == metadata['licence']
  generator, params, config = _generator()
  loaded, again = stylegan.load(target)
  copy = tmp_path / 'b.npz'
  stylegan.save(copy, config, again)  # Our own export, read once more.
  _, third = stylegan.load(copy)
  assert loaded[5:] == generator[5:]  # Sizes and the split.
  for other in (again, third):
    jax.tree.map(np.testing.assert_array_equal, other, params)
  with pytest.raises(ValueError, match='expected stylegan_discriminator'):
    stylegan.load_discriminator(target)
  with pytest.raises(ValueError, match="no network 'D', expected one of 'Gs'"):
    convert.convert_file(source, target, network='D')
  with pytest.raises(ValueError, match='is the source itself'):
    convert.convert_file(source, source)


def test_a_file_that_names_one_array_many_times_is_refused(tmp_path):
  # What is written would be far larger than what was read.
  made, one = nvlabs_fixture.generator(), np.ones(10_000, 'f4')
  again = [(f'extra{i}', one) for i in range(50)]
  made.state['components']['synthesis'].state['variables'] += again
  source, target = tmp_path / 'a.pkl', tmp_path / 'a.npz'
  source.write_bytes(nvlabs_fixture.dumps(made))
  with pytest.raises(ValueError, match=r'of 2,\d+,\d+ bytes in a file'):
    convert.convert_file(source, target)
  assert not target.exists()
