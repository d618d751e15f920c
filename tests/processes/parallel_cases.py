"""What is the same on 1, 2 and 8 devices; parallel_test.py runs this file.

Sums over the batch are taken in another order, so losses and gradients differ
by rounding, some 1e-7 of their size; Adam divides a gradient by its own size,
which can turn the rounding of one near 0 into a full step of the learning rate.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_params, tiny_gan, tiny_runs
from helpers import toy_subject as toy

from advmix_jax import methods, types
from advmix_jax.encoder import algorithm1
from advmix_jax.evaluation import measures
from advmix_jax.generators import gan, memory, stylegan
from advmix_jax.runtime import parallel

ALL = jax.devices()
PLACES = [(n, kind) for kind in parallel.KINDS for n in (2, 8)]

if len(ALL) < 8:
  pytest.skip('needs 8 devices', allow_module_level=True)


@pytest.fixture(autouse=True)
def use(monkeypatch):
  """use(n) leaves n devices; one at first."""

  def set_devices(n):
    monkeypatch.setattr(jax, 'devices', lambda *_: ALL[:n])
    monkeypatch.setattr(jax, 'device_count', lambda *_: n)
    measures._of_classifier.cache_clear()
    measures._of_generator.cache_clear()
    algorithm1._make_descent.cache_clear()

  set_devices(1)
  return set_devices


def _close(found, expected, *, most=1e-5, rate=0.0):
  """Leaves agree, but for 1% (or one number) by up to two steps of `rate`."""
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    difference = np.abs(np.asarray(a, 'f8') - np.asarray(b, 'f8'))
    allowed = most * max(1.0, np.abs(np.asarray(b, 'f8')).max())
    assert difference.max() <= allowed + 4 * rate
    assert np.sum(difference > allowed) <= max(1, difference.size // 100)


@pytest.mark.parametrize(
  ('method', 'clean'),
  [
    *((name, 0.0) for name in methods.METHODS),
    *(('randmix', 0.4), ('advmix', 0.4)),
  ],
)
@pytest.mark.parametrize('size', [8, 6])
def test_two_steps_of_a_classifier(method, clean, size, use):
  """A batch of 8, and of 6, which 8 devices have to fill up."""
  results = {}
  for n, kind in [(1, 'pmap'), *PLACES]:
    use(n)
    config = tiny_runs.config(
      method=method,
      parallel=kind,
      **{'optimizer.batch_size': size, 'mixing.clean_fraction': clean},
    )
    step, state, batch, params = tiny_runs.step_fn(config)
    batch = jax.tree.map(lambda a: a[:size], batch)
    for _ in range(2):
      state, record = step(state, batch, jax.random.key(0), params)
    results[n, kind] = jax.device_get((state.params, record))
  for place in PLACES:
    params, record = results[place]
    _close(params, results[1, 'pmap'][0], rate=1e-3)
    _close(record, results[1, 'pmap'][1], most=1e-4)


@pytest.mark.parametrize('by_class', [False, True])
@pytest.mark.parametrize('size', [16, 12])
def test_two_steps_of_a_gan(size, by_class, use):
  """R1, style mixing, clip, classes, noise, stddev groups of both kinds.

  Of a batch of 16, and of 12, which 8 devices have to fill up.
  """
  config = tiny_gan.config(1)
  config.network.update(resolution=8, fmaps=(8, 4), split=2, label_size=3)
  config.network.mbstd_by_class = by_class
  config.gan.update(batch_size=size, style_mixing=0.5, clip=True)
  images = jax.random.uniform(jax.random.key(1), (size, 8, 8, 3))
  batch = types.Batch(images, jnp.arange(size) % 3)
  static = {'level': 0, 'with_r1': True}
  results = {}
  for n, kind in [(1, 'pmap'), (8, 'pmap'), (8, 'sharding')]:
    use(n)
    rng = jax.random.key(0, impl='rbg')
    state = gan.init(rng, config.network, config.gan)
    step = gan.make_step(config.network, config.gan, kind)
    for i in range(2):
      key = jax.random.key(i)
      state, record = step(state, batch, key, jnp.float32(0), **static)
    results[n, kind] = jax.device_get((state, record))
  expected, record = results.pop((1, 'pmap'))
  for found, other in results.values():
    _close(other, record, most=1e-4)
    rate = config.gan.learning_rate / config.network.mapping_lrmul
    _close(found.average, expected.average, rate=rate)
    _close(found.discriminator, expected.discriminator, rate=rate)


def test_outcomes_of_an_attack_are_equal(use):
  batch = toy.batch()
  results = {}
  for n, kind in [(1, 'pmap'), *PLACES]:
    use(n)
    subject = toy.SUBJECT._replace(parallel=kind)
    attacked = measures.attack_examples(
      subject,
      jax.random.key(0),
      batch,
      attack=toy.attack_config(),
      batch_size=12,
    )
    first = measures.random_failures(
      subject, jax.random.key(1), batch, num_draws=5, batch_size=12
    )
    results[n, kind] = attacked, first
  attacked, first = results[1, 'pmap']
  for other, failures in results.values():
    np.testing.assert_array_equal(failures, first)
    np.testing.assert_array_equal(other.success, attacked.success)
    np.testing.assert_array_equal(other.first_success, attacked.first_success)
    np.testing.assert_allclose(other.z_perp, attacked.z_perp, atol=1e-5)


def test_encodings_are_equal(use):
  network = stylegan.default_config()
  network.update(resolution=16, fmaps=(4, 4, 4), dlatent_size=4, split=4)
  generator = stylegan.make_generator(network)
  params = generator.init(jax.random.key(0, impl='rbg'))
  config = algorithm1.default_config()
  config.update(steps=3, batch_size=6, average_draws=20)
  images = np.random.default_rng(0).random((7, 16, 16, 3), np.float32)
  results = {}
  for n, kind in [(1, 'pmap'), (8, 'pmap'), (8, 'sharding')]:
    use(n)
    results[n, kind] = algorithm1.encode(
      images,
      generator=generator,
      generator_params=params,
      features_fn=lambda x: [x, x[:, ::2, ::2], x[:, ::4, ::4]],
      config=config,
      start_fn=None,
      rng=jax.random.key(0),
      kind=kind,
    )
  for w, errors in results.values():
    _close(w, results[1, 'pmap'][0], rate=config.learning_rate)
    _close(errors, results[1, 'pmap'][1], most=1e-4)


@pytest.mark.parametrize('order', [(8, 1), (1, 8)])
def test_a_run_goes_on_with_other_devices(order, use, tmp_path):
  def config(epochs):
    fields = {'optimizer.epochs': epochs, 'optimizer.learning_rate': 1e-3}
    return tiny_runs.config(method='advmix', **fields)

  whole = tiny_runs.train(config(2), tmp_path / 'whole')
  use(order[0])
  tiny_runs.train(config(1), tmp_path / 'parts')
  (tmp_path / 'parts' / 'config.json').unlink()  # Fewer epochs: another run.
  use(order[1])
  parts = tiny_runs.train(config(2), tmp_path / 'parts')
  assert tiny_runs.steps(tmp_path / 'parts') == [3, 6]
  _close(parts, whole, rate=1e-3)


@pytest.mark.parametrize(('n', 'kind'), PLACES)
def test_parts_of_a_batch(n, kind, use):
  network = stylegan.default_config()
  network.update(resolution=8, fmaps=(8, 4), latent_size=8, dlatent_size=8)
  network.update({'mapping_fmaps': 8, 'mapping_layers': 1, 'split': 2})
  generator = stylegan.make_generator(network)
  params = random_params.draw(generator)
  w = jax.random.normal(jax.random.key(0), (13, generator.num_layers, 8))
  parts = memory.planned(generator, microbatch=4)

  def gradient(of, params, w):
    def loss(w):
      return jnp.square(of.synthesize(params, w)).sum()

    return jax.grad(loss)(w)

  expected = gradient(generator, params, w)
  use(n)
  run = parallel.compile(
    lambda params, w: gradient(parts, params, w),
    kind,
    split=(False, True),
    out_split=True,
  )
  _close(run(params, w), expected)
