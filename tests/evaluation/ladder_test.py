"""The ladder on the subject of helpers/toy_subject.py, and of known rungs."""

import functools
import json

import jax
import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax import attacks
from advmix_jax.evaluation import ladder, outcomes
from advmix_jax.evaluation import run as evaluation
from advmix_jax.report import statistics

pytestmark = pytest.mark.usefixtures('compile_fast')

NAMES = [
  'clean', 'reconstruction', 'random_mix', 'worst_random', 'equal_compute',
  'algorithm_2', 'margin', 'adam', 'corners', 'worst',
]  # fmt: skip


def judge_fn(images):
  """Says 1, the label, where z_⊥ > -1."""
  return (images[:, 0, 0, 1] > -1).astype(np.int32)


@functools.cache
def climbed():
  """(outcomes, rungs by name, doubled), with a judge."""
  batch, attack = toy.batch(), toy.attack_config()
  measured = evaluation.measure(toy.SUBJECT, batch, attack=attack, **toy.SIZE)
  rungs, doubled = ladder.climb(
    toy.SUBJECT, batch, measured, attack=attack, judge_fn=judge_fn, **toy.SIZE
  )
  assert [rung.name for rung in rungs] == NAMES
  return measured, {rung.name: rung for rung in rungs}, doubled


def z_par():
  return toy.batch().latents[:, 0, 0]


def keys():
  return jax.random.split(jax.random.key(0))


def test_every_rung_is_what_brute_force_says():
  measured, rungs, _ = climbed()
  draws = toy.draws(keys()[0], range(21))
  starts = toy.draws(keys()[1], [1, 2, 3])
  right = {name: rung.right for name, rung in rungs.items()}
  expected = {
    'clean': np.ones(toy.NUM, bool),
    'reconstruction': np.ones(toy.NUM, bool),
    'random_mix': z_par() + draws[0] > 0,
    'worst_random': z_par() + draws[:9].min(axis=0) > 0,
    'equal_compute': z_par() + draws.min(axis=0) > 0,
    # In one dimension, all of them reach the lower end of each ball.
    **dict.fromkeys(
      ['algorithm_2', 'margin', 'adam', 'corners'],
      z_par() + starts.min(axis=0) - 0.5 > 0,
    ),
  }
  for name, rows in expected.items():
    if name == 'corners':  # Up to luck: a corner may never be proposed.
      assert (right[name] >= rows).all() and (right[name] != rows).sum() <= 2
      continue
    np.testing.assert_array_equal(right[name], rows, err_msg=name)
  np.testing.assert_array_equal(
    right['worst'], np.all(list(expected.values()), axis=0)
  )
  good = outcomes.correct(measured)
  np.testing.assert_array_equal(right['algorithm_2'], good['perturbed'])


def test_half_of_the_random_mixes_are_the_first_ones():
  _, rungs, doubled = climbed()
  first = toy.draws(keys()[0], range(10)).min(axis=0)  # Of 21.
  halved = z_par() + first > 0
  random = rungs['equal_compute']
  np.testing.assert_array_equal(random.halved, halved)
  assert (halved > random.right).any()
  results = ladder.summarise(list(rungs.values()), doubled)
  low, high = statistics.wilson_interval(random.right.sum(), toy.NUM)
  assert results['random'] == {
    'halved': halved.mean(),
    'converged': halved.mean() - random.right.mean() <= (high - low) / 2,
  }


def test_costs_are_those_of_the_attacks():
  """N_r = 3, K = 2: 9 images; 9 forward and 6 backward passes."""
  rungs = climbed()[1]
  assert {n: (r.images, r.passes) for n, r in rungs.items()} == {
    'clean': (1, 1),
    'reconstruction': (1, 1),
    'random_mix': (1, 1),
    'worst_random': (9, 9),
    'equal_compute': (21, 21),
    'algorithm_2': (9, 21),
    'margin': (9, 21),
    'adam': (9, 21),
    'corners': (21, 21),
    'worst': (1 + 1 + 21 + 9 + 9 + 9 + 21, 1 + 1 + 5 * 21),
  }


def test_an_audit_forgives_mixes_that_lost_their_label():
  _, rungs, _ = climbed()
  for name, rung in rungs.items():
    assert (rung.audited >= rung.right).all(), name
  # One draw: wrong, and at most -1, where the judge sees another class.
  draw = toy.draws(keys()[0], [0])[0]
  expected = (z_par() + draw > 0) | (draw <= -1)
  np.testing.assert_array_equal(rungs['random_mix'].audited, expected)
  assert (rungs['random_mix'].audited != rungs['random_mix'].right).any()


def test_an_image_wrong_from_the_start_keeps_its_label():
  batch = toy.batch()
  batch = batch._replace(label=np.where(np.arange(toy.NUM) < 5, 0, 1))
  attack = toy.attack_config()
  measured = evaluation.measure(toy.SUBJECT, batch, attack=attack, **toy.SIZE)
  rungs, _ = ladder.climb(
    toy.SUBJECT,
    batch,
    measured,
    attack=attack,
    judge_fn=lambda images: np.full(len(images), 7),
    **toy.SIZE,
  )
  for rung in rungs:
    if rung.name in ('reconstruction', 'random_mix'):
      assert rung.audited.all()  # They do not test x; the judge forgives all.
    else:
      assert not rung.audited[:5].any() and rung.audited[5:].all(), rung.name


def test_doubling_breaks_what_more_restarts_break():
  measured, _, doubled = climbed()
  right = ~measured.attacked.success
  again = toy.draws(jax.random.fold_in(keys()[1], 0), [1, 2, 3]).min(axis=0)
  expected = right & (z_par() + again - 0.5 > 0)
  np.testing.assert_array_equal(doubled['restarts'], expected)
  # Two steps of 0.25 reach the end of the ball already.
  np.testing.assert_array_equal(doubled['steps'], right)


def made_rungs(searched, drawn):
  rows = dict.fromkeys(NAMES, np.ones(len(drawn), bool))
  rows |= {'algorithm_2': searched, 'equal_compute': drawn}
  return [ladder.Rung(name, row, 1, 1) for name, row in rows.items()]


@pytest.mark.parametrize('late', [2, 3])
def test_converged_is_at_most_half_an_interval(late):
  """As in outcomes_test: of 16, half the widths are 0.092 for 16 right."""
  n = 32
  searched = np.arange(n) >= 3
  doubled = {'restarts': searched & (np.arange(n) >= 3 + late)}
  doubled['steps'] = searched
  results = ladder.summarise(made_rungs(searched, searched), doubled)
  low, high = statistics.wilson_interval(n - 3, n)
  assert results['converged'] is (late / n <= (high - low) / 2)
  assert results['doubled'] == {
    'restarts': (n - 3 - late) / n, 'steps': (n - 3) / n
  }  # fmt: skip


def test_the_gradient_is_compared_image_by_image():
  searched = np.array([0, 0, 0, 0, 1, 1, 0], bool)
  drawn = np.array([1, 1, 1, 1, 0, 1, 0], bool)
  results = ladder.summarise(
    made_rungs(searched, drawn), {'restarts': searched, 'steps': searched}
  )
  assert results['gradient'] == {
    'only_gradient': 4,
    'only_random': 1,
    'p_value': statistics.mcnemar(4, 1),
  }
  assert json.loads(json.dumps(results)) == results


def test_without_a_judge_nothing_is_audited():
  rungs = made_rungs(np.ones(4, bool), np.ones(4, bool))
  results = ladder.summarise(rungs, {'restarts': np.ones(4, bool)})
  assert 'audited_accuracy' not in results['ladder'][0]
  assert list(ladder.columns(rungs)) == NAMES[4:5] + NAMES[6:]
  assert list(ladder.columns(list(climbed()[1].values())))[5:] == [
    f'{name}_audited' for name in NAMES
  ]
  assert attacks.cost(toy.attack_config()) == (9, 21)


def test_the_search_without_gradients_costs_no_more():
  for steps in (0, 1, 2, 5):
    attack = toy.attack_config(steps=steps)
    found = ladder.without_gradients(attack)
    assert attacks.cost(found).passes == attacks.cost(attack).passes
    assert found.direction == 'corners' and attack.direction == 'sign'
    assert ladder.without_gradients(found) == found
