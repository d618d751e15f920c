"""Claims about StyleGAN's training: losses, schedule, one step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tiny_gan, toy_gan

from advmix_jax import types
from advmix_jax.generators import gan

pytestmark = pytest.mark.usefixtures('compile_fast')


def _gan_config(**fields):
  config = gan.default_config()
  config.update(fields)
  return config


def test_the_rate_falls_linearly_to_zero_at_the_end():
  config = _gan_config(kimg=1.0, decay_kimg=0.5, batch_size=10)
  factors = [float(gan._decay(config, step)) for step in (0, 50, 75, 100)]
  np.testing.assert_allclose(factors, [1, 1, 0.5, 0], atol=1e-6)


def test_r1_of_a_linear_score_is_its_squared_norm_on_the_official_scale():
  w = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4, 3)), 'float32')
  images = jnp.full((2, 4, 4, 3), 0.3)

  def score(x):  # Linear in 2x - 1, the official scale, with slope w.
    return ((2 * x - 1) * w).sum((1, 2, 3))

  penalty = gan.r1_penalty(score, images)
  np.testing.assert_allclose(penalty, (w**2).sum(), rtol=1e-5)


@pytest.mark.parametrize('probability', [0.0, 1.0])
def test_mixing_takes_a_tail_of_the_layers_with_its_probability(probability):
  w, other = jnp.zeros((200, 8, 1)), jnp.ones((200, 8, 1))
  mixed = gan.mix_styles(jax.random.key(0), w, other, probability)[..., 0]
  assert (jnp.diff(mixed, axis=1) >= 0).all()
  np.testing.assert_array_equal(mixed[:, 0], 0)
  np.testing.assert_array_equal(mixed[:, -1], probability)
  if probability:  # Cuts 1..7 all occur among 200 draws.
    assert set(np.asarray(mixed.sum(1)).astype(int)) == set(range(1, 8))


def test_growing_a_level_leaves_finer_layers_alone():
  config = tiny_gan.config(1.0)
  config.network.update(resolution=16, fmaps=(8, 8, 4), split=4)
  config.gan.update(start_resolution=8)
  state = tiny_gan.state(config)
  before = jax.tree.map(np.asarray, state.generator)
  step = gan.make_step(config.network, config.gan)
  batch = types.Batch(jnp.zeros((8, 16, 16, 3)), jnp.zeros(8, int))
  state, record = step(
    state,
    batch,
    jax.random.key(1),
    jnp.float32(0.0),
    level=1,
    with_r1=False,
  )
  for module, arrays in state.generator.items():
    fine = 'b16' in module or module.endswith('lod0')
    moved = any(
      not np.array_equal(arrays[k], before[module][k])
      for k in arrays
      if k not in ('noise', 'dlatent_avg')
    )
    if fine:
      assert not moved, module
  assert np.isfinite(float(record['generator_loss']))
  assert not np.array_equal(
    state.generator['synthesis/~/b4_const']['const'],
    before['synthesis/~/b4_const']['const'],
  )


def test_a_cut_at_the_split_swaps_all_fine_latents_and_nothing_else():
  w, other = jnp.zeros((9, 8, 1)), jnp.ones((9, 8, 1))
  mixed = gan.mix_styles(jax.random.key(0), w, other, 1.0, cut=6)
  np.testing.assert_array_equal(mixed[:, :6], 0)
  np.testing.assert_array_equal(mixed[:, 6:], 1)


def test_a_growing_network_mixes_among_the_layers_that_it_uses():
  # As the official code, which draws the cut below num_layers - 2 * lod.
  w, other = jnp.zeros((200, 8, 1)), jnp.ones((200, 8, 1))
  mixed = gan.mix_styles(jax.random.key(0), w, other, 1.0, used=4)[..., 0]
  assert set(np.asarray(mixed.sum(1)).astype(int)) == {5, 6, 7}  # Cuts 1..3.


def test_without_a_half_life_the_average_is_the_generator():
  config = tiny_gan.config(1.0, ema_kimg=0.0)
  config.network.update(resolution=8, fmaps=(8, 4), split=2)
  batch = types.Batch(jnp.zeros((8, 8, 8, 3)), jnp.zeros(8, int))
  state, _ = gan.make_step(config.network, config.gan)(
    tiny_gan.state(config),
    batch,
    jax.random.key(0),
    jnp.float32(0),
    level=0,
    with_r1=False,
  )
  jax.tree.map(np.testing.assert_array_equal, state.average, state.generator)


def test_an_unknown_cut_is_refused():
  config = tiny_gan.config(1.0, mixing_cut='middle')
  with pytest.raises(ValueError, match="mixing_cut is 'middle', expected one"):
    gan.make_step(config.network, config.gan)


@pytest.mark.parametrize('classes', [0, 3])
def test_labels_of_real_images_count_where_the_network_has_classes(classes):
  config = tiny_gan.config(1.0)
  config.network.update(resolution=8, fmaps=(8, 4), split=2)
  config.network.label_size = classes
  step = gan.make_step(config.network, config.gan)
  rng = jax.random.key(0)
  images = jax.random.uniform(rng, (8, 8, 8, 3))

  def scores(labels):
    state = tiny_gan.state(config)
    batch = types.Batch(images, jnp.asarray(labels))
    static = {'level': 0, 'with_r1': False}
    _, record = step(state, batch, rng, jnp.float32(0), **static)
    return float(record['real_score']), float(record['fake_score'])

  (real, fake), (other, same) = scores([0] * 8), scores([2] * 8)
  assert fake == same
  assert (real != other) == bool(classes)


def _softplus(x):
  return np.log1p(np.exp(x))


def test_the_losses_are_those_of_known_scores(monkeypatch):
  config = toy_gan.config(r1_gamma=3.0, r1_interval=4, learning_rate=0.0)
  _, record = toy_gan.step(monkeypatch, config)
  real = toy_gan.SLOPE * (2 * toy_gan.REAL - 1)
  fake = toy_gan.SLOPE * (2 * toy_gan.LEVEL - 1)
  # R1 counts 4 times, since it is there in one step of 4.
  penalty = 3.0 / 2 * 4 * toy_gan.SLOPE**2
  wanted = _softplus(fake) + _softplus(-real).mean() + penalty
  np.testing.assert_allclose(record['discriminator_loss'], wanted, rtol=1e-5)
  np.testing.assert_allclose(
    record['generator_loss'], _softplus(-fake), rtol=1e-5
  )


def test_a_step_raises_the_score_of_fakes_by_the_new_discriminator(monkeypatch):
  config = toy_gan.config(r1_gamma=0.0, learning_rate=0.01)
  state, record = toy_gan.step(monkeypatch, config)
  # Adam's first step is its rate, against the gradient's sign. Real images are
  # darker than fakes, so D's slope falls.
  slope = toy_gan.SLOPE - 0.01
  np.testing.assert_allclose(state.discriminator['slope'], slope, rtol=1e-5)
  level = state.generator['image']['level']
  np.testing.assert_allclose(level, toy_gan.LEVEL + 0.01, rtol=1e-5)
  # G learns from the new D.
  wanted = _softplus(-slope * (2 * toy_gan.LEVEL - 1))
  np.testing.assert_allclose(record['generator_loss'], wanted, rtol=1e-5)


def test_half_of_the_average_is_left_after_its_half_life(monkeypatch):
  config = toy_gan.config(ema_kimg=0.04, learning_rate=0.0)  # 5 steps of 8.
  state, _ = toy_gan.step(monkeypatch, config, average=0.0, steps=5)
  average = state.average['image']['level']
  np.testing.assert_allclose(average, toy_gan.LEVEL / 2, rtol=1e-5)


def test_the_mean_w_keeps_its_share_of_the_old_one(monkeypatch):
  config = toy_gan.config(dlatent_beta=0.9)
  config.network.label_frequencies = (0.0, 1.0)  # All w are (0, 1).
  state, _ = toy_gan.step(monkeypatch, config, mean=5.0)
  for params in (state.generator, state.average):
    mean = params['mapping']['dlatent_avg']
    np.testing.assert_allclose(mean, [0.9 * 5, 0.9 * 5 + 0.1], rtol=1e-5)


def test_fakes_have_classes_of_the_frequencies_of_the_config(monkeypatch):
  config = toy_gan.config(dlatent_beta=0.0, batch_size=1000)
  config.network.label_frequencies = (0.9, 0.1)
  state, _ = toy_gan.step(monkeypatch, config)
  # Four standard errors of 1,000 draws; w is one-hot.
  shares = state.generator['mapping']['dlatent_avg']
  np.testing.assert_allclose(shares, [0.9, 0.1], atol=0.038)
