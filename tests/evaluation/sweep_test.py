"""Sweeps over eps and K, on the subject of helpers/toy_subject.py."""

import jax
import numpy as np
from helpers import toy_subject as toy

from advmix_jax.evaluation import outcomes, sweep
from advmix_jax.report import statistics


def test_each_row_is_what_brute_force_says():
  attack = toy.attack_config(restarts=2)
  made = sweep.variants(attack, eps_factors=(0.0, 1.0), steps_factors=())
  rows = sweep.sweep(toy.SUBJECT, toy.batch(), made, **toy.SIZE)
  rng_random, rng_attack = jax.random.split(jax.random.key(0))
  z_par = toy.batch().latents[:, 0, 0]
  starts = toy.draws(rng_attack, [1, 2]).min(axis=0)
  # Two restarts of K = 2: 2 * (3 + 2 * 2) = 14 passes.
  drawn = z_par + toy.draws(rng_random, range(14)).min(axis=0) > 0
  for row, eps in zip(rows, (0.0, 0.5), strict=True):
    searched = z_par + starts - eps > 0
    only = outcomes.discordant(searched, drawn, among=np.ones(toy.NUM, bool))
    assert row == {
      'eps': eps,
      'alpha': eps / 2,
      'unit': 'w',
      'K': 2,
      'accuracy': searched.mean(),
      'ci95': list(statistics.wilson_interval(searched.sum(), toy.NUM)),
      'random_accuracy': drawn.mean(),
      'random_ci95': list(statistics.wilson_interval(drawn.sum(), toy.NUM)),
      'only_gradient': only[0],
      'only_random': only[1],
      'p_value': statistics.mcnemar(*only),
    }
  assert rows[0]['accuracy'] > rows[1]['accuracy']  # A larger ball.


def test_draws_are_as_many_as_passes_and_a_wrong_image_stays_wrong():
  attacks = [toy.attack_config(restarts=n) for n in (1, 2)]
  passes = (7, 14)  # N_r (K + 1 + 2 K), K = 2.
  rng, _ = jax.random.split(jax.random.key(3))
  draws = toy.draws(rng, range(14))
  # Of the draws 0 to 7, the lowest one alone breaks its example.
  lowest, second = np.sort(draws[:8], axis=0)[:2]
  z_par = -(lowest + second) / 2
  late = np.flatnonzero(draws[:8].argmin(axis=0) == 7)
  assert len(late) > 1
  image = np.ones((toy.NUM, 1, 1, 2), np.float32)
  image[late[0]] = -1  # Wrong before any mix.
  latents = np.stack([z_par, np.ones(toy.NUM)], axis=1)[..., None]
  batch = toy.batch()._replace(image=image, latents=np.float32(latents))
  clean = np.arange(toy.NUM) != late[0]
  rows = sweep.sweep(toy.SUBJECT, batch, attacks, seed=3, **toy.SIZE)
  for row, count in zip(rows, passes, strict=True):
    drawn = clean & (z_par + draws[:count].min(axis=0) > 0)
    assert row['random_accuracy'] == drawn.mean()
    assert drawn[late[1:]].all() == (count == 7)


def test_variants_scale_the_ball_and_the_steps():
  made = sweep.variants(toy.attack_config())
  assert [(v.eps, v.alpha, v.steps) for v in made] == [
    (0.0, 0.0, 2),
    (0.5, 0.25, 2),
    (5.0, 2.5, 2),
    (50.0, 25.0, 2),
    (0.5, 0.25, 0),
    (0.5, 0.25, 4),
    (0.5, 0.25, 8),
  ]
  made = sweep.variants(toy.attack_config(test_start=False))
  assert 0 not in [v.steps for v in made]  # It would test no image.
  made = sweep.variants(toy.attack_config(eps=0.0, alpha=0.0))
  assert [v.steps for v in made] == [2, 0, 4, 8]  # None twice.
