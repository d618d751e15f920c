"""Intervals, accuracies and the CSV of outcomes that are known."""

import csv
import io
import json

import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax import types
from advmix_jax.evaluation import measures, outcomes
from advmix_jax.report import statistics


def fixed_outcomes():
  """Four examples: never right, broken at random, by the attack, never."""
  return outcomes.Outcomes(
    label=np.array([3, 1, 4, 1], np.int32),
    clean=np.array([5, 1, 4, 1], np.int32),
    reconstruction=np.array([3, 1, 9, 1], np.int32),
    first_random=np.array([-1, 0, 2, -1], np.int32),
    attacked=measures.Attacked(
      z_perp=np.zeros((4, 1, 1), np.float32),
      success=np.array([True, True, True, False]),
      first_success=np.array([[0, 0], [1, 0], [2, 1], [-1, -1]], np.int32),
      kept_clean=np.array([True, False, False, False]),
      steepest=np.ones(4, np.float32),
    ),
    verified=np.ones(4, bool),
  )


CSV = """\
index,label,clean_prediction,reconstruction_prediction,clean,reconstruction,\
random_mix,worst_random,perturbed,first_random,first_restart,first_step
0,3,5,3,0,1,1,0,0,,0,0
1,1,1,1,1,1,0,0,0,0,1,0
2,4,4,9,1,0,1,0,0,2,2,1
3,1,1,1,1,1,1,1,1,,,
"""


def test_csv_byte_for_byte():
  assert outcomes.csv_text(fixed_outcomes()) == CSV


def test_further_columns_come_last():
  added = {'margin': np.array([True, False, True, False])}
  lines = outcomes.csv_text(fixed_outcomes(), added).splitlines()
  for line, old, cell in zip(
    lines, CSV.splitlines(), ['margin', '1', '0', '1', '0'], strict=True
  ):
    assert line == f'{old},{cell}'


def _cells(names, images):
  """The rows that a reader of the CSV gets."""
  last = outcomes.identity(images, names)
  text = outcomes.csv_text(fixed_outcomes(), last=last)
  return list(csv.DictReader(io.StringIO(text, newline='')))


def test_the_last_columns_tell_the_image_whatever_its_name():
  images = np.arange(4 * 3, dtype=np.uint8).reshape(4, 1, 1, 3)
  names = ['a,b.png', 'say "x".png', 'two\nlines.png', 'owl/ü.png']
  rows = _cells(names, images)
  assert [row['source'] for row in rows] == names
  assert list(rows[0])[-2:] == ['image', 'source']
  floats = _cells((), images / np.float32(255))
  assert [r['image'] for r in floats] == [r['image'] for r in rows]
  assert len({row['image'] for row in rows}) == 4
  assert all(int(row['image'], 16) < 2**64 for row in rows)
  assert all(len(row['image']) == 16 for row in rows)
  assert list(floats[0])[-1] == 'image'  # No names, no column.


def test_a_name_that_is_no_utf_8_loses_no_results():
  name = b'\xff.png'.decode(errors='surrogateescape')
  rows = _cells([name] * 4, np.zeros((4, 1, 1, 3), np.uint8))
  assert rows[0]['source'] == '\\udcff.png'


def test_discordant_counts_what_only_one_attack_breaks():
  first, second = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 1, 0]], bool)
  among = np.array([1, 1, 1, 1, 1], bool)
  assert outcomes.discordant(first, second, among=among) == (2, 1)
  among[1] = False
  assert outcomes.discordant(first, second, among=among) == (1, 1)


def test_summary_of_fixed_outcomes():
  clean = np.array([False, True, True, True, True])
  attack = toy.attack_config(restarts=2, steps=1)
  results = outcomes.summarise(clean, fixed_outcomes(), attack=attack)
  assert json.loads(json.dumps(results)) == results
  accuracies = {k: v for k, v in results.items() if k.endswith('_accuracy')}
  assert accuracies == {
    'clean_accuracy': 0.8,
    'reconstruction_accuracy': 0.75,
    'random_mix_accuracy': 0.75,
    'worst_random_accuracy': 0.25,
    'perturbed_accuracy': 0.25,
  }
  assert results['accuracy_by_restarts'] == [0.75, 0.5, 0.25]
  assert results['accuracy_by_steps'] == [0.5, 0.5]
  assert results['accuracy_by_draws'] == [0.75, 0.5, 0.5, 0.25, 0.25]
  assert results['perturbed_attack']['N_r'] == 2
  assert results['perturbed_attack']['K'] == 1
  assert results['num_attacked'] == 4 and results['num_random_draws'] == 4
  low, high = statistics.wilson_interval(4, 5)
  assert results['ci95']['clean'] == [low, high]


def test_correct_tells_the_evaluators_apart():
  good = outcomes.correct(fixed_outcomes())
  assert {name: row.astype(int).tolist() for name, row in good.items()} == {
    'reconstruction': [1, 1, 0, 1],
    'random_mix': [1, 0, 1, 1],  # The first draw alone, clean or not.
    'worst_random': [0, 0, 0, 1],  # Clean and every draw.
    'perturbed': [0, 0, 0, 1],
  }


def test_random_draws_are_as_many_as_images_that_the_attack_sees():
  # N_r starts, each with K steps after it.
  attack = toy.attack_config(restarts=3, steps=4)
  assert outcomes.num_random_draws(attack) == 3 + 3 * 4
  attack.test_start = False
  assert outcomes.num_random_draws(attack) == 3 * 4


@pytest.mark.parametrize('late', [2, 3])
def test_converged_is_less_than_half_an_interval_in_the_second_half(late):
  """Of 16 examples, `late` fail in the second of two restarts, none before."""
  n = 16  # Shares of it are exact in float32.
  fails = np.arange(n) < late
  first = np.where(fails[:, None], [2, 0], [-1, -1]).astype(np.int32)
  rows = fixed_outcomes()
  made = rows._replace(
    label=np.ones(n, np.int32),
    clean=np.ones(n, np.int32),
    reconstruction=np.ones(n, np.int32),
    first_random=np.full(n, -1, np.int32),
    attacked=rows.attacked._replace(success=fails, first_success=first),
  )
  attack = toy.attack_config(restarts=2, steps=1)
  results = outcomes.summarise(np.ones(n, bool), made, attack=attack)
  assert results['accuracy_by_restarts'] == [1.0, 1.0, 1 - late / n]
  low, high = statistics.wilson_interval(n - late, n)
  # Half the widths are 0.163 for 14 of 16 and 0.182 for 13 of 16.
  assert results['converged'] is (late / n < (high - low) / 2)
  assert results['converged'] is (late == 2)


def test_groups_have_the_accuracy_of_their_own_images():
  male = np.array([1, 1, 1, 1, 0, 0])
  groups = {'Male': male, 'Blurry': np.zeros(6, int)}
  images = np.zeros((6, 1, 1, 3), np.uint8)
  data = types.Dataset(images, male, 2, groups, 'made')
  right = np.array([True, True, True, False, False, True])
  found = outcomes.by_group(data, right, ['Male', 'Blurry', 'not there'])
  assert set(found) == {'Male', 'Blurry'}
  assert [(share, n) for share, _, n in found['Male']] == [(0.5, 2), (0.75, 4)]
  low, high = found['Male'][1][1]
  assert low < 0.75 < high
  assert [(share, n) for share, _, n in found['Blurry']] == [
    (4 / 6, 6),
    (None, 0),
  ]
