"""The networks against reference arrays of the official code, and laws."""

import io
import json
import pathlib
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import stylegan, stylegan_modules

ORACLE = pathlib.Path(__file__).parents[2] / 'shared' / 'oracle'
CASES = ['r32', 'r64']
needs_oracle = pytest.mark.skipif(
  not (ORACLE / 'r32-nosrc.pkl').exists(),
  reason='needs the reference arrays in ../shared/oracle',
)


class _Network:
  """Holds the state of one pickled network and runs nothing."""

  def __setstate__(self, state):
    self.state = state


class _Reader(pickle.Unpickler):
  """Reads the two trusted fixtures; every other global is refused."""

  def find_class(self, module, name):
    if (module, name) == ('dnnlib.tflib.network', 'Network'):
      return _Network
    if module.startswith('numpy') and name in (
      '_reconstruct',
      'scalar',
      'ndarray',
      'dtype',
    ):
      return super().find_class(module.replace('.core', '._core'), name)
    raise pickle.UnpicklingError(f'{module}.{name}')


def _variables(network):
  found = dict(network.state['variables'])
  for part in (network.state.get('components') or {}).values():
    found |= {
      f'{part.state["name"]}/{k}': v for k, v in _variables(part).items()
    }
  return found


def _networks(case):
  data = (ORACLE / f'{case}-nosrc.pkl').read_bytes()
  return _Reader(io.BytesIO(data), encoding='latin1').load()


_LEAVES = {
  'StyleMod/weight': ('/style', 'w'),
  'StyleMod/bias': ('/style', 'b'),
  'Noise/weight': ('', 'noise_strength'),
  'const': ('', 'const'),
  'weight': ('', 'w'),
  'bias': ('', 'b'),
}


def _to_ours(params, variables, prefix):
  """Fills `params` (a template) from official variables, by our names."""
  out = {module: {} for module in params}
  for name, value in variables.items():
    value = np.asarray(value)
    if name in ('lod', 'G_synthesis/lod'):
      continue
    if name == 'dlatent_avg':
      out['mapping']['dlatent_avg'] = value
      continue
    name = name.removeprefix(prefix)
    noise = re.fullmatch(r'noise(\d+)', name)
    if noise:
      index = int(noise[1])
      layer = f'synthesis/~/{stylegan_modules.layer_name(index)}'
      out[layer]['noise'] = value.transpose(0, 2, 3, 1)
      continue
    leaf = next(k for k in _LEAVES if name.endswith(k))
    module = name[: -len(leaf)].strip('/')
    module = re.sub(r'^(\d+)x\d+/', r'b\1_', module).replace('/', '_').lower()
    module = module.replace('torgb', 'to_rgb').replace('fromrgb', 'from_rgb')
    suffix, key = _LEAVES[leaf]
    owner = next(m for m in out if m.endswith(f'/{module}{suffix}'))
    if key == 'const':
      value = value.transpose(0, 2, 3, 1)
    out[owner][key] = value
  shapes = jax.tree.map(np.shape, params)
  assert jax.tree.map(np.shape, out) == shapes
  return out


def _config(case):
  config = stylegan.default_config()
  if case == 'r32':
    config.update(fmaps=(64, 64, 64, 32), dlatent_size=64, mapping_layers=8)
  else:
    config.update(
      resolution=64,
      fmaps=(128, 128, 128, 64, 32),
      latent_size=128,
      dlatent_size=128,
      mapping_fmaps=128,
      mapping_layers=8,
    )
  return config


def _shapes(network):
  return jax.eval_shape(network.init, jax.random.key(0))


def _load_generator(case, index=2):
  generator = stylegan.make_generator(_config(case))
  variables = _variables(_networks(case)[index])
  mapping = {
    k: v for k, v in variables.items() if k.startswith(('G_mapping', 'dlat'))
  }
  rest = {k: v for k, v in variables.items() if k not in mapping}
  template = _shapes(generator)
  is_mapping = [m for m in template if m.startswith('mapping')]
  params = _to_ours({m: template[m] for m in is_mapping}, mapping, 'G_mapping/')
  params |= _to_ours(
    {m: template[m] for m in template if m not in is_mapping},
    rest,
    'G_synthesis/',
  )
  return generator, params


def _official(images):
  return np.asarray(images * 2 - 1).transpose(0, 3, 1, 2)


@needs_oracle
@pytest.mark.parametrize('case', CASES)
def test_generator_equals_the_official_one(case):
  generator, params = _load_generator(case)
  ref = np.load(ORACLE / f'{case}-ref.npz')
  w = generator.map(params, ref['z'])
  synthesize = jax.jit(generator.synthesize)
  np.testing.assert_allclose(w, ref['dlatents'], atol=5e-5)
  for psi, cutoff, key in [
    (1, None, 'psi1'),
    (0.7, 8, 'psi07'),
    (0.5, 4, 'psi05_cutoff4'),
  ]:
    cut = stylegan.truncate(params, w, psi=psi, cutoff=cutoff)
    if f'dlatents_{key}' in ref:
      np.testing.assert_allclose(cut, ref[f'dlatents_{key}'], atol=5e-5)
    image = synthesize(params, cut)
    np.testing.assert_allclose(
      _official(image), ref[f'images_{key}'], atol=1e-4
    )


@needs_oracle
def test_mixed_latents_give_the_official_mixed_images():
  generator, params = _load_generator('r32')
  ref = np.load(ORACLE / 'r32-ref.npz')
  w = jnp.asarray(ref['dlatents'])
  mixed = jnp.concatenate([w[:, :4], jnp.roll(w, -1, 0)[:, 4:]], axis=1)
  np.testing.assert_allclose(mixed, ref['mixed_dlatents_psi1'], atol=5e-5)
  image = jax.jit(generator.synthesize)(params, mixed)
  np.testing.assert_allclose(
    _official(image), ref['mixed_images_psi1'], atol=1e-4
  )


@needs_oracle
@pytest.mark.parametrize('case', CASES)
def test_discriminator_equals_the_official_one(case):
  discriminator = stylegan.make_discriminator(_config(case))
  template = _shapes(discriminator)
  params = _to_ours(template, _variables(_networks(case)[1]), '')
  ref = np.load(ORACLE / f'{case}-ref.npz')
  both = np.concatenate([ref['images_psi07'], ref['images_psi1']])
  for images, scores in [
    (ref['probe_images'], ref['D_probe_images']),
    (ref['images_psi1'], ref['D_images_psi1']),
    (both, ref['D_batch8']),
    (both[:2], ref['D_batch2']),
    (both[:1], ref['D_batch1']),
  ]:
    ours = jax.jit(discriminator.apply)(
      params, (images.transpose(0, 2, 3, 1) + 1) / 2
    )
    # Scores of one group may differ by where rounding falls: 1e-5 absolute.
    np.testing.assert_allclose(ours, scores[:, 0], atol=1e-5)


def _small(**fields):
  config = stylegan.default_config()
  config.update(
    resolution=16,
    fmaps=(8, 8, 4),
    dlatent_size=8,
    mapping_fmaps=8,
    mapping_lrmul=1.0,
    split=4,
  )
  config.update(fields)
  return config


def _random(network):
  """Parameters without a zero or a one, drawn by numpy (quick to compile)."""
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda x: jnp.asarray(rng.normal(size=x.shape), 'float32'),
    _shapes(network),
  )


@pytest.mark.parametrize('split', [1, 2, 3, 4, 5])
def test_synthesis_is_fine_after_coarse_for_any_split(split):
  generator = stylegan.make_generator(_small(split=split))
  params = _random(generator)
  w = generator.map(params, jax.random.normal(jax.random.key(1), (3, 64)))
  w = w + jax.random.normal(jax.random.key(2), w.shape)
  whole = jax.jit(generator.synthesize)(params, w)
  coarse = jax.jit(generator.coarse)(params, w[:, :split])
  parts = jax.jit(generator.fine)(params, coarse, w[:, split:])
  # The same operations in the same order, in three programs.
  np.testing.assert_allclose(whole, parts, atol=1e-5)


@needs_oracle
def test_read_outs_of_coarser_levels_equal_the_official_ones():
  generator, params = _load_generator('r32')
  ref = np.load(ORACLE / 'r32-layers.npz')
  w = generator.map(params, np.load(ORACLE / 'r32-ref.npz')['z'][:2])
  w = stylegan.truncate(params, w)  # As for these reference arrays.
  coarse = {k: ref[f'G_synthesis/ToRGB_lod{k}'] for k in (1, 2)}
  synthesize = jax.jit(generator.synthesize, static_argnames='level')
  for level in (1, 2):
    image = _official(synthesize(params, w, level=level))
    expected = coarse[level].repeat(2**level, 2).repeat(2**level, 3)
    np.testing.assert_allclose(image, expected, atol=1e-4)
  image = _official(synthesize(params, w, level=1, blend=jnp.float32(0.25)))
  a = coarse[1].repeat(2, 2).repeat(2, 3)
  b = coarse[2].repeat(4, 2).repeat(4, 3)
  np.testing.assert_allclose(image, a + (b - a) * 0.25, atol=1e-4)


def test_fresh_noise_changes_the_image_and_stored_noise_does_not():
  generator = stylegan.make_generator(_small())
  params = _random(generator)
  w = generator.map(params, jnp.ones((1, 64)))
  synthesize = jax.jit(generator.synthesize)
  stored = synthesize(params, w)
  np.testing.assert_array_equal(stored, synthesize(params, w))
  fresh = synthesize(params, w, jax.random.key(3))
  assert float(jnp.abs(stored - fresh).max()) > 1e-2


def test_truncation_pulls_early_layers_to_the_mean():
  params = {'mapping': {'dlatent_avg': jnp.full((2,), 4.0)}}
  w = jnp.zeros((1, 3, 2))
  cut = stylegan.truncate(params, w, psi=0.25, cutoff=2)
  np.testing.assert_array_equal(cut[0, :, 0], [3, 3, 0])
  np.testing.assert_array_equal(stylegan.truncate(params, w, psi=None), w)
  np.testing.assert_array_equal(stylegan.truncate(params, w, cutoff=None), w)


def test_labels_choose_the_score_and_change_the_latents():
  config = _small(label_size=3)
  generator = stylegan.make_generator(config)
  params = _random(generator)
  z = jnp.ones((2, 64))
  w = generator.map(params, z, jnp.eye(3)[:2])
  assert float(jnp.abs(w[0] - w[1]).max()) > 1e-3
  discriminator = stylegan.make_discriminator(config)
  params = _random(discriminator)
  images = jnp.ones((2, 16, 16, 3)) * 0.5
  apply = jax.jit(discriminator.apply)
  scores = [apply(params, images, jnp.eye(3)[[k, k]]) for k in range(3)]
  both = apply(params, images, jnp.asarray([[1.0, 1, 0]] * 2))
  np.testing.assert_allclose(both, scores[0] + scores[1], rtol=1e-5)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'resolution': 24}, 'power of two >= 4, got 24'),
    ({'fmaps': (8, 8)}, 'fmaps must list 4 widths'),
    ({'split': 8}, 'split must be in 1..7, got 8'),
  ],
)
def test_an_impossible_architecture_is_refused(fields, message):
  config = stylegan.default_config()
  config.update(fields)
  with pytest.raises(ValueError, match=message):
    stylegan.make_generator(config)


def test_a_saved_generator_draws_the_same_images(tmp_path):
  config = _small()
  generator = stylegan.make_generator(config)
  params = _random(generator)
  stylegan.save(tmp_path / 'g.npz', config, params)
  loaded, again = stylegan.load(tmp_path / 'g.npz')
  w = generator.map(params, jnp.ones((1, 64)))
  np.testing.assert_array_equal(
    jax.jit(generator.synthesize)(params, w),
    jax.jit(loaded.synthesize)(again, w),
  )


def test_names_and_shapes_of_parameters_are_golden():
  config = stylegan.default_config()
  found = {}
  for network in (
    stylegan.make_generator(config),
    stylegan.make_discriminator(config),
  ):
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    found |= {
      f'{m}:{n}': list(x.shape) for m, p in shapes.items() for n, x in p.items()
    }
  golden = pathlib.Path(__file__).parent / 'golden' / 'stylegan.json'
  assert found == json.loads(golden.read_text())
