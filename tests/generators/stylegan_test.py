"""Laws of the networks; convert_test holds them against the official ones."""

import functools
import json
import pathlib

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import compiling, random_params

from advmix_jax.generators import stylegan, stylegan_modules
from advmix_jax.runtime import files


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


@pytest.mark.parametrize('split', [1, 2, 3, 4, 5])
def test_synthesis_is_fine_after_coarse_for_any_split(split):
  generator = stylegan.make_generator(_small(split=split))
  params = random_params.draw(generator)
  w = generator.map(params, jax.random.normal(jax.random.key(1), (3, 64)))
  w = w + jax.random.normal(jax.random.key(2), w.shape)
  whole = jax.jit(generator.synthesize)(params, w)
  coarse = jax.jit(generator.coarse)(params, w[:, :split])
  parts = jax.jit(generator.fine)(params, coarse, w[:, split:])
  # The same operations in the same order, in three programs.
  np.testing.assert_allclose(whole, parts, atol=1e-5)


def test_fresh_noise_changes_the_image_and_stored_noise_does_not():
  generator = stylegan.make_generator(_small())
  params = random_params.draw(generator)
  w = generator.map(params, jnp.ones((1, 64)))
  synthesize = jax.jit(generator.synthesize)
  stored = synthesize(params, w)
  np.testing.assert_array_equal(stored, synthesize(params, w))
  fresh = synthesize(params, w, jax.random.key(3))
  assert float(jnp.abs(stored - fresh).max()) > 1e-2


def test_without_noise_inputs_an_image_is_that_of_noise_zero():
  noisy = stylegan.make_generator(_small())
  quiet = stylegan.make_generator(_small(use_noise=False))
  params = random_params.draw(noisy)
  noise = ('noise', 'noise_strength')
  bare = {
    name: {k: v for k, v in layer.items() if k not in noise}
    for name, layer in params.items()
  }
  made = jax.tree.map(jnp.shape, quiet.init(jax.random.key(0)))
  assert made == jax.tree.map(jnp.shape, bare)
  zeros = {
    name: {k: v * (k != 'noise') for k, v in layer.items()}
    for name, layer in params.items()
  }
  w = quiet.map(bare, jax.random.normal(jax.random.key(1), (2, 64)))
  found = jax.jit(quiet.synthesize)(bare, w)
  # Sums with zeros are exact; the two programs may fuse in other ways.
  np.testing.assert_allclose(found, noisy.synthesize(zeros, w), atol=1e-5)
  fresh = quiet.synthesize(bare, w, jax.random.key(3))
  np.testing.assert_allclose(found, fresh, atol=1e-5)


def test_a_grey_network_has_one_channel_of_a_coloured_one_three_times():
  coloured = stylegan.make_generator(_small())
  grey = stylegan.make_generator(_small(grey=True))
  params = random_params.draw(coloured)
  first = {
    name: {k: v[..., :1] if 'to_rgb' in name else v for k, v in layer.items()}
    for name, layer in params.items()
  }
  made = jax.tree.map(jnp.shape, grey.init(jax.random.key(0)))
  assert made == jax.tree.map(jnp.shape, first)
  w = grey.map(first, jax.random.normal(jax.random.key(1), (2, 64)))
  found = jax.jit(grey.synthesize)(first, w)
  wanted = coloured.synthesize(params, w)[..., :1].repeat(3, -1)
  # Sums in another order.
  np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_truncation_pulls_early_layers_to_the_mean():
  params = {'mapping': {'dlatent_avg': jnp.full((2,), 4.0)}}
  w = jnp.zeros((1, 3, 2))
  cut = stylegan.truncate(params, w, psi=0.25, cutoff=2)
  np.testing.assert_array_equal(cut[0, :, 0], [3, 3, 0])
  np.testing.assert_array_equal(stylegan.truncate(params, w, psi=None), w)
  np.testing.assert_array_equal(stylegan.truncate(params, w, cutoff=None), w)


def test_without_labels_z_draws_the_class():
  config = _small(label_size=3)
  generator = stylegan.make_generator(config)
  assert generator.latent_size == 64 + 3
  params = random_params.draw(generator)
  z = jax.random.normal(jax.random.key(5), (3000, 67))
  own, labels = stylegan.split_z(config, z)
  np.testing.assert_array_equal(
    generator.map(params, z[:9]), generator.map(params, own[:9], labels[:9])
  )
  # Three standard deviations of a share of 3,000 draws: 0.026.
  np.testing.assert_allclose(labels.mean(0), 1 / 3, atol=0.026)


def test_classes_are_drawn_with_their_frequencies():
  shares = (0.7, 0.1, 0.2)
  config = _small(label_size=3, label_frequencies=shares)
  z = jax.random.normal(jax.random.key(5), (3000, 67))
  labels = stylegan.split_z(config, z)[1]
  # Three standard deviations of the share 0.7 of 3,000 draws: 0.025.
  np.testing.assert_allclose(labels.mean(0), shares, atol=0.026)


def test_a_narrow_gate_lets_one_normalised_map_through():
  config = _small(split_fmaps=1)
  generator = stylegan.make_generator(config)
  params = random_params.draw(generator)
  w = jax.random.normal(jax.random.key(1), (2, generator.num_layers, 8))
  gate = generator.coarse(params, w[:, : generator.split])
  assert gate.shape[-1] == 1
  np.testing.assert_allclose(gate.mean((1, 2)), 0, atol=1e-5)
  np.testing.assert_allclose(gate.std((1, 2)), 1, atol=1e-4)


def test_a_bounded_gate_is_the_tanh_of_the_free_one():
  free, bounded = (
    stylegan.make_generator(_small(split_fmaps=1, split_bounded=bound))
    for bound in (False, True)
  )
  params = random_params.draw(free)
  w = jax.random.normal(jax.random.key(1), (2, free.num_layers, 8))
  coarse, fine = w[:, : free.split], w[:, free.split :]
  gate = bounded.coarse(params, coarse)
  want = np.tanh(free.coarse(params, coarse))
  np.testing.assert_allclose(gate, want, atol=1e-6)
  # The image is what the fine layers of either network make of this gate.
  np.testing.assert_allclose(
    bounded.synthesize(params, w), free.fine(params, want, fine), atol=1e-5
  )


@pytest.mark.parametrize('norm', [True, False])
def test_without_fine_norm_a_pixel_depends_on_its_neighbours_alone(norm):
  config = _small(split_fmaps=1, fine_norm=norm)
  generator = stylegan.make_generator(config)
  params = random_params.draw(generator)
  w = jax.random.normal(jax.random.key(1), (1, generator.num_layers, 8))
  s = generator.split
  gate = generator.coarse(params, w[:, :s])
  other = gate.at[:, 0, 0].add(5.0)
  image, changed = (generator.fine(params, x, w[:, s:]) for x in (gate, other))
  far = np.abs(changed - image)[:, 8:, 8:].max()
  assert (far > 1e-3) == norm, far


def test_a_descent_brings_saturated_pixels_back_and_pushes_none_further():
  config = _small(resolution=8, fmaps=(8, 4), split=2)
  raw = stylegan.make_generator(config)
  generator = stylegan.clipped(raw, towards=True)
  params = random_params.draw(raw)
  w = 3 * jax.random.normal(jax.random.key(2), (1, raw.num_layers, 8))
  s = raw.split
  for synthesize in (
    lambda g, p: g.synthesize(p, w),
    lambda g, p: g.fine(p, g.coarse(p, w[:, :s]), w[:, s:]),
  ):
    image = jax.jit(functools.partial(synthesize, raw))(params)
    assert float(image.min()) < 0 and float(image.max()) > 1
    run = functools.partial(synthesize, generator)
    pulled = jax.jit(lambda p, g, run=run: jax.vjp(run, p)[1](g)[0])
    clipped = jax.jit(run)(params)
    np.testing.assert_allclose(clipped, np.clip(image, 0, 1), atol=1e-6)
    outward = jnp.where(image < 0, 1.0, jnp.where(image > 1, -1.0, 0.0))
    for pull, moves in ((outward, False), (-outward, True)):
      leaves = jax.tree.leaves(pulled(params, pull))
      assert any(bool((leaf != 0).any()) for leaf in leaves) is moves


def test_labels_choose_the_score_and_change_the_latents():
  config = _small(label_size=3)
  generator = stylegan.make_generator(config)
  params = random_params.draw(generator)
  z = jnp.ones((2, 64))
  w = generator.map(params, z, jnp.eye(3)[:2])
  assert float(jnp.abs(w[0] - w[1]).max()) > 1e-3
  discriminator = stylegan.make_discriminator(config)
  params = random_params.draw(discriminator)
  images = jnp.ones((2, 16, 16, 3)) * 0.5
  apply = jax.jit(discriminator.apply)
  scores = [apply(params, images, np.eye(3)[[k, k]]) for k in range(3)]
  both = apply(params, images, jnp.asarray([[1.0, 1, 0]] * 2))
  np.testing.assert_allclose(both, scores[0] + scores[1], rtol=1e-5)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'resolution': 24}, 'power of two >= 4, got 24'),
    ({'fmaps': (8, 8)}, 'fmaps must list 4 widths'),
    ({'split': 8}, 'split must be in 1..7, got 8'),
    ({'split_fmaps': -1}, 'split_fmaps must be >= 0, got -1'),
    (
      {'label_size': 2, 'label_frequencies': (0.5, 0.6)},
      r'must be 2 shares >= 0 that sum to 1, or \(\), got \(0.5, 0.6\)',
    ),
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
  params = random_params.draw(generator)
  stylegan.save(tmp_path / 'g.npz', config, params)
  loaded, again = stylegan.load(tmp_path / 'g.npz')
  w = generator.map(params, jnp.ones((1, 64)))
  np.testing.assert_array_equal(
    jax.jit(generator.synthesize)(params, w),
    jax.jit(loaded.synthesize)(again, w),
  )


def test_a_network_with_an_option_of_another_version_is_refused(tmp_path):
  config = _small()
  params = random_params.draw(stylegan.make_generator(config))
  config.shape = 'round'
  stylegan.save(tmp_path / 'g.npz', config, params)
  with pytest.raises(ValueError, match='unknown option config.shape'):
    stylegan.load(tmp_path / 'g.npz')


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


def test_gradients_with_fresh_noise_are_those_of_each_operation_alone():
  """Where a program computes an activation twice, rounding may differ.

  A gradient that compares the two is lost.
  """
  config = _small(resolution=8, fmaps=(8, 8), split=2)
  generator = stylegan.make_generator(config)
  params = random_params.draw(generator)
  w = generator.map(params, jax.random.normal(jax.random.key(1), (4, 64)))
  pull = jax.random.normal(jax.random.key(2), (4, 8, 8, 3))

  def loss(params):
    return (generator.synthesize(params, w, jax.random.key(3)) * pull).sum()

  # As programs of users are compiled, not as tests are.
  users = {'xla_backend_optimization_level': 3}
  if compiling.EMITTERS:
    users[compiling.EMITTERS] = True
  whole = jax.jit(jax.grad(loss), compiler_options=users)(params)
  for name, want in jax.grad(loss)(params).items():
    for key, value in want.items():
      atol = 1e-4 * np.abs(value).max() + 1e-6
      np.testing.assert_allclose(whole[name][key], value, atol=atol)


def _file(tmp_path, arrays=(), **config):
  """A generator's file with other arrays or another architecture."""
  shape = {'resolution': 8, 'fmaps': (8, 4), 'split': 2}
  path = random_params.save_stylegan(tmp_path / 'good.npz', shape)
  stylegan.load(path)
  params, metadata = files.load_npz(path)
  for name, value in dict(arrays).items():
    module, _, array = name.rpartition('/')
    params[module] = dict(params[module])
    if value is None:
      del params[module][array]
    else:
      params[module][array] = value
  metadata['config'] |= config
  bad = tmp_path / 'bad.npz'
  files.save_npz(bad, params, metadata, kind=stylegan.GENERATOR_KIND)
  return bad


_CONST = 'synthesis/~/b4_const/const'


@pytest.mark.parametrize(
  ('arrays', 'config', 'message'),
  [
    ({_CONST: None}, {}, f'{_CONST} is missing'),
    ({_CONST: np.zeros((1, 4, 4, 9))}, {}, r'is \(1, 4, 4, 9\), expected'),
    ({_CONST: np.zeros((1, 4, 4, 8), bool)}, {}, f'{_CONST} is'),
    ({'mapping/label_concat': np.float32(1)}, {}, 'expected no such array'),
    ({}, {'fmaps': [8.0, 4.0]}, 'fmaps must be whole numbers'),
    ({}, {'num_channels': 5}, r'num_channels must be in 1..4, got 5'),
    ({}, {'num_channels': 2**24, 'grey': True}, 'num_channels must be in'),
    ({}, {'latent_size': 2**27}, 'expected'),
    ({}, {'resolution': 2048, 'fmaps': [4] * 10, 'lod': 9.0}, 'missing'),
  ],
)
def test_a_file_whose_arrays_do_not_fit_is_refused_by_name(
  tmp_path, arrays, config, message
):
  """Before anything is allocated by its sizes."""
  path = _file(tmp_path, arrays, **config)
  with pytest.raises(ValueError, match=message) as error:
    stylegan.load(path)
  assert str(path) in str(error.value)


def test_layers_of_one_size_have_fresh_noise_of_their_own():
  params = {'noise_strength': jnp.ones(1), 'noise': jnp.ones((1, 8, 8, 1))}

  def noise(index):
    layer = hk.transform(
      lambda: stylegan_modules.StyleLayer(index, 1, 'layer')._noise(
        1, jax.random.key(0)
      )
    )
    return layer.apply({'layer': params}, None)

  assert np.abs(noise(2) - noise(3)).max() > 0.1
