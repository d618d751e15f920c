"""Claims about what one batch of fakes is made of, and about the rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tiny_gan, toy_gan

from advmix_jax import types
from advmix_jax.generators import gan, stylegan

_SPLIT = 6


def _fakes_fn(monkeypatch, synthesize, **fields):
  """`gan._fakes_fn` of a G with w (z's first, class) in all layers."""

  def to_latents(params, z, labels):
    w = jnp.stack([z[:, 0], labels.argmax(-1)], axis=-1)
    return jnp.repeat(w[:, None], 8, axis=1)

  generator = types.Generator(
    init=None,
    map=to_latents,
    synthesize=synthesize,
    coarse=None,
    fine=None,
    num_layers=8,
    split=_SPLIT,
    latent_size=10,
    dlatent_size=2,
  )
  monkeypatch.setattr(stylegan, 'make_generator', lambda config: generator)
  config = tiny_gan.config(1.0, **fields)
  config.network.label_size = 2
  return gan._fakes_fn(config.network, config.gan)


def _fakes(monkeypatch, level=0, rows=200, **fields):
  """(images, mean w) of fakes whose image is their w."""

  def synthesize(params, w, rng=None, *, level=None, blend=0.0):
    return w if rng is None else w + 1000  # Fresh noise.

  options = {'noise': False, 'batch_size': rows} | fields
  fakes = _fakes_fn(monkeypatch, synthesize, **options)
  images, (mean, _) = fakes({}, jax.random.key(0), rows, 0.0, level)
  return np.asarray(images), np.asarray(mean)


def _cuts(images):
  """Where the second latent of each fake begins; 8: nowhere."""
  other = images[:, :, 0] != images[:, :1, 0]
  return 8 - other.sum(1)


@pytest.mark.parametrize(
  ('cut', 'level', 'wanted'),
  [
    ('random', 0, set(range(1, 8))),
    ('random', 2, {1, 2, 3}),  # Four layers are in use.
    ('split', 0, {_SPLIT}),
    ('split', 1, {1, 2, 3, 4, 5}),  # It has not grown to the split yet.
  ],
)
def test_mixed_fakes_keep_their_class(monkeypatch, cut, level, wanted):
  images, mean = _fakes(monkeypatch, level, style_mixing=1.0, mixing_cut=cut)
  assert set(_cuts(images)) == wanted
  np.testing.assert_array_equal(images[:, :, 1], images[:, :1, 1].repeat(8, 1))
  # The mean w is that before mixing.
  np.testing.assert_allclose(mean, images[:, 0].mean(0), rtol=1e-5)


def test_without_mixing_all_layers_have_one_latent(monkeypatch):
  assert set(_cuts(_fakes(monkeypatch)[0])) == {8}


@pytest.mark.parametrize('noise', [True, False])
def test_noise_is_fresh_only_where_it_is_asked_for(monkeypatch, noise):
  images, _ = _fakes(monkeypatch, noise=noise)
  assert (images[:, :, 0].min() > 900) == noise


@pytest.mark.parametrize('clip', [True, False])
def test_a_clipped_fake_keeps_the_gradient_that_leads_back(monkeypatch, clip):
  """A pixel of 1.5 may become darker; that it become brighter is no use."""

  def synthesize(brightness, w, rng=None, **_):
    return brightness

  fakes = _fakes_fn(monkeypatch, synthesize, clip=clip)

  def image(level):
    return fakes(level, jax.random.key(0), 200, 0.0, 0)[0]

  level, vjp = jax.vjp(image, jnp.float32(1.5))
  assert level == (1.0 if clip else 1.5)
  assert vjp(jnp.float32(1)) == (1.0,)
  assert vjp(jnp.float32(-1)) == ((0.0,) if clip else (-1.0,))


def test_both_players_learn_at_the_falling_rate(monkeypatch):
  config = toy_gan.config(
    r1_gamma=0.0,
    learning_rate=0.01,
    decay_kimg=2.0,  # kimg is 1.
  )
  state, _ = toy_gan.step(monkeypatch, config)
  # Half of the rate is left.
  np.testing.assert_allclose(
    state.discriminator['slope'], toy_gan.SLOPE - 0.005, rtol=1e-5
  )
  np.testing.assert_allclose(
    state.generator['image']['level'], toy_gan.LEVEL + 0.005, rtol=1e-5
  )


def test_adam_has_the_decays_of_the_config():
  """After one gradient of 2: moments of 2 (1 - beta1) and 4 (1 - beta2)."""
  config = tiny_gan.config(1.0, beta1=0.25, beta2=0.75).gan
  adam = gan.optimizer(config)
  _, (state, *_) = adam.update({'x': 2.0}, adam.init({'x': 0.0}))
  np.testing.assert_allclose([state.mu['x'], state.nu['x']], [1.5, 1.0])


def test_both_players_see_the_blend():
  config = tiny_gan.config(1.0, start_resolution=4)
  config.network.update(resolution=8, fmaps=(8, 4), split=2)
  step = gan.make_step(config.network, config.gan)
  image = jax.random.uniform(jax.random.key(1), (8, 8, 8, 3))
  batch, rng = types.Batch(image, jnp.zeros(8, int)), jax.random.key(0)

  def scores(blend):
    state, options = tiny_gan.state(config), {'level': 0, 'with_r1': False}
    _, record = step(state, batch, rng, jnp.float32(blend), **options)
    return np.array([record['real_score'], record['fake_score']])

  assert (scores(0.0) != scores(0.5)).all()
