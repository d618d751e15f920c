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
    found.append(x)
    h, w, c = x.shape
    x = x.reshape(h // 2, 2, w // 2, 2, c).max((1, 3))
  return found


# The last ones are wide enough for Winograd's form.
@pytest.mark.parametrize('widths', [(2, 3, 4), (16, 16, 16)])
def test_features_match_a_direct_computation(widths):
  params = _params(widths)
  images = np.random.default_rng(1).random((2, 8, 8, 3), np.float32)
  levels = jax.jit(perceptual.features)(params, images)
  for n in range(2):
    for level, expected in zip(levels, _oracle(params, images[n]), strict=True):
      # float32 sums of up to 144 products, over six layers, against float64.
      np.testing.assert_allclose(
        level[n], expected, rtol=1e-4, atol=1e-6 * expected.max()
      )


def test_the_network_that_ships_is_vgg16():
  params, metadata = files.load_npz(perceptual.path())
  assert 'CC BY 4.0' in metadata['attribution']
  # The mean colour of ImageNet, in RGB, that Caffe's networks subtract.
  mean = 255 * params['vgg']['mean']
  np.testing.assert_allclose(mean, [123.68, 116.779, 103.939], rtol=1e-6)
  np.testing.assert_allclose(params['vgg']['std'], 1 / 255, rtol=1e-6)
  # As published for Keras, whose order is BGR; rounded to 16 bits here.
  first = params['vgg/conv1_1']['w'][0, 0, ::-1, 0]
  published = [0.42947057, 0.55037946, 0.4800154]
  np.testing.assert_allclose(first, published, rtol=1e-3)
  images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  shapes = [a.shape for a in jax.eval_shape(perceptual.load(), images)]
  assert shapes == [(1, 32, 32, 64), (1, 16, 16, 128), (1, 8, 8, 256)]


def test_the_mean_colour_is_zero_to_the_first_layer():
  """Caffe's preprocessing: conv1_1 sees 255 x - mean, so only its bias here."""
  params, _ = files.load_npz(perceptual.path())
  params = jax.tree.map(np.float32, params)
  # conv1_2 hands its input on, so the first activation is conv1_1's.
  params['vgg/conv1_2']['w'] = np.zeros_like(params['vgg/conv1_2']['w'])
  params['vgg/conv1_2']['w'][1, 1] = np.eye(64)
  params['vgg/conv1_2']['b'] = np.zeros(64, np.float32)
  image = np.broadcast_to(params['vgg']['mean'], (1, 4, 4, 3))
  first = jax.jit(lambda p, x: perceptual.features(p, x)[0])(params, image)
  expected = np.maximum(params['vgg/conv1_1']['b'], 0)
  # The mean is rounded to float32, which 1/std multiplies by 255.
  np.testing.assert_allclose(
    first[0], np.broadcast_to(expected, (4, 4, 64)), atol=1e-4
  )


def test_half_the_bits_change_activations_little(tmp_path):
  images = np.random.default_rng(1).random((2, 8, 8, 3), np.float32)
  levels = []
  for half in (False, True):
    path = tmp_path / f'{half}.npz'
    perceptual.save(path, _params((4, 4, 4)), {}, half=half)
    levels.append(jax.jit(perceptual.load(path))(images))
  for whole, rounded in zip(*levels, strict=True):
    # Weights are rounded by at most 2^-11, through six layers.
    error = np.abs(rounded - whole).max() / np.abs(whole).max()
    assert 0 < error < 6 * 2**-11


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
