"""What a method's penalty does to the loss and the gradient of a train step."""

import jax
import numpy as np
from helpers.toy_methods import SIZE, K, make_config, setting

from advmix_jax import methods, training

WEIGHT = 3.0


def penalty(logits_fn, examples):
  """Three times the squared distance of the mean logit from 1."""
  return WEIGHT * (logits_fn(examples.image).mean() - 1) ** 2


def one_step(penalty_fn, image):
  """The record of a first step, and Adam's first moment: a tenth of g."""
  _, _, batch, classifier, _ = setting()
  config = make_config()
  config.update(seed=0, parallel='pmap')
  config.optimizer.update(learning_rate=1e-3, epochs=1)
  method = methods.make('nominal', config, num_classes=K)
  step = training.make_train_step(
    config, classifier, method._replace(penalty_fn=penalty_fn)
  )
  state = training.create_train_state(config, classifier, image[:1])
  params = jax.tree.map(np.array, state.params)
  batch = batch._replace(image=image, latents=None)
  state, record = step(state, batch, jax.random.key(0), None)
  gradient = jax.tree.map(lambda m: 10 * np.asarray(m), state.opt_state[0].mu)
  return params, gradient, record


def test_a_penalty_adds_itself_to_the_loss_and_its_gradient_to_the_gradient():
  image = np.asarray(setting()[2].image)
  params, plain, plain_record = one_step(None, image)
  same, found, record = one_step(penalty, image)
  jax.tree.map(np.testing.assert_array_equal, params, same)
  # The linear model of x = 2 image - 1: the mean logit is mean(xW + b).
  x = (2 * image - 1).reshape(SIZE, -1).astype(np.float64)
  weights, bias = params['linear/logits']['w'], params['linear/logits']['b']
  mean = (x @ weights + bias).mean()
  np.testing.assert_allclose(
    record['loss'] - plain_record['loss'], WEIGHT * (mean - 1) ** 2, rtol=1e-4
  )
  np.testing.assert_array_equal(record['accuracy'], plain_record['accuracy'])
  slope = 2 * WEIGHT * (mean - 1)
  expected = {
    'w': np.repeat(slope * x.mean(0)[:, None] / K, K, axis=1),
    'b': np.full(K, slope / K),
  }
  for name, want in expected.items():
    got = found['linear/logits'][name] - plain['linear/logits'][name]
    # Differences of float32 numbers of size 1.
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert np.abs(want).max() > 0.1


def test_a_penalty_sees_the_examples_and_their_environments():
  image = np.asarray(setting()[2].image)
  _, _, plain = one_step(None, image)
  _, _, record = one_step(
    lambda logits_fn, examples: 64.0 * examples.environment.sum(), image
  )
  odd = int(setting()[2].environment.sum())
  np.testing.assert_allclose(record['loss'], plain['loss'] + 64 * odd)
