"""Converted networks against official_forward, where no arrays are at hand.

That oracle is itself held against the reference arrays, where they are.
"""

import jax
import numpy as np
import pytest
from helpers import nvlabs_fixture, official_forward
from helpers.paths import ORACLE, needs_oracle

from advmix_jax.generators import stylegan
from checkpoints_convert import convert, nvlabs_pickle


@needs_oracle
def test_the_oracle_gives_the_official_arrays():
  networks = nvlabs_pickle.load(ORACLE / 'r32-nosrc.pkl')
  ref = np.load(ORACLE / 'r32-ref.npz')
  w = official_forward.mapping(networks['Gs'], ref['z'])
  np.testing.assert_allclose(w, ref['dlatents'][:, 0], atol=5e-5)
  images = official_forward.synthesis(networks['Gs'], ref['dlatents'])
  np.testing.assert_allclose(images, ref['images_psi1'], atol=1e-4)
  seen, layers = {}, np.load(ORACLE / 'r32-layers.npz')
  scores = official_forward.discriminator(
    networks['D'], ref['images_psi07'], seen=seen
  )
  np.testing.assert_allclose(scores, ref['D_images_psi07'], atol=1e-5)
  compared = [name for name in seen if f'D/{name}' in layers]
  for name in compared:
    expected = layers[f'D/{name}'].reshape(seen[name].shape)
    np.testing.assert_allclose(seen[name], expected, atol=1e-5)
  assert {'FromRGB_lod0', '4x4/Dense0', '4x4/Dense1'} <= set(compared)


def _networks(make, **fields):
  """A fixture as the reader gives it, and as we convert it."""
  made = getattr(nvlabs_fixture, make)(**fields)
  (network,) = nvlabs_pickle.loads(nvlabs_fixture.dumps(made)).values()
  return network, *convert.convert(network)[1:]


def _draw(*shape):
  return np.random.default_rng(1).normal(size=shape).astype(np.float32)


# Tolerances are those of the reference arrays' description, times the size of
# the values, which here reach some tens: biases and styles are all N(0, 1).
def _close(ours, expected, tolerance):
  scale = max(1.0, np.abs(expected).max())
  np.testing.assert_allclose(ours, expected, atol=tolerance * scale)


@pytest.mark.parametrize(
  'fields',
  [
    {'fmaps': (6, 5, 4)},
    {'fmaps': (6, 5, 4), 'labels': 3},
    {'fmaps': (6, 5, 4, 3), 'lod': 1.25},
    {'fmaps': (6, 5, 4), 'lod': 2.0},
    {'fmaps': (4, 3, 3, 2, 2, 2)},  # 128 pixels, its last block fused.
    {'fmaps': (4, 3, 3, 2, 2, 2, 2), 'lod': 0.5},  # 256.
  ],
  ids=str,
)
def test_generator(fields):
  network, config, params = _networks('generator', **fields)
  generator = stylegan.make_generator(config)
  z, labels = _draw(2, 7), None
  if config.label_size:
    labels = np.eye(3, dtype=np.float32)[[2, 0]]
  w = jax.jit(generator.map)(params, z, labels)
  expected = official_forward.mapping(network, z, labels)
  _close(w[:, 0], expected, 5e-5)
  # Latents of size 1 move the styles, which those of the mapping hardly do.
  w = _draw(2, *w.shape[1:])
  images = jax.jit(generator.synthesize)(params, w)
  ours = np.asarray(images * 2 - 1).transpose(0, 3, 1, 2)
  _close(ours, official_forward.synthesis(network, w), 1e-4)


@pytest.mark.parametrize('batch', [1, 2, 8])
@pytest.mark.parametrize(
  'fields',
  [
    {'fmaps': (6, 5, 4)},
    {'fmaps': (6, 5, 4), 'labels': 3},
    {'fmaps': (6, 5, 4), 'lod': 0.75},
    {'fmaps': (6, 5, 4, 3), 'lod': 2.0},
  ],
  ids=str,
)
def test_discriminator(fields, batch):
  network, config, params = _networks('critic', **fields)
  _compare_scores(network, config, params, batch)


def test_discriminator_with_fused_layers():
  network, config, params = _networks('critic', fmaps=(4, 3, 3, 2, 2, 2))
  _compare_scores(network, config, params, 2)


def _compare_scores(network, config, params, batch):
  images = np.clip(_draw(batch, 3, config.resolution, config.resolution), -1, 1)
  labels = None
  if config.label_size:
    labels = np.eye(3, dtype=np.float32)[np.arange(batch) % 3]
  ours = jax.jit(stylegan.make_discriminator(config).apply)(
    params, (images.transpose(0, 2, 3, 1) + 1) / 2, labels
  )
  expected = official_forward.discriminator(network, images, labels)
  _close(ours, expected[:, 0], 1e-5)
