"""Methods on six coloured digits, the ideal generator and a linear model."""

import functools

import jax
import jax.numpy as jnp
import ml_collections
import optax

from advmix_jax import classifiers, datasets, methods, types
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import NUM_CLASSES, load_digits
from advmix_jax.generators import ideal

K = NUM_CLASSES
SIZE = 6


def make_config(*, size=SIZE, **attack):
  """A config of what methods read; keywords change the attack."""
  config = methods.default_config()
  config.environment = 'color'
  config.optimizer = {'batch_size': size}
  config.mixup.alpha = 0.5
  config.irm.update(weight=10.0, anneal_steps=1)
  config.pixel_attack.update(alpha=0.03, steps=4)
  config.attack.update(restarts=3, steps=2, alpha=0.2, eps=0.4)
  config.attack.update(attack)
  return config


@functools.cache
def setting():
  """(generator, its params, batch of 6 digits, classifier, its params)."""
  digits = load_digits('embedded', 'train', limit=SIZE)
  data = colored_mnist.make(digits, sigma=0.0, seed=0, biased=True)
  image = jnp.asarray(datasets.to_float(data.image))
  generator = ideal.make_generator(image)
  batch = types.Batch(
    image,
    jnp.asarray(data.label),
    ideal.encode(image),
    jnp.arange(SIZE) % 2,
  )
  classifier = classifiers.make_classifier(
    ml_collections.ConfigDict({'name': 'linear', 'width': 16}), K
  )
  params = classifier.init(jax.random.key(1), image)
  return generator, generator.init(None), batch, classifier, params


@functools.cache
def linear_logits_fn():
  *_, classifier, params = setting()
  return functools.partial(classifier.apply, params)


def make_examples(name, *, config=None, batch=None, logits_fn=None, seed=0):
  """The examples of a method, on the six digits or another batch."""
  _, generator_params, default, *_ = setting()
  config = ml_collections.FrozenConfigDict(config or make_config())
  run = _compiled(name, config, logits_fn or linear_logits_fn())
  return run(jax.random.key(seed), batch or default, generator_params)


@functools.cache
def _compiled(name, config, logits_fn):
  """(rng, batch, generator's params) -> examples."""
  method = methods.make(name, config, num_classes=K, generator=setting()[0])
  return jax.jit(
    lambda rng, batch, params: method.examples_fn(rng, logits_fn, batch, params)
  )


def losses(examples, logits_fn=None):
  """Cross-entropy [M] of the linear classifier."""
  logits = (logits_fn or linear_logits_fn())(examples.image)
  return optax.softmax_cross_entropy(logits, examples.target)


def predicted(batch):
  """The batch with the labels that the linear classifier gives it."""
  return batch._replace(label=jnp.argmax(linear_logits_fn()(batch.image), -1))


def always_right(batch):
  """A classifier that knows the labels, and loses certainty with redness."""
  target = jax.nn.one_hot(batch.label, K)

  def logits_fn(image):
    redness = image[..., 0].mean((1, 2))[:, None]
    return target * (5 - redness)

  return logits_fn
