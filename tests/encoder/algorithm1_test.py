"""Claims about advmix_jax/encoder.py, on a generator that is easy to see.

The toy decodes z_∥ [B, 2, 12] to ink at 4x4 pixels and z_⊥ [B, 1, 12] to a
colour plus, faintly, ink: so content can hide in z_⊥, and the mixing loss has
something to drive out.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import types
from advmix_jax.encoder import algorithm1

S, D, LEAK = 2, 12, 0.5
RNG = jax.random.key(0)


@functools.cache  # The same functions each time: what they compile to is kept.
def _generator():
  basis = np.random.default_rng(0).normal(size=(3, D, 16)) / 4
  basis = jnp.asarray(basis, jnp.float32)

  def coarse(params, z_par):
    return jnp.einsum('bld,ldp->bp', z_par, params['basis'][:S])

  def fine(params, x, z_perp):
    leak = jnp.einsum('bld,ldp->bp', z_perp[:, :, 3:], params['basis'][S:, 3:])
    ink = (0.5 + x + LEAK * leak).reshape(-1, 4, 4, 1)
    return ink * (1 + 0.3 * jnp.tanh(z_perp[:, :1, None, :3]))

  def synthesize(params, w, rng=None):
    return fine(params, coarse(params, w[:, :S]), w[:, S:])

  generator = types.Generator(
    init=lambda rng: {'basis': basis},
    map=lambda params, z: jnp.broadcast_to(z[:, None], (len(z), 3, D)),
    synthesize=synthesize,
    coarse=coarse,
    fine=fine,
    num_layers=3,
    split=S,
    latent_size=D,
    dlatent_size=D,
  )
  return generator, {'basis': basis}


def _features(images):
  """Three levels, each a mean of neighbours and a slope."""
  levels = []
  for _ in range(3):
    levels.append(images + jnp.roll(images, 1, axis=1))
    images = levels[-1] * 0.5
  return levels


def _config(**changes):
  config = algorithm1.default_config()
  config.update(batch_size=8, learning_rate=0.1, steps=150, average_draws=50)
  config.start_steps = 0
  config.update(changes)
  return config


def _targets(n, seed=1, leak=True):
  generator, params = _generator()
  w = 0.3 * jax.random.normal(jax.random.key(seed), (n, 3, D))
  w = w if leak else w.at[:, S:, 3:].set(0)
  return np.asarray(jnp.clip(generator.synthesize(params, w), 0, 1))


def _encode(images, config, start_fn=None, function=algorithm1.encode):
  generator, params = _generator()
  return function(
    images,
    generator=generator,
    generator_params=params,
    features_fn=_features,
    config=config,
    start_fn=start_fn,
    rng=jax.random.key(0),
  )


def _squares(a, b):
  return np.square(a - b).sum((1, 2, 3))


def _shares(a, b):
  return _squares(a, b) / np.square(b).sum((1, 2, 3))


@pytest.mark.parametrize(
  ('distance', 'oracle'), [('sum', _squares), ('relative', _shares)]
)
def test_losses_are_those_of_algorithm_1(distance, oracle):
  generator, params = _generator()
  config = _config(mixing_draws=2, mixing_weight=0.2, distance=distance)
  target_fn, losses = algorithm1.make_losses(generator, config)
  x = _targets(3)
  w = jax.random.normal(jax.random.key(5), (3, 3, D)) * 0.2
  fine = jax.random.normal(jax.random.key(6), (3, 2, 1, D)) * 0.2
  target = target_fn(_features, x)
  rec, mix, image, mixes = losses(params, _features, w, target, fine)

  def perceptual(images):
    pairs = zip(_features(images), _features(x), strict=True)
    return sum(oracle(np.float64(a), np.float64(b)) for a, b in pairs)

  np.testing.assert_allclose(
    image, generator.synthesize(params, w), rtol=1e-5, atol=1e-6
  )
  expected = oracle(np.float64(image), np.float64(x)) + perceptual(image)
  np.testing.assert_allclose(rec, expected, rtol=1e-4)
  for draw in range(2):  # dec(ẑ_∥, map(z)_⊥)
    both = jnp.concatenate([w[:, :S], fine[:, draw]], axis=1)
    np.testing.assert_allclose(
      mixes[:, draw], generator.synthesize(params, both), rtol=1e-5, atol=1e-6
    )
  # Activations only, no pixels; the mean over the draws.
  expected = np.mean([0.2 * perceptual(mixes[:, d]) for d in range(2)], axis=0)
  np.testing.assert_allclose(mix, expected, rtol=1e-4)


def test_terms_of_weight_0_do_not_run_the_perceptual_network():
  generator, params = _generator()
  x, calls = _targets(2), []

  def features(images):
    calls.append(len(images))
    return _features(images)

  def run(**weights):
    calls.clear()
    config = _config(**weights)
    target_fn, losses = algorithm1.make_losses(generator, config)
    w, fine = jnp.zeros((2, 3, D)), jnp.zeros((2, 1, 1, D))
    mix = losses(params, features, w, target_fn(features, x), fine)[1]
    return len(calls), float(jnp.abs(mix).max())

  # The target, the reconstruction and the mix.
  assert run(mixing_weight=0.2)[0] == 3
  assert run(mixing_weight=0.0) == (2, 0)
  assert run(mixing_weight=0.0, perceptual_weight=0.0) == (0, 0)


def test_steps_on_pixels_improve_the_start_and_see_no_activations():
  images, nothing = _targets(5), {'perceptual_weight': 0, 'mixing_weight': 0}
  start = _config(steps=0, start_steps=100)
  w, errors = _encode(images, start)
  # As Algorithm 1 with the pixel term alone, in a plain sum.
  pixels = _config(steps=100, distance='sum', **nothing)
  expected, _ = _encode(images, pixels)
  np.testing.assert_allclose(w, expected, atol=1e-3)  # Adam rescales rounding.
  before = _encode(images, _config(steps=0))[1]
  assert (errors < 0.2 * before).all()


def test_steps_on_pixels_come_before_the_others():
  images = _targets(4)
  curve = _encode(
    images, _config(steps=3, start_steps=100), function=algorithm1.error_curve
  )
  whole = _encode(images, _config(steps=0, start_steps=100))[1]
  np.testing.assert_allclose(curve[0], whole.mean(), rtol=1e-4)


def test_no_steps_return_the_start_and_its_error():
  generator, params = _generator()
  images = _targets(5)
  w, errors = _encode(images, _config(steps=0))
  rng = jax.random.split(jax.random.key(0))[0]
  z = jax.random.normal(rng, (50, D))
  mean = generator.map(params, z).mean(0)
  np.testing.assert_allclose(w, np.tile(mean, (5, 1, 1)), atol=1e-6)
  decoded = np.clip(generator.synthesize(params, w), 0, 1)
  expected = np.square(decoded - images).mean((1, 2, 3))
  np.testing.assert_allclose(errors, expected, rtol=1e-5)


def test_targets_that_can_be_decoded_are_found():
  generator, params = _generator()
  images = _targets(11)  # More than a batch, and no multiple of it.
  _, start = _encode(images, _config(steps=0))
  w, errors = _encode(images, _config(mixing_weight=0.0, steps=400))
  # What is left is the last, still finite, step size.
  assert errors.max() < 1e-3 and errors.mean() < 0.01 * start.mean()
  decoded = np.clip(generator.synthesize(params, w), 0, 1)
  np.testing.assert_allclose(decoded, images, atol=0.1)


def test_mixing_loss_moves_content_out_of_the_fine_latents():
  generator, params = _generator()
  images = _targets(16)
  rng = jax.random.key(9)
  fine = jax.random.normal(rng, (16, 1, D)) * jnp.where(jnp.arange(D) < 3, 1, 0)

  def mix_error(weight):
    w, _ = _encode(images, _config(mixing_weight=weight, steps=300))
    mixes = generator.synthesize(
      params, jnp.concatenate([w[:, :S], fine], axis=1)
    )
    return float(jnp.square(mixes - images).mean())

  assert mix_error(1.0) < 0.9 * mix_error(0.0)


def test_best_iterate_survives_a_wild_step_size():
  images = _targets(5)
  _, start = _encode(images, _config(steps=0))
  _, errors = _encode(
    images, _config(steps=5, learning_rate=1e3, mixing_weight=0.0)
  )
  np.testing.assert_allclose(errors, start, rtol=1e-5)


def test_error_curve_begins_at_the_start_and_ends_at_the_result():
  images = _targets(9)
  config = _config(steps=30)
  curve = _encode(images, config, function=algorithm1.error_curve)
  assert curve.shape == (31,)
  np.testing.assert_allclose(
    [curve[0], curve[-1]],
    [_encode(images, c)[1].mean() for c in (_config(steps=0), config)],
    rtol=1e-4,
  )
  assert curve[-1] < 0.2 * curve[0]


def test_progress_is_the_path_to_the_result_of_the_same_run():
  generator, params = _generator()
  images, config = _targets(9), _config(steps=30)
  path = _encode(images, config, function=algorithm1.progress)
  assert path.shape == (9, 31, 3, D)
  latents, _ = _encode(images, config)
  # The same steps in two programs, which may fuse in other ways.
  np.testing.assert_allclose(path[:, -1], latents, atol=1e-3)
  error = [
    algorithm1.pixel_error(generator.synthesize(params, w), images).mean()
    for w in path.swapaxes(0, 1)
  ]
  curve = _encode(images, config, function=algorithm1.error_curve)
  np.testing.assert_allclose(error, curve, rtol=1e-3)


def test_without_mixing_images_are_encoded_one_by_one():
  images = _targets(7)
  one, three = (
    _encode(images, _config(steps=20, mixing_weight=0.0, batch_size=b))[0]
    for b in (1, 3)
  )
  # Adam divides by the root of squared gradients, which magnifies rounding.
  np.testing.assert_allclose(one, three, atol=1e-3)


def test_a_good_start_needs_fewer_steps():
  images = _targets(6)
  w, _ = _encode(images, _config(steps=300))
  lookup = jax.tree_util.Partial(lambda w, x: w, jnp.asarray(w))
  config = _config(steps=3, batch_size=6)
  assert (
    _encode(images, config, start_fn=lookup)[1].mean()
    < 0.1 * _encode(images, config)[1].mean()
  )


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('start', 'zero', "encoder.start is 'zero', expected one of"),
    ('distance', 'ear', "encoder.distance is 'ear', expected one of"),
    ('batch_size', 0, 'encoder.batch_size is 0, expected >= 1'),
    ('steps', -1, 'encoder.steps is -1, expected >= 0'),
    ('start_steps', -1, 'encoder.start_steps is -1, expected >= 0'),
  ],
)
def test_bad_options_are_refused(field, value, message):
  with pytest.raises(ValueError, match=message):
    _encode(_targets(1), _config(**{field: value}))


def test_no_images_are_refused():
  with pytest.raises(ValueError, match='no images'):
    _encode(_targets(1)[:0], _config())


def test_the_weights_of_algorithm_1_multiply_their_own_terms():
  generator, params = _generator()
  x, w = _targets(3), jnp.full((3, 3, D), 0.1)
  fine = jnp.zeros((3, 1, 1, D))

  def terms(pixel, perceptual, mixing):
    config = _config(
      pixel_weight=pixel, perceptual_weight=perceptual, mixing_weight=mixing
    )
    target_fn, losses = algorithm1.make_losses(generator, config)
    target = target_fn(_features, x)
    rec, mix, image, mixes = losses(params, _features, w, target, fine)
    return (rec, mix), image, mixes[:, 0]

  _, image, mixes = terms(1.0, 1.0, 1.0)

  def perceptual(images):
    pairs = zip(_features(images), _features(x), strict=True)
    return sum(_shares(a, b) for a, b in pairs)

  for pixel, alpha, beta in ((0.5, 3.0, 0.25), (2.0, 0.0, 1.0)):
    (rec, mix), *_ = terms(pixel, alpha, beta)
    expected = pixel * _shares(image, x) + alpha * perceptual(image)
    np.testing.assert_allclose(rec, expected, rtol=1e-4)
    np.testing.assert_allclose(mix, beta * perceptual(mixes), rtol=1e-4)


def test_the_rate_falls_along_a_cosine_and_each_step_has_its_draws():
  """On a linear loss Adam moves by γ(k) against the sign, and all is best."""
  steps, config = 6, _config(learning_rate=0.2, final_rate=0.3)
  slope = jnp.array([[[2.0, -0.5]]])

  def objective(w, key):
    loss = (w * slope).sum((1, 2))
    return loss.sum(), (loss, jax.random.uniform(key, (1,)))

  _, drawn, path = algorithm1._descend(
    objective, jnp.zeros((1, 1, 2)), RNG, steps, config, with_path=True
  )
  keys = [jax.random.fold_in(RNG, k) for k in range(steps + 1)]
  expected = [jax.random.uniform(key, (1,))[0] for key in keys]
  np.testing.assert_allclose(drawn[0], expected, rtol=1e-6)
  wave = (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2
  rate = 0.2 * (0.3 + 0.7 * wave)  # γ(1) is 0.2, γ(N + 1) would be 0.06.
  walked = np.concatenate([[0], np.cumsum(rate)])
  found = -path[0, :, 0] * np.sign(slope[0])
  np.testing.assert_allclose(found, walked[:, None].repeat(2, 1), rtol=1e-5)


def test_by_the_mixing_loss_alone_the_coarse_latents_are_found():
  """The best iterate is that of L_rec + L_mix; ẑ_⊥ takes no part in a mix."""
  images, weights = _targets(6), {'pixel_weight': 0, 'perceptual_weight': 0}
  start, _ = _encode(images, _config(steps=0, **weights))
  w, _ = _encode(images, _config(mixing_weight=1.0, **weights))
  np.testing.assert_array_equal(w[:, S:], start[:, S:])
  generator, params = _generator()
  before, after = (
    _squares(
      generator.fine(
        params, generator.coarse(params, z[:, :S]), jnp.zeros((6, 1, D))
      ),
      images,
    )
    for z in (start, w)
  )
  assert (after < 0.5 * before).all()


@pytest.mark.parametrize('batch_size', [1, 2])
def test_two_copies_of_an_image_have_mixes_of_their_own(batch_size):
  """In a batch and across batches; without mixes they are one image."""
  images = np.repeat(_targets(1), 2, axis=0)
  for weight in (0.0, 1.0):
    config = _config(steps=5, mixing_weight=weight, batch_size=batch_size)
    first, second = _encode(images, config)[0]
    # Adam magnifies rounding, but by far less.
    assert (np.abs(first - second).max() > 1e-2) == bool(weight)
