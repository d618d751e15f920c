"""Claims about advmix_jax/encoder/perceptual.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax.encoder import perceptual
from advmix_jax.runtime import files


def _params(widths, seed=0):
  """Random parameters of a network, with odd constants in every place."""
  rng = np.random.default_rng(seed)
  params, last = {}, 3
  for i, width in enumerate(widths):
    for j in (1, 2):
      params[f'vgg/conv{i + 1}_{j}'] = {
        'w': rng.normal(size=(3, 3, last, width)).astype(np.float32),
        'b': rng.normal(size=width).astype(np.float32),
      }
      last = width
  params['vgg'] = {
    'mean': np.float32([0.2, 0.4, 0.6]),
    'std': np.float32([0.5, 0.25, 2.0]),
    'rms': np.float32([2.0, 3.0, 5.0]),
  }
  return params


def _convolve(x, w, b):
  """Same-size 3x3 convolution and ReLU, one output pixel at a time."""
  padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
  out = np.empty(x.shape[:2] + b.shape)
  for i, j in np.ndindex(x.shape[:2]):
    patch = padded[i : i + 3, j : j + 3]
    out[i, j] = np.einsum('hwc,hwco->o', patch, w) + b
  return np.maximum(out, 0)


def _oracle(params, image):
  x = (image - params['vgg']['mean']) / params['vgg']['std']
  found = []
  for i in range(3):
    for j in (1, 2):
      layer = params[f'vgg/conv{i + 1}_{j}']
      x = _convolve(x, layer['w'], layer['b'])
    found.append(x / params['vgg']['rms'][i])
    h, w, c = x.shape
    x = x.reshape(h // 2, 2, w // 2, 2, c).max((1, 3))
  return found


def test_features_match_a_direct_computation():
  params = _params((2, 3, 4))
  images = np.random.default_rng(1).random((2, 8, 8, 3), np.float32)
  levels = jax.jit(perceptual.features)(params, images)
  for n in range(2):
    for level, expected in zip(levels, _oracle(params, images[n]), strict=True):
      # float32 sums of up to 36 products against float64.
      np.testing.assert_allclose(level[n], expected, rtol=1e-4, atol=1e-3)


def test_features_read_the_widths_of_vgg16():
  params = jax.tree.map(jnp.asarray, _params((64, 128, 256)))
  images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  shapes = [
    a.shape for a in jax.eval_shape(perceptual.features, params, images)
  ]
  assert shapes == [(1, 32, 32, 64), (1, 16, 16, 128), (1, 8, 8, 256)]


def test_features_fn_brings_no_constants_into_a_compiled_program():
  traced = []

  @jax.jit
  def run(features_fn, images):
    traced.append(1)
    return features_fn(images)[0].sum()

  images = jnp.ones((1, 8, 8, 3))
  values = {
    float(run(perceptual.make_features_fn(_params((2, 2, 2), seed)), images))
    for seed in (0, 1)
  }
  assert len(traced) == 1 and len(values) == 2


def test_foreign_and_missing_files_are_refused(tmp_path):
  path = tmp_path / 'other.npz'
  files.save_npz(path, {'a': np.ones(1)}, {'kind': 'judge'})
  with pytest.raises(ValueError, match="holds 'judge', expected"):
    perceptual.load(path)
  with pytest.raises(FileNotFoundError, match='nowhere.npz'):
    perceptual.load(tmp_path / 'nowhere.npz')
