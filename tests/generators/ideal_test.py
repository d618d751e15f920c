"""Claims about ideal.py, and Algorithm 2 against the exact worst case."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from advmix_jax import attacks
from advmix_jax.generators import ideal, mixing

RNG = jax.random.key(0)
KEEP = 0.15  # Of a digit's blocks.
MEANS = np.array(list(itertools.product([0.0, 1.0], repeat=3)))[1:]


def digits(rng, n):
  """Patterns of 4x4 blocks, few of them left: grey [n, 32, 32, 1], labels."""
  keys = jax.random.split(rng, 3)
  patterns = jax.random.bernoulli(jax.random.key(99), 0.4, (10, 8, 8))
  patterns = jnp.kron(patterns, jnp.ones((4, 4)))
  labels = jax.random.randint(keys[0], (n,), 0, 10)
  grey = patterns[labels] * jax.random.uniform(keys[1], (n, 32, 32))
  keep = jax.random.bernoulli(keys[2], KEEP, (n, 8, 8))
  grey = grey * jnp.kron(keep, jnp.ones((4, 4)))
  return grey[..., None], labels


@pytest.fixture(scope='module')
def world():
  """Generator, its parameters, latents, labels and images of 200 digits.

  The i-th digit has full ink at pixel i, and nowhere else.
  """
  grey, labels = digits(RNG, 200)
  pixel = jnp.arange(200)
  grey = grey.at[pixel, pixel // 32, pixel % 32].set(1.0)
  colors = ideal.legible(jax.random.uniform(jax.random.key(1), (200, 3)))
  images = grey * colors[:, None, None]
  generator = ideal.make_generator(images)
  return generator, generator.init(RNG), ideal.encode(images), labels, images


def test_decoding_the_code_gives_the_image(world):
  generator, params, w, _, images = world
  assert w.shape == (200, generator.num_layers, generator.dlatent_size)
  # Division and multiplication: a few ulp of 1.
  np.testing.assert_allclose(generator.synthesize(params, w), images, atol=1e-6)


def test_synthesis_is_fine_after_coarse(world):
  generator, params, w, _, _ = world
  z_par, z_perp = mixing.split_latents(w, generator.split)
  image = generator.fine(params, generator.coarse(params, z_par), z_perp)
  np.testing.assert_array_equal(image, generator.synthesize(params, w))


def test_fine_latents_are_the_colour_and_coarse_ones_the_digit(world):
  generator, params, w, _, images = world
  color = jnp.array([1.0, 0.25, 0.5])
  z_perp = jnp.broadcast_to(color, (200, 1, 3))
  mixed = mixing.merge_latents(w[:, : generator.split], z_perp)
  grey = images.sum(-1) / images.max((1, 2)).sum(-1)[:, None, None]
  np.testing.assert_allclose(
    generator.synthesize(params, mixed), grey[..., None] * color, atol=1e-6
  )


def test_map_draws_digit_and_colour_independently(world):
  generator, params, w, _, _ = world
  drawn = generator.map(params, jax.random.normal(RNG, (4000, 5)))
  color = np.asarray(drawn[:, -1])
  assert ((color >= 0) & (color <= 1)).all()
  assert color.max(-1).min() > ideal.MIN_BRIGHTNESS - 1e-6  # Rounding.
  # Which digit of the bank: all occur, 20 times each on average.
  match = np.asarray(drawn[:, :-1].reshape(4000, -1).argmax(-1))
  np.testing.assert_array_equal(drawn[:, :-1], w[match, :-1])
  counts = np.bincount(match, minlength=200)
  assert counts.min() > 3
  assert abs(np.corrcoef(match, color[:, 0])[0, 1]) < 0.08  # 5 sigma


def test_map_draws_the_given_colours(world):
  images = world[4]
  generator = ideal.make_generator(images, colors=MEANS)
  drawn = generator.map(generator.init(RNG), jax.random.normal(RNG, (700, 5)))
  which = np.abs(np.asarray(drawn[:, -1])[:, None] - MEANS).max(-1) == 0
  assert (which.sum(1) == 1).all()
  assert which.sum(0).min() > 50  # 100 on average; 5 sigma.


def test_illegible_colours_are_made_legible():
  color = jnp.array(
    [[0.2, 0.1, 0.0], [0.0, 0.0, 0.0], [2.0, -1.0, 0.3], [0.5, 0.1, 0.2]]
  )
  expected = [[0.5, 0.25, 0], [0.5, 0.5, 0.5], [1, 0, 0.3], [0.5, 0.1, 0.2]]
  np.testing.assert_allclose(ideal.legible(color), expected, rtol=1e-6)
  np.testing.assert_allclose(
    ideal.legible(ideal.legible(color)), expected, rtol=1e-6
  )


def test_the_gradient_passes_where_a_colour_is_clipped(world):
  generator, params, w, _, _ = world
  grey = generator.coarse(params, w[:1, : generator.split])
  total = lambda z: generator.fine(params, grey, z).sum()  # noqa: E731
  outside = jnp.array([[[1.5, -0.5, 0.1]]])
  np.testing.assert_allclose(jax.grad(total)(outside), grey.sum(), rtol=1e-5)


def test_the_grid_holds_the_legible_corners():
  grid = np.asarray(ideal.color_grid(3))
  assert (grid.max(-1) >= ideal.MIN_BRIGHTNESS).all()
  assert len(grid) == 3**3 - 1  # All but black.
  assert (np.abs(grid[:, None] - MEANS).max(-1) == 0).any(0).all()


def test_an_image_of_another_shape_is_refused():
  with pytest.raises(ValueError, match=r'shape \(2, 28, 28, 3\), expected'):
    ideal.encode(jnp.zeros((2, 28, 28, 3)))


def linear(params, image):
  return image.reshape(image.shape[0], -1) @ params['w'] + params['b']


def conv(params, image):
  axes = ('NHWC', 'HWIO', 'NHWC')
  x = jax.lax.conv_general_dilated(
    image, params['k'], (4, 4), 'VALID', dimension_numbers=axes
  )
  return jax.nn.relu(x).reshape(image.shape[0], -1) @ params['w'] + params['b']


def init(apply):
  keys = jax.random.split(RNG)
  inputs = 3072 if apply is linear else 8 * 8 * 8
  return {
    'k': 0.2 * jax.random.normal(keys[0], (4, 4, 3, 8)),
    'w': 0.02 * jax.random.normal(keys[1], (inputs, 10)),
    'b': jnp.zeros(10),
  }


def train(apply, color_fn, *, steps):
  """Trains on digits whose colours color_fn(rng, labels) draws."""
  optimizer = optax.adam(3e-3)
  grey, labels = digits(jax.random.key(2), 64 * steps)

  def loss(params, image, labels):
    logits = apply(params, image)
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return nats.mean()

  def step(carry, batch):
    params, state = carry
    image, labels = batch
    gradient = jax.grad(loss)(params, image, labels)
    updates, state = optimizer.update(gradient, state)
    return (optax.apply_updates(params, updates), state), None

  image = grey * color_fn(RNG, labels)[:, None, None]
  batches = jax.tree.map(
    lambda a: a.reshape(steps, 64, *a.shape[1:]), (image, labels)
  )
  params = init(apply)
  carry = (params, optimizer.init(params))
  return jax.jit(lambda c: jax.lax.scan(step, c, batches)[0][0])(carry)


def random_colors(rng, labels):
  return ideal.legible(jax.random.uniform(rng, (len(labels), 3)))


def biased_colors(rng, labels):
  del rng
  return jnp.asarray(MEANS, jnp.float32)[labels % 7]


def attack_loss(apply, world):
  """The loss of z_⊥, and what `shrinking_pgd` passes along for each example."""
  generator, params, w, labels, _ = world
  grey = generator.coarse(params, w[:, : generator.split])

  def loss_fn_of(classifier):
    def loss_fn(z_perp, labels, grey):
      logits = apply(classifier, generator.fine(params, grey, z_perp))
      return attacks.margin(logits, labels), logits

    return loss_fn

  return loss_fn_of, grey, labels


@pytest.mark.parametrize('apply, size', [(linear, 3), (conv, 5)])
def test_the_attack_reaches_the_exact_worst_case(world, apply, size):
  """Accuracy under Algorithm 2 is within 1 point of the best grid colour's.

  A linear classifier is worst at a vertex of the legible colours, whose
  channels are 0, 1/2 or 1, so a grid of 3 is exact. For this convolution grids
  of 5 and of 9 give the same accuracy. The loss is the margin, as the colour of
  highest cross-entropy is not always one that is misclassified.
  """
  classifier = train(apply, random_colors, steps=100)
  loss_fn_of, grey, labels = attack_loss(apply, world)
  loss_fn = loss_fn_of(classifier)
  grid = ideal.color_grid(size)
  exact = jax.jit(
    lambda: attacks.grid_search(
      lambda x: loss_fn(x, labels, grey), labels, grid[:, None]
    )
  )()
  generator, params = world[:2]
  options = {'restarts': 10, 'steps': 20, 'alpha': 0.1, 'eps': 1.0}
  result = jax.jit(
    lambda rng: attacks.pgd(
      lambda x: loss_fn(x, labels, grey),
      rng,
      lambda key: mixing.random_fine(generator, params, key, len(labels)),
      labels,
      **options,
    )
  )(RNG)
  accuracy, worst = 1 - result.success.mean(), 1 - exact.success.mean()
  print(f'accuracy under attack {accuracy:.3f}, exact {worst:.3f}')
  assert 0.1 < worst < 0.95  # Otherwise the claim is empty.
  assert abs(accuracy - worst) <= 0.01


def test_the_grid_returns_the_colour_that_fools(world):
  loss_fn_of, grey, labels = attack_loss(linear, world)
  loss_fn = loss_fn_of(train(linear, biased_colors, steps=50))
  grid = ideal.color_grid(3)
  exact = attacks.grid_search(
    lambda x: loss_fn(x, labels, grey), labels, grid[:, None]
  )
  loss, logits = loss_fn(exact.x, labels, grey)
  np.testing.assert_array_equal(logits.argmax(-1) != labels, exact.success)
  np.testing.assert_allclose(loss, exact.loss, rtol=1e-4, atol=1e-5)
  index = exact.first_success[:, 0] - 1
  np.testing.assert_array_equal(
    grid[index][exact.success], exact.x[:, 0][exact.success]
  )


def test_shares_say_how_often_each_colour_is_drawn(world):
  shares = [0.7, 0.0, 0.3]
  generator = ideal.make_generator(
    world[4], colors=np.eye(3), color_shares=shares
  )
  drawn = generator.map(generator.init(RNG), jax.random.normal(RNG, (5000, 5)))
  found = np.asarray(drawn[:, -1]).mean(0)
  # Colours are the axes, so the mean colour is the shares; 5 sigma.
  np.testing.assert_allclose(found, shares, atol=5 * (0.21 / 5000) ** 0.5)
  assert found[1] == 0


@pytest.mark.parametrize(
  'shares', [(0.5, 0.5), (0.5, 0.4, 0.2), (-0.5, 1.0, 0.5)]
)
def test_shares_that_fit_no_colours_are_refused(shares):
  with pytest.raises(ValueError, match='expected .. or 3 numbers >= 0'):
    ideal.default_generator('rgb_mnist', shares)
  with pytest.raises(ValueError, match='expected .. or 0 numbers'):
    ideal.default_generator('legible', shares)
