"""Evaluators against brute force, on the subject of helpers/toy_subject.py."""

import jax
import ml_collections
import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax import classifiers
from advmix_jax.evaluation import measures
from advmix_jax.generators import stylegan
from advmix_jax.runtime import shipped


def test_random_failures_are_those_of_brute_force():
  batch, rng = toy.batch(), jax.random.key(3)
  first = measures.random_failures(
    toy.SUBJECT, rng, batch, num_draws=12, batch_size=10, draws_per_round=5
  )
  wrong = batch.latents[:, 0, 0] + toy.draws(rng, range(12)) <= 0
  expected = np.where(wrong.any(axis=0), wrong.argmax(axis=0), -1)
  np.testing.assert_array_equal(first, expected)
  assert 0 < (first >= 0).sum() < toy.NUM


def test_random_failures_ignore_how_they_are_batched():
  batch, rng = toy.batch(), jax.random.key(3)
  few = measures.random_failures(
    toy.SUBJECT, rng, batch, num_draws=9, batch_size=4, draws_per_round=2
  )
  many = measures.random_failures(toy.SUBJECT, rng, batch, num_draws=9)
  np.testing.assert_array_equal(few, many)


def test_a_second_run_of_the_same_networks_compiles_nothing():
  """What two runs of a comparison do: each loads its own networks."""
  path = shipped.DATA / 'generator.npz'
  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 2})
  made = [
    (
      classifiers.make_classifier(config, 10).apply,
      stylegan.clipped(stylegan.load(path)[0]),
    )
    for _ in range(2)
  ]
  assert made[0] == made[1]
  config.width = 3
  assert classifiers.make_classifier(config, 10).apply != made[0][0]
  run = measures._of_classifier(toy.SUBJECT.logits_fn, 'pmap', 1, 1)
  images = toy.batch().image
  before = run._cache_size()
  for _ in range(2):
    measures.predict(toy.SUBJECT, images, batch_size=5)
  assert measures._of_classifier(toy.SUBJECT.logits_fn, 'pmap', 1, 1) is run
  assert run._cache_size() == before + 1


def test_worst_of_more_draws_is_never_better():
  batch, rng = toy.batch(), jax.random.key(0)
  broken = [
    measures.random_failures(toy.SUBJECT, rng, batch, num_draws=n) >= 0
    for n in (1, 2, 5, 20)
  ]
  for fewer, more in zip(broken, broken[1:], strict=False):
    assert (more >= fewer).all()
  assert broken[-1].sum() > broken[0].sum()


def test_random_mixes_are_draw_zero():
  batch, rng = toy.batch(), jax.random.key(5)
  mixes = measures.random_mixes(toy.SUBJECT, rng, batch.latents)
  np.testing.assert_array_equal(mixes[:, 0], batch.latents[:, 0])
  np.testing.assert_allclose(mixes[:, 1, 0], toy.draws(rng, [0])[0], rtol=1e-6)


def test_draws_go_on_where_they_stopped():
  batch, rng = toy.batch(), jax.random.key(3)
  whole = measures.random_failures(toy.SUBJECT, rng, batch, num_draws=9)
  few = measures.random_failures(toy.SUBJECT, rng, batch, num_draws=4)
  rest = measures.random_failures(
    toy.SUBJECT, rng, batch, num_draws=9, first_draw=4, skip=few >= 0
  )
  np.testing.assert_array_equal(np.where(few >= 0, few, rest), whole)
  assert (rest[few >= 0] == -1).all() and (rest >= 4).any()


def test_a_mix_is_the_draw_that_is_asked_for():
  batch, rng = toy.batch(), jax.random.key(5)
  index, draw = np.array([2, 7]), np.array([3, 0])
  mixes = measures.random_mixes(
    toy.SUBJECT, rng, batch.latents[index], draw=draw, index=index
  )
  expected = toy.draws(rng, range(4))[draw, index]
  np.testing.assert_allclose(mixes[:, 1, 0], expected, rtol=1e-6)


def test_attacking_some_examples_is_part_of_attacking_all():
  batch, rng = toy.batch(), jax.random.key(1)
  options = {'attack': toy.attack_config(), **toy.SIZE}
  whole = measures.attack_examples(toy.SUBJECT, rng, batch, **options)
  index = np.array([3, 4, 11])
  some = measures.attack_examples(
    toy.SUBJECT, rng, batch, index=index, **options
  )
  np.testing.assert_array_equal(some.first_success, whole.first_success[index])
  np.testing.assert_allclose(some.z_perp, whole.z_perp[index], rtol=1e-6)


@pytest.mark.parametrize('batch_size', [5, 16])
def test_algorithm2_reaches_the_corner_of_every_ball(batch_size):
  batch, rng = toy.batch(), jax.random.key(1)
  attacked = measures.attack_examples(
    toy.SUBJECT, rng, batch, attack=toy.attack_config(), batch_size=batch_size
  )
  lowest = toy.draws(rng, [1, 2, 3]).min(axis=0) - 0.5  # Restarts count from 1.
  broken = batch.latents[:, 0, 0] + lowest <= 0
  np.testing.assert_array_equal(attacked.success, broken)
  assert 0 < broken.sum() < toy.NUM
  image = measures.adversarial_images(toy.SUBJECT, batch, attacked)
  wrong = measures.predict(toy.SUBJECT, image).argmax(-1) != batch.label
  np.testing.assert_array_equal(wrong, broken)


def test_typical_set_searches_z():
  # One dimension: the shell is |z| <= 2, so z_∥ > 2 cannot be broken.
  attack = toy.attack_config(typical_set=True, steps=8, alpha=2.0, eps=8.0)
  attacked = measures.attack_examples(
    toy.SUBJECT, jax.random.key(0), toy.batch(), attack=attack, **toy.SIZE
  )
  z_par = toy.batch().latents[:, 0, 0]
  np.testing.assert_array_equal(attacked.success, z_par <= 2)
