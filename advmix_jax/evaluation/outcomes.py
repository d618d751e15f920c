"""What happened to each example, and the numbers it adds up to.

`Outcomes` is one record per example of every evaluator; accuracies, intervals,
budget curves and the CSV are made from it alone, without a model:

  results = summarise(clean, outcomes, attack=config.eval.attack)
  text = csv_text(outcomes)

Contents: num_random_draws, Outcomes, correct, summarise, csv_text.
"""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from advmix_jax import attacks
from advmix_jax.evaluation.measures import Attacked
from advmix_jax.report import statistics


def num_random_draws(attack: ml_collections.ConfigDict) -> int:
  """N_r * (K + 1): the images that Algorithm 2 looks at per example."""
  return attack.restarts * (attack.steps + 1)


class Outcomes(NamedTuple):
  """What happened to each of N examples, the first of the test set."""

  label: np.ndarray  # [N] int32
  clean: np.ndarray  # [N] int32, predicted class of x
  reconstruction: np.ndarray  # [N] int32, predicted class of dec(enc(x))
  first_random: np.ndarray  # [N] int32, first failing random mix, -1: none
  attacked: Attacked
  verified: np.ndarray  # [N] bool, the kept image fails just if recorded so


def correct(outcomes: Outcomes) -> dict[str, np.ndarray]:
  """{evaluator: [N] bool, whether the example stays correct}."""
  clean = outcomes.clean == outcomes.label
  return {
    'reconstruction': outcomes.reconstruction == outcomes.label,
    'random_mix': outcomes.first_random != 0,
    'worst_random': clean & (outcomes.first_random < 0),
    'perturbed': ~outcomes.attacked.success,
  }


def summarise(
  clean: np.ndarray,
  outcomes: Outcomes,
  *,
  attack: ml_collections.ConfigDict,
) -> dict[str, Any]:
  """Accuracies, their intervals and budget curves, as JSON values.

  Args:
    clean: [M] bool, the whole test set's clean correctness.
    outcomes: Of its first N images.
    attack: The attack that made them.

  Returns:
    <name>_accuracy and ci95[name] for each evaluator; perturbed_attack;
    num_attacked = N; num_random_draws; accuracy_by_restarts, for 0..N_r
    restarts of K steps; accuracy_by_steps, for 0..K steps of one restart;
    accuracy_by_draws, for 0..num_random_draws random mixes; converged,
    whether the second half of the restarts moved the accuracy by less than
    half the width of its interval.
  """
  results: dict[str, Any] = {}
  intervals = {}
  for name, good in {'clean': clean, **correct(outcomes)}.items():
    results[f'{name}_accuracy'] = float(np.mean(good))
    intervals[name] = list(
      statistics.wilson_interval(int(good.sum()), len(good))
    )
  budget = np.asarray(
    attacks.accuracy_by_budget(
      outcomes.attacked.first_success,
      restarts=attack.restarts,
      steps=attack.steps,
    )
  )
  low, high = intervals['perturbed']
  moved = budget[attack.restarts // 2, -1] - budget[-1, -1]
  return results | {
    'ci95': intervals,
    'num_attacked': len(outcomes.label),
    'num_random_draws': num_random_draws(attack),
    'perturbed_attack': _attack_record(attack),
    'accuracy_by_restarts': budget[:, -1].tolist(),
    'accuracy_by_steps': budget[1].tolist(),
    'accuracy_by_draws': _accuracy_by_draws(outcomes, attack),
    'converged': bool(moved < (high - low) / 2),
  }


def _attack_record(attack: ml_collections.ConfigDict) -> dict[str, Any]:
  """The attack in the paper's symbols, then its options."""
  options = attack.to_dict()
  symbols = {'N_r': options.pop('restarts'), 'K': options.pop('steps')}
  return symbols | options


def _accuracy_by_draws(
  outcomes: Outcomes, attack: ml_collections.ConfigDict
) -> list[float]:
  """Accuracy after 0..N random mixes of clean examples that were right."""
  first = np.where(outcomes.first_random < 0, np.inf, outcomes.first_random)
  right = outcomes.clean == outcomes.label
  draws = np.arange(num_random_draws(attack) + 1)
  return (right & (first >= draws[:, None])).mean(axis=1).tolist()


def csv_text(outcomes: Outcomes) -> str:
  """One row per example; the columns are explained in README.md.

  first_random counts from 0, first_restart from 1 (0: the image itself), and
  first_step from 0 (the restart's start); they are empty where nothing failed.
  """
  file = io.StringIO()
  writer = csv.writer(file, lineterminator='\n')
  writer.writerow(
    [
      *('index', 'label', 'clean_prediction', 'reconstruction_prediction'),
      *('clean', 'reconstruction', 'random_mix', 'worst_random', 'perturbed'),
      *('first_random', 'first_restart', 'first_step'),
    ]
  )
  good = {'clean': outcomes.clean == outcomes.label} | correct(outcomes)
  firsts = np.column_stack(
    [outcomes.first_random, outcomes.attacked.first_success]
  )
  for i, first in enumerate(firsts):
    writer.writerow(
      [
        *(i, outcomes.label[i], outcomes.clean[i], outcomes.reconstruction[i]),
        *(int(column[i]) for column in good.values()),
        *('' if number < 0 else number for number in first),
      ]
    )
  return file.getvalue()
