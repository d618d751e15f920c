"""Claims about advmix_jax/methods.py, on the ideal generator where possible."""

import functools

import chex
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from advmix_jax import attacks, classifiers, types
from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.generators import ideal
from advmix_jax.methods import methods

K = datasets.NUM_CLASSES


def _config(**attack):
  config = ml_collections.ConfigDict(
    {
      'mixup': {'alpha': 0.5},
      'optimizer': {'batch_size': 10_000},  # Any batch here is a whole one.
      'mixing': {'clean_fraction': 0.0},
      'pixel_attack': {'eps': 0.1, 'alpha': 0.03, 'steps': 4},
      'attack': {
        'restarts': 3,
        'steps': 2,
        'alpha': 0.2,
        'eps': 0.4,
        'direction': 'sign',
        'gradient_at': 'current',
        'typical_set': False,
      },
    }
  )
  config.attack.update(attack)
  return config


@functools.cache
def _setting():
  """(generator, its params, batch of 6 digits, classifier, its params)."""
  digits = datasets.load_digits('embedded', 'train', limit=6)
  data = datasets.colored_mnist(digits, sigma=0.0, seed=0, biased=True)
  generator = ideal.make_generator(data.image)
  batch = types.Batch(
    jnp.asarray(data.image),
    jnp.asarray(data.label),
    ideal.encode(jnp.asarray(data.image)),
  )
  classifier = classifiers.make_classifier(
    ml_collections.ConfigDict({'name': 'linear'}), K
  )
  params = classifier.init(jax.random.key(1), data.image)
  return generator, generator.init(None), batch, classifier, params


def _logits_fn():
  *_, classifier, params = _setting()
  return functools.partial(classifier.apply, params)


def _examples(name, *, config=None, batch=None, logits_fn=None, seed=0):
  generator, generator_params, default, *_ = _setting()
  method = methods.make_method(
    name, config or _config(), num_classes=K, generator=generator
  )
  logits_fn = logits_fn or _logits_fn()
  run = jax.jit(lambda rng, batch, gp: method(rng, logits_fn, batch, gp))
  return run(jax.random.key(seed), batch or default, generator_params)


def _loss(examples, logits_fn=None):
  logits = (logits_fn or _logits_fn())(examples.image)
  return methods.cross_entropy(logits, examples.target)


def _always_right(batch):
  """A classifier that knows the labels, and loses certainty with redness."""
  target = jax.nn.one_hot(batch.label, K)

  def logits_fn(image):
    redness = image[..., 0].mean((1, 2))[:, None]
    return target * (5 - redness)

  return logits_fn


def test_cross_entropy_with_soft_targets_in_closed_form():
  logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]))
  target = jnp.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
  want = [0.5 * np.log(2) + 0.5 * np.log(4), -np.log(0.05)]
  got = methods.cross_entropy(logits + 3.0, target)  # A shift changes nothing.
  np.testing.assert_allclose(got, want, rtol=1e-6)


def test_cross_entropy_is_least_at_the_target_itself():
  target = jnp.array([[0.7, 0.2, 0.1]])
  gradient = jax.grad(lambda l: methods.cross_entropy(l, target).sum())
  np.testing.assert_allclose(gradient(jnp.log(target)), 0, atol=1e-7)


def test_nominal_is_the_batch_itself():
  batch = _setting()[2]
  examples = _examples('nominal')
  np.testing.assert_array_equal(examples.image, batch.image)
  np.testing.assert_array_equal(examples.target.argmax(-1), batch.label)
  np.testing.assert_array_equal(examples.target.sum(-1), 1)


def test_mixup_mixes_images_and_targets_by_the_same_weight():
  batch = _setting()[2]
  # Image i is the constant i and its label is i, so an example shows its
  # partner and its weight.
  n = len(batch.label)
  value = jnp.arange(n) / n
  batch = types.Batch(
    jnp.ones((n, 4, 4, 3)) * value[:, None, None, None], jnp.arange(n), None
  )
  examples = _examples('mixup', batch=batch)
  # x = sum_k target_k * image_k is convex in the images.
  want = examples.target[:, :n] @ value
  np.testing.assert_allclose(examples.image[:, 0, 0, 0], want, rtol=1e-5)
  np.testing.assert_allclose(examples.target.sum(-1), 1, rtol=1e-6)
  assert (examples.target >= 0).all()
  assert ((examples.target > 0).sum(-1) <= 2).all()


def test_mixup_partners_are_of_the_batch_and_not_of_what_fills_it_up():
  rng = jax.random.key(0)
  found = np.asarray(methods._partners(rng, 6, 8))
  assert sorted(found[:6]) == list(range(6)) and list(found[6:]) == [6, 7]
  assert sorted(np.asarray(methods._partners(rng, 10, 8))) == list(range(8))


def test_mixup_weights_have_the_moments_of_the_beta_distribution():
  alpha, n = 0.5, 4000
  batch = types.Batch(jnp.zeros((n, 1, 1, 1)), jnp.arange(n) % 2, None)
  batch = batch._replace(image=batch.label[:, None, None, None].astype(float))
  config = _config()
  config.mixup.alpha = alpha
  target = _examples('mixup', config=config, batch=batch).target
  # Half the pairs have equal labels, weight 1; the others l or 1 - l.
  mixed = np.asarray(target[:, 0])
  variance = 1 / (4 * (2 * alpha + 1))
  got = np.mean((mixed - 0.5) ** 2)
  want = 0.5 * 0.25 + 0.5 * variance
  assert abs(got - want) < 0.01  # 5 standard errors of 4000 draws.


def test_adversarial_training_stays_in_the_ball_and_raises_the_loss():
  batch = _setting()[2]
  examples = _examples('adversarial_training')
  clean = _examples('nominal')
  distance = jnp.abs(examples.image - batch.image).max()
  assert 0.05 < distance <= 0.1 + 1e-6  # float32 rounding of x + eps.
  assert examples.image.min() >= 0 and examples.image.max() <= 1
  assert (_loss(examples) > _loss(clean)).all()


def test_randmix_keeps_the_digit_and_draws_a_legible_colour():
  batch = _setting()[2]
  a, b = _examples('randmix', seed=0), _examples('randmix', seed=1)
  color = a.image.max((1, 2))
  grey = batch.image.max(-1)
  want = grey[..., None] * color[:, None, None]
  np.testing.assert_allclose(a.image, want, atol=1e-5)  # float32 products.
  np.testing.assert_allclose(color, ideal.legible(color), atol=1e-6)
  assert jnp.abs(a.image - b.image).max((1, 2, 3)).min() > 0.01
  np.testing.assert_array_equal(a.target, _examples('nominal').target)


def test_advmix_leaves_a_misclassified_image_as_it_is():
  batch = _setting()[2]
  logits = -jax.nn.one_hot(batch.label, K)
  examples = _examples('advmix', logits_fn=lambda image: logits)
  np.testing.assert_array_equal(examples.image, batch.image)


def test_advmix_finds_the_worst_colour_of_a_known_classifier():
  # The loss grows with the mean of the red channel and nothing is ever
  # misclassified; a ball that covers all colours then holds red 1.
  batch = _setting()[2]
  config = _config(eps=1.0, alpha=0.3, steps=4)
  examples = _examples('advmix', config=config, logits_fn=_always_right(batch))
  np.testing.assert_allclose(examples.image.max((1, 2))[:, 0], 1, atol=1e-5)


def test_advmix_is_at_least_as_bad_as_the_clean_image():
  batch = _setting()[2]
  batch = batch._replace(label=jnp.argmax(_logits_fn()(batch.image), -1))
  clean = _examples('nominal', batch=batch)
  mixed = _examples('advmix', batch=batch)
  logits = _logits_fn()(mixed.image)
  broken = jnp.argmax(logits, -1) != batch.label
  assert (broken | (_loss(mixed) >= _loss(clean) - 1e-5)).all()
  assert (_loss(mixed) > _loss(clean)).any()


def test_the_typical_set_is_searched_in_z_and_decoded():
  generator, params, batch, *_ = _setting()
  attack = _config(typical_set=True, eps=0.5).attack
  result, clean = attacks.algorithm2(
    jax.random.key(0),
    _always_right(batch),
    batch,
    generator,
    params,
    attack=attack,
  )
  assert result.x.shape == (len(batch.label), 1, 3)
  color = result.x[:, 0]
  # The generator's colours are legible, and so are the clean images'.
  np.testing.assert_allclose(color, ideal.legible(color), atol=1e-6)
  z_perp = batch.latents[:, generator.split :]
  np.testing.assert_array_equal(result.x[clean], z_perp[clean])


@pytest.mark.parametrize('name', ['randmix', 'advmix'])
def test_the_clean_fraction_is_left_unmixed(name):
  batch = _setting()[2]
  batch = batch._replace(label=jnp.argmax(_logits_fn()(batch.image), -1))
  config = _config()
  for fraction, kept in ((0.5, 3), (1.0, 6)):
    config.mixing.clean_fraction = fraction
    examples = _examples(name, config=config, batch=batch)
    change = jnp.abs(examples.image - batch.image).max((1, 2, 3))
    np.testing.assert_array_equal(change[:kept], 0)
    assert kept == 6 or (change[kept:] > 0).any()


@pytest.mark.parametrize('name', list(methods.METHODS))
def test_every_method_returns_images_and_distributions(name):
  examples = _examples(name)
  chex.assert_shape(examples.image, (6, 32, 32, 3))
  chex.assert_shape(examples.target, (6, K))
  assert examples.image.min() >= 0 and examples.image.max() <= 1 + 1e-6
  np.testing.assert_allclose(examples.target.sum(-1), 1, rtol=1e-6)
  again = _examples(name)
  np.testing.assert_array_equal(examples.image, again.image)  # Pure.


def test_errors_name_the_value_and_the_valid_ones():
  with pytest.raises(ValueError, match="'mixmatch', expected .*'advmix'"):
    methods.make_method('mixmatch', _config(), num_classes=K)
  with pytest.raises(ValueError, match="'randmix' needs a generator"):
    methods.make_method('randmix', _config(), num_classes=K)
  with pytest.raises(ValueError, match='attack.eps is -1.0'):
    _examples('advmix', config=_config(eps=-1.0))
  config = _config()
  config.mixup.alpha = 0.0
  with pytest.raises(ValueError, match='mixup.alpha is 0.0, expected > 0'):
    _examples('mixup', config=config)
  config.mixing.clean_fraction = 2.0
  with pytest.raises(ValueError, match=r'clean_fraction is 2.0, .*\[0, 1\]'):
    _examples('randmix', config=config)
