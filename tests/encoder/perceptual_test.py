"""Claims about advmix_jax/vgg.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits
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


def test_trained_network_knows_digits_and_levels_weigh_alike(tmp_path):
  digits = load_digits('embedded', 'train', limit=800)
  config = perceptual.default_config()
  config.update(widths=(4, 8, 8), epochs=1, batch_size=32)
  params = perceptual.train(jax.random.key(0), digits, tmp_path, config=config)
  perceptual.save(
    tmp_path / 'features.npz', params, {'config': config.to_dict()}
  )
  features_fn = jax.jit(perceptual.load(tmp_path / 'features.npz'))
  test = load_digits('embedded', 'train', limit=500)
  data = colored_mnist.make(test, sigma=0.0, seed=3, biased=False)
  images = datasets.to_float(data.image)
  levels = features_fn(images)
  for level in levels:
    # Normalised on uniform colours; these ten are brighter.
    assert 0.2 < float(jnp.square(level).mean()) < 5
  # Nearest mean activation of the class: far above the 10% of chance.
  deep = np.asarray(levels[-1]).reshape(500, -1)
  means = np.stack([deep[test.label == k].mean(0) for k in range(10)])
  distance = np.square(deep[:, None] - means).sum(-1)
  assert (distance.argmin(-1) == test.label).mean() > 0.5


def test_foreign_and_missing_files_are_refused(tmp_path):
  path = tmp_path / 'other.npz'
  files.save_npz(path, {'a': np.ones(1)}, {'kind': 'judge'})
  with pytest.raises(ValueError, match="holds 'judge', expected"):
    perceptual.load(path)
  with pytest.raises(FileNotFoundError, match='nowhere.npz'):
    perceptual.load(tmp_path / 'nowhere.npz')
