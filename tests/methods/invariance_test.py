"""Claims about invariance.py: IRM's penalty."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers.toy_methods import SIZE, K, linear_logits_fn, make_config, setting

from advmix_jax import methods, training, types
from advmix_jax.methods import invariance

ENVIRONMENT = np.array([7, 2, 2, 7, 2, -1])


def penalty(logits_fn, examples, **irm):
  config = make_config()
  config.irm.update(irm)
  method = methods.make('irm', config, num_classes=K)
  return method.penalty_fn(logits_fn, examples)


def examples_of(environment=ENVIRONMENT, rows=SIZE):
  """The six digits as examples; further rows are copies: padding."""
  batch = setting()[2]
  index = np.resize(np.arange(SIZE), rows)
  target = jax.nn.one_hot(batch.label, K)[index]
  return types.Examples(batch.image[index], target, environment[index])


def risk(scale, logits_fn, examples, rows):
  logits = scale * logits_fn(examples.image[rows])
  return optax.softmax_cross_entropy(logits, examples.target[rows]).mean()


def of_rows(logits_fn, examples):
  """slope(rows): the gradient of the scale of these rows' risk, by autodiff."""
  of_scale = functools.partial(risk, logits_fn=logits_fn, examples=examples)
  return lambda rows: jax.grad(of_scale)(1.0, rows=np.array(rows))


def by_halves(slope):
  """IRM's minibatch form, over all halves of every environment of `examples`.

  Environment 7 has rows 0 and 3, environment 2 has 1, 2 and 4: of three rows,
  all pairs. That of a single row doesn't count.
  """
  pairs = [[(0, 3)], [(1, 2), (1, 4), (2, 4)]]
  return jnp.mean(
    jnp.stack(
      [
        jnp.mean(jnp.stack([slope([a]) * slope([b]) for a, b in environment]))
        for environment in pairs
      ]
    )
  )


def test_penalty_is_the_product_of_halves_of_each_environment():
  examples, logits_fn = examples_of(), linear_logits_fn()
  found = penalty(logits_fn, examples)
  want = by_halves(of_rows(logits_fn, examples))
  assert abs(want) > 0.01
  np.testing.assert_allclose(found, want, rtol=1e-5)


def test_of_four_rows_it_is_the_mean_over_all_ways_to_halve_them():
  """The gradient of a half's risk times that of the other half's."""
  environment = np.array([3, 3, 3, 3, 0, 1])
  examples, logits_fn = examples_of(environment), linear_logits_fn()
  slope = of_rows(logits_fn, examples)
  halves = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
  want = np.mean([slope(a) * slope(b) for a, b in halves])
  found = penalty(logits_fn, examples)
  np.testing.assert_allclose(found, want, rtol=1e-5)


def expected(slope):
  """The mean of the penalty over all batches of two rows of one environment."""
  pairs = jnp.stack(jnp.meshgrid(slope, slope), -1).reshape(-1, 2)
  one = functools.partial(
    invariance._mean_product, environment=jnp.zeros(2, int), size=2
  )
  return jax.vmap(one)(pairs).mean()


def test_estimate_has_no_bias():
  """The mean over batches is the square of the mean over all examples."""
  slope = jnp.array([0.7, -0.2, 0.1, 1.5, -1.1])
  np.testing.assert_allclose(expected(slope), slope.mean() ** 2, rtol=1e-6)
  assert (slope**2).mean() > 10 * slope.mean() ** 2  # What noise would add.


def test_without_two_rows_of_an_environment_there_is_no_penalty():
  slope = jnp.array([3.0, -2.0, 1.0])
  assert invariance._mean_product(slope, jnp.array([0, 1, 2]), 3) == 0


def test_logistic_regression_has_the_textbook_gradient():
  """Two classes, logits (0, t): the slope of a row is (sigmoid(t) - y) t."""
  t = np.array([2.0, -1.0, 0.5, 3.0])
  y = np.array([1, 1, 0, 0])
  environment = np.array([0, 0, 1, 1])
  image = jnp.asarray(t)[:, None, None, None]
  config = make_config(size=4)
  method = methods.make('irm', config, num_classes=2)
  found = method.penalty_fn(
    lambda x: jnp.stack([jnp.zeros(4), x[:, 0, 0, 0]], -1),
    types.Examples(image, jax.nn.one_hot(y, 2), environment),
  )
  slope = (1 / (1 + np.exp(-t)) - y) * t
  want = (slope[0] * slope[1] + slope[2] * slope[3]) / 2
  np.testing.assert_allclose(found, want, rtol=1e-6)


def test_gradient_of_the_penalty_is_that_of_the_double_derivative():
  examples, (*_, classifier, params) = examples_of(), setting()

  def textbook(params):
    logits_fn = functools.partial(classifier.apply, params)
    return by_halves(of_rows(logits_fn, examples))

  def ours(params):
    return penalty(functools.partial(classifier.apply, params), examples)

  want, found = jax.grad(textbook)(params), jax.grad(ours)(params)
  for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(want), strict=True):
    # Rounding of float32 sums over 3,072 pixels.
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())
    assert np.abs(b).max() > 0.01


@pytest.mark.parametrize('rows', [8, 12])
def test_padding_rows_do_not_count(rows):
  found = penalty(linear_logits_fn(), examples_of(rows=rows))
  want = penalty(linear_logits_fn(), examples_of())
  np.testing.assert_allclose(found, want, rtol=1e-6)


def test_a_certain_and_right_classifier_pays_nothing():
  """So a colour that is the label costs nothing: IRM is degenerate there."""
  examples = examples_of()
  sure = penalty(lambda _: 50 * examples.target, examples)
  assert sure == 0
  assert penalty(lambda _: 1 * examples.target, examples) > 0.01


def test_a_shortcut_with_the_shares_of_its_environment_pays_nothing():
  """Colours that the classifier sees are no help, whatever their shares."""
  shares = np.array([[0.9, 0.1], [0.2, 0.8]])
  for row, label in zip(
    shares, ([0] * 9 + [1], [0] * 2 + [1] * 8), strict=True
  ):
    slope = ((row - np.eye(2)[label]) * np.log(row)).sum(-1)
    # Rounding of float32 products near 0.4.
    assert abs(expected(jnp.asarray(slope))) < 1e-7
    assert (slope**2).mean() > 0.01


def test_weight_is_one_and_then_its_own_and_the_loss_is_divided_by_it():
  image = np.asarray(setting()[2].image)
  batch = setting()[2]._replace(latents=None, environment=ENVIRONMENT)
  classifier = setting()[3]
  config = make_config()
  config.update(seed=0, parallel='pmap')
  config.optimizer.update(learning_rate=1e-6, epochs=1)
  config.irm.update(weight=40.0, anneal_steps=1)
  method = methods.make('irm', config, num_classes=K)
  step = training.make_train_step(config, classifier, method)
  state = training.create_train_state(config, classifier, image[:1])
  losses = []
  for _ in range(2):  # The tiny rate keeps the parameters.
    logits_fn = functools.partial(
      classifier.apply, jax.tree.map(jnp.copy, state.params)
    )
    state, record = step(state, batch, jax.random.key(0), None)
    losses.append(float(record['loss']))
  examples = examples_of()
  mean = risk(1.0, logits_fn, examples, slice(None))
  extra = penalty(logits_fn, examples)
  want = [mean + extra, (mean + 40 * extra) / 40]
  # 1e-6 per parameter and 3,072 pixels.
  np.testing.assert_allclose(losses, want, rtol=5e-3)


def test_errors_say_what_is_missing():
  config = make_config()
  config.environment = ''
  with pytest.raises(
    ValueError, match="environment is '', expected .*'nearest_color'"
  ):
    methods.make('irm', config, num_classes=K)
  with pytest.raises(ValueError, match='irm.weight is -1.0, expected >= 0'):
    penalty(linear_logits_fn(), examples_of(), weight=-1.0)
  with pytest.raises(ValueError, match='environment is None'):
    penalty(linear_logits_fn(), examples_of()._replace(environment=None))
