"""Claims about advmix_jax/classifiers.py."""

import chex
import haiku as hk
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from advmix_jax import classifiers
from advmix_jax.runtime import files

VGG = ml_collections.ConfigDict({'name': 'vgg', 'width': 4})
LINEAR = ml_collections.ConfigDict({'name': 'linear', 'width': 16})


def _image(batch=2, size=8):
  rng = np.random.default_rng(0)
  return rng.uniform(0, 1, (batch, size, size, 3)).astype(np.float32)


def _random_params(classifier, image):
  """Parameters with non-zero biases too, drawn by numpy (quick to compile)."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(classifier.init, jax.random.key(0), image)
  return jax.tree.map(
    lambda a: (
      rng.normal(size=a.shape) / max(np.prod(a.shape[:-1]), 9) ** 0.5
    ).astype(np.float32),
    shapes,
  )


def _numpy_conv(x, w, b):
  """3x3 convolution of NHWC with zero padding, tap by tap."""
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  height, width = x.shape[1:3]
  y = np.zeros(x.shape[:3] + w.shape[3:])
  for i in range(3):
    for j in range(3):
      y += padded[:, i : i + height, j : j + width] @ w[i, j]
  return y + b


def test_vgg_matches_numpy_layer_by_layer():
  image = _image()
  classifier = classifiers.make_classifier(VGG, 10)
  params = _random_params(classifier, image)
  x = 2.0 * image - 1
  for block in (('conv1_1', 'conv1_2'), ('conv2_1', 'conv2_2'), ('conv3_1',)):
    for name in block:
      x = np.maximum(_numpy_conv(x, **params[f'vgg/{name}']), 0)
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))
  want = x.reshape(len(x), -1) @ params['vgg/logits']['w']
  want += params['vgg/logits']['b']
  got = jax.jit(classifier.apply)(params, image)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)  # float32 sums.


def test_linear_matches_numpy():
  image = _image()
  classifier = classifiers.make_classifier(LINEAR, 10)
  params = _random_params(classifier, image)
  p = params['linear/logits']
  want = (2 * image - 1).reshape(len(image), -1) @ p['w'] + p['b']
  got = classifier.apply(params, image)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)  # float32 sums.


def test_weight_and_input_gradients_match_those_of_lax(monkeypatch):
  # A step of training and a step of attack use the hand-written backward.
  image = _image()
  classifier = classifiers.make_classifier(VGG, 10)
  params = _random_params(classifier, image)
  weights = np.random.default_rng(1).normal(size=(len(image), 10))

  def loss(params, image):
    return (classifier.apply(params, image) * weights).sum()

  got = jax.jit(jax.grad(loss, argnums=(0, 1)))(params, image)
  monkeypatch.setattr(
    classifiers.ops,
    'conv2d',
    lambda x, w: jax.lax.conv_general_dilated(
      x, w, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    ),
  )
  # A function of its own: of `loss`, jit would keep the trace from above.
  want = jax.jit(jax.grad(lambda *a: loss(*a), argnums=(0, 1)))(params, image)
  # Sums of a few thousand float32 products in another order.
  chex.assert_trees_all_close(got, want, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('config', [VGG, LINEAR])
def test_logits_do_not_depend_on_the_rest_of_the_batch(config):
  image = _image(batch=5)
  classifier = classifiers.make_classifier(config, 10)
  params = _random_params(classifier, image)
  apply = jax.jit(classifier.apply)
  together = apply(params, image)
  alone = jnp.concatenate([apply(params, x[None]) for x in image])
  # Another batch size may sum in another order.
  np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_five_layers_of_the_documented_widths():
  classifier = classifiers.make_classifier(VGG, 10)
  params = jax.eval_shape(classifier.init, jax.random.key(0), _image(size=32))
  got = {name: p['w'].shape for name, p in params.items()}
  assert got == {
    'vgg/conv1_1': (3, 3, 3, 4),
    'vgg/conv1_2': (3, 3, 4, 4),
    'vgg/conv2_1': (3, 3, 4, 8),
    'vgg/conv2_2': (3, 3, 8, 8),
    'vgg/conv3_1': (3, 3, 8, 16),
    'vgg/logits': (4 * 4 * 16, 10),
  }
  assert hk.data_structures.tree_size(params) == 4828 + 50


def test_a_saved_classifier_gives_the_same_logits(tmp_path):
  image = _image()
  classifier = classifiers.make_classifier(VGG, 7)
  params = _random_params(classifier, image)
  path = tmp_path / 'classifier.npz'
  classifiers.save(path, VGG, params, num_classes=7)
  loaded, loaded_params = classifiers.load(path)
  np.testing.assert_array_equal(
    loaded.apply(loaded_params, image), classifier.apply(params, image)
  )


def test_a_release_of_another_kind_is_refused(tmp_path):
  path = tmp_path / 'generator.npz'
  files.save_npz(path, {'a': np.ones(1)}, {'kind': 'generator'})
  with pytest.raises(ValueError, match="generator.npz holds 'generator'"):
    classifiers.load(path)


def test_images_that_cannot_be_halved_three_times_are_named():
  classifier = classifiers.make_classifier(VGG, 10)
  with pytest.raises(ValueError, match='are 32x28, expected multiples of 8'):
    classifier.init(jax.random.key(0), np.zeros((1, 32, 28, 3)))


def test_an_unknown_name_lists_the_valid_ones():
  with pytest.raises(ValueError, match=r"'resnet', expected .*'vgg', 'linear'"):
    classifiers.make_classifier(
      ml_collections.ConfigDict({'name': 'resnet'}), 10
    )
  with pytest.raises(ValueError, match='width is 0, expected >= 1'):
    classifiers.make_classifier(
      ml_collections.ConfigDict({'name': 'vgg', 'width': 0}), 10
    )


@pytest.mark.parametrize('config', [VGG, LINEAR], ids=['vgg', 'linear'])
def test_the_read_out_of_the_features_gives_the_logits(config):
  image = _image()
  classifier = classifiers.make_classifier(config, 10)
  params = _random_params(classifier, image)
  found = classifiers.features(classifier, params, image)
  read_out = params[f'{config.name}/logits']
  np.testing.assert_allclose(
    found @ read_out['w'] + read_out['b'],
    classifier.apply(params, image),
    rtol=1e-4,  # float32 sums.
    atol=1e-5,
  )


def test_classes_of_other_names_or_order_are_refused(tmp_path):
  """A folder that was renamed changes which number means what."""
  config = classifiers.default_config()
  path, plain = tmp_path / 'named.npz', tmp_path / 'plain.npz'
  params = {'a': {'w': np.ones(1, np.float32)}}
  classifiers.save(path, config, params, num_classes=2, classes=('hawk', 'owl'))
  classifiers.save(plain, config, params, num_classes=2)
  classifiers.check_classes(path, ('hawk', 'owl'))
  classifiers.check_classes(path, ())  # Data whose classes have no names.
  classifiers.check_classes(plain, ('owl', 'zhawk'))  # Of an earlier version.
  with pytest.raises(ValueError, match='were hawk, owl in training, the data '):
    classifiers.check_classes(path, ('owl', 'zhawk'))
  with pytest.raises(ValueError, match='the data now have owl, hawk'):
    classifiers.check_classes(path, ('owl', 'hawk'))


def test_weights_start_he_normal_and_biases_at_zero():
  """The variance of a convolution is 2 / fan-in: the ReLU halves it again."""
  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 16})
  classifier = classifiers.make_classifier(config, 10)
  init = jax.jit(classifier.init)
  params = init(jax.random.key(0, impl='rbg'), _image(size=8))
  for name, layer in params.items():
    np.testing.assert_array_equal(layer['b'], 0)
    if not name.endswith('logits'):
      w = np.asarray(layer['w'])
      want = np.sqrt(2 / np.prod(w.shape[:-1]))
      # Four standard errors of a normal's; the tails are cut off here.
      np.testing.assert_allclose(w.std(), want, rtol=4 / np.sqrt(2 * w.size))
