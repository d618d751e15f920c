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
