"""Claims about advmix_jax/inversion.py, on a tiny untrained generator."""

import functools
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax.encoder import algorithm1, learned_start
from advmix_jax.generators import stylegan
from advmix_jax.runtime import files

pytestmark = pytest.mark.usefixtures('compile_fast')

L, S, D = 6, 4, 6
RNG = jax.random.key(0)


@functools.cache
def _generator():
  config = stylegan.default_config()
  config.update(
    resolution=16,
    fmaps=(8, 8, 8),
    latent_size=8,
    dlatent_size=D,
    mapping_fmaps=8,
    mapping_layers=2,
    split=S,
  )
  generator = stylegan.make_generator(config)
  rng = jax.random.key(0, impl='rbg')  # Compiles in a tenth of the time.
  return generator, jax.jit(generator.init)(rng)


def _features(images):
  levels = [images]
  for _ in range(2):
    levels.append(levels[-1] - jnp.roll(levels[-1], 1, axis=2))
  return levels


def _config(**changes):
  config = learned_start.default_config()
  config.update(
    widths=(8, 8), hidden=16, sample_steps=60, steps=0, batch_size=16, draws=200
  )
  config.update(changes)
  return config


def _train(images, **changes):
  generator, params = _generator()
  with tempfile.TemporaryDirectory() as workdir:
    return learned_start.train(
      jax.random.key(1),
      images,
      workdir,
      generator=generator,
      generator_params=params,
      features_fn=_features,
      config=_config(**changes),
      encoder_config=algorithm1.default_config(),
    )


def _samples(n, seed=7):
  generator, params = _generator()
  z = jax.random.normal(jax.random.key(seed), (n, generator.latent_size))
  w = jax.jit(generator.map)(params, z)
  return w, jnp.clip(jax.jit(generator.synthesize)(params, w), 0, 1)


def test_an_untrained_network_gives_the_mean_plus_its_output():
  generator, params = _generator()
  z = jax.random.normal(jax.random.key(3), (500, generator.latent_size))
  w = np.asarray(jax.jit(generator.map)(params, z)[:, 0])
  _, images = _samples(4)
  start = _train(images, sample_steps=0)
  assert start['inverter']['mean'].shape == (D,)
  # Means of 200 and of 500 draws differ by about 0.08 deviations.
  np.testing.assert_allclose(start['inverter']['mean'], w.mean(0), atol=0.3)
  np.testing.assert_allclose(start['inverter']['std'], w.std(0), rtol=0.3)
  flat = start | {
    'inverter/latents': jax.tree.map(jnp.zeros_like, start['inverter/latents'])
  }
  found = jax.jit(learned_start.apply)(flat, images)
  assert found.shape == (4, L, D)
  expected = jnp.broadcast_to(start['inverter']['mean'], (4, L, D))
  np.testing.assert_allclose(found, expected, atol=1e-6)


def test_samples_teach_the_latents():
  w, images = _samples(64)
  params = _train(np.asarray(images), sample_steps=200, learning_rate=1e-2)
  found = jax.jit(learned_start.apply)(params, images)
  spread = jnp.square(w - w.mean(0)).mean()
  assert jnp.square(found - w).mean() < 0.7 * spread


def test_images_teach_what_algorithm_1_asks():
  generator, params = _generator()
  rng = np.random.default_rng(0)
  # Not of the generator: one plain colour each, in the lower half.
  images = np.zeros((32, 16, 16, 3), np.float32)
  images[:, 8:] = rng.random((32, 1, 1, 3))
  decode = jax.jit(
    lambda start: generator.synthesize(
      params, learned_start.apply(start, images)
    )
  )
  errors = []
  for steps in (0, 80):
    start = _train(images, sample_steps=1, steps=steps, learning_rate=1e-2)
    decoded = decode(start)
    errors.append(float(algorithm1.pixel_error(decoded, images).mean()))
  # The generator is untrained: it can get half way at best.
  assert errors[1] < 0.85 * errors[0]


def test_files_are_small_and_read_back(tmp_path):
  _, images = _samples(3)
  params = _train(images, sample_steps=0)
  path = tmp_path / 'encoder.npz'
  learned_start.save(path, params, {'generator': 'abc'})
  start_fn = learned_start.load(path, generator_hash='abc')
  # 16-bit weights: 2^-11 relative, over three layers.
  np.testing.assert_allclose(
    start_fn(images), learned_start.apply(params, images), atol=2e-2
  )
  numbers = sum(a.size for a in jax.tree.leaves(params))
  assert path.stat().st_size < 2 * numbers + 8000


def test_foreign_starts_are_refused(tmp_path):
  _, images = _samples(3)
  path = tmp_path / 'encoder.npz'
  learned_start.save(path, _train(images, sample_steps=0), {'generator': 'abc'})
  with pytest.raises(ValueError, match='inverts generator abc, expected xyz'):
    learned_start.load(path, generator_hash='xyz')
  with pytest.raises(ValueError, match='generator.size is 0, expected 64; '):
    learned_start.load(path, generator_hash='abc', size=64)
  learned_start.load(path)
  files.save_npz(path, {}, {'kind': 'latents'})
  with pytest.raises(ValueError, match="holds 'latents', expected"):
    learned_start.load(path)


def test_the_rate_warms_up_and_then_falls_to_zero_along_a_cosine():
  """A constant gradient moves Adam by the rate: 20 of 200 steps warm up."""
  config = _config(sample_steps=150, steps=50, learning_rate=0.01)
  adam, slope = learned_start._optimizer(config), jnp.array([3.0])

  def step(state, _):
    update, state = adam.update(slope, state)
    return state, -update[0]

  found = jax.lax.scan(step, adam.init(slope), None, length=200)[1]
  k = np.arange(200)
  wave = (1 + np.cos(np.pi * (k - 20) / 180)) / 2
  expected = 0.01 * np.where(k < 20, k / 20, wave)
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize('mixed', [0.0, 0.3, 1.0])
def test_samples_decode_their_latents_and_the_given_share_is_mixed(mixed):
  """All layers of a plain sample have one w; a mix has two."""
  generator, params = _generator()
  draw = jax.jit(
    lambda rng: learned_start._samples(rng, generator, params, 400, mixed)
  )
  w, images = draw(jax.random.key(2))
  decoded = jnp.clip(jax.jit(generator.synthesize)(params, w), 0, 1)
  np.testing.assert_allclose(images, decoded, atol=1e-5)
  for part in (w[:, :S], w[:, S:]):  # One sample's, all of them.
    np.testing.assert_array_equal(part, part[:, :1].repeat(part.shape[1], 1))
  share = (w[:, 0] != w[:, S]).any(-1).mean()
  error = 4 * np.sqrt(mixed * (1 - mixed) / 400)  # Four standard errors.
  assert abs(share - mixed) <= error


def test_a_step_on_images_follows_the_losses_of_images_and_of_mixes():
  """Its gradient, a tenth of which is Adam's first moment, by autodiff."""
  generator, decoder = _generator()
  config = _config(batch_size=4, latent_weight=0.3)
  encoder_config = algorithm1.default_config()
  encoder_config.update(perceptual_weight=0.0, mixing_weight=0.0)
  _, images = _samples(4)
  state = learned_start._init(RNG, generator, decoder, images, config)
  before = jax.tree.map(jnp.copy, state)
  step = learned_start._make_step(generator, config, encoder_config)
  features_fn = jax.tree_util.Partial(_features)
  state, record = step(state, RNG, decoder, features_fn, images)
  x = jnp.concatenate([images, before.mixes])

  def total(params):
    w = learned_start.apply(params, x)
    error = (w[4:] - before.mixed_latents) / params['inverter']['std']
    share = jnp.square(generator.synthesize(decoder, w) - x).sum((1, 2, 3))
    share /= jnp.square(x).sum((1, 2, 3))
    latent = jnp.square(error).mean()
    return 0.3 * latent + share.mean(), (latent, share.mean())

  gradient, (latent, image) = jax.jit(jax.grad(total, has_aux=True))(
    before.params
  )
  np.testing.assert_allclose(record['latent'], latent, rtol=1e-4)
  np.testing.assert_allclose(record['image'], image, rtol=1e-4)
  del gradient['inverter']  # Mean and deviation are constants.
  for name, want in gradient.items():
    for leaf, value in want.items():
      found = 10 * state.opt_state[0].mu[name][leaf]
      scale = np.abs(value).max()
      np.testing.assert_allclose(found, value, atol=1e-3 * scale)
  # The next mixes: contents of the images, and latents that decode to them.
  w = learned_start.apply(before.params, images)
  mixed = state.mixed_latents
  np.testing.assert_allclose(mixed[:, :S], w[:, :S], atol=1e-5)
  decoded = jnp.clip(generator.synthesize(decoder, mixed), 0, 1)
  np.testing.assert_allclose(state.mixes, decoded, atol=1e-5)


def test_every_step_has_a_key_of_its_own_and_every_image_its_turn(monkeypatch):
  keys, seen, weights = [], [], []

  def make_step(generator, config, encoder_config):
    weights.append(
      (encoder_config.perceptual_weight, encoder_config.mixing_weight)
    )

    def step(state, rng, decoder, features_fn, images):
      keys.append(jax.random.key_data(rng))
      seen.append(images)
      return state, {'latent': jnp.float32(0)}

    return step

  monkeypatch.setattr(learned_start, '_make_step', make_step)
  images = np.random.default_rng(0).random((6, 16, 16, 3), np.float32)
  options = {'sample_steps': 2, 'steps': 6, 'batch_size': 2}
  _train(images, perceptual_weight=0.5, mixing_weight=0.25, **options)
  assert weights == [(0.5, 0.25)]
  rng = jax.random.split(jax.random.key(1))[1]
  expected = [jax.random.key_data(jax.random.fold_in(rng, k)) for k in range(8)]
  np.testing.assert_array_equal(keys, expected)
  assert seen[:2] == [None, None]  # Steps on samples.
  for epoch in (seen[2:5], seen[5:]):
    found = np.concatenate(epoch).reshape(6, -1)
    np.testing.assert_array_equal(
      np.sort(found, axis=0), np.sort(images.reshape(6, -1), axis=0)
    )
