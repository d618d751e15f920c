"""What happened to each example, and the accuracies that follow from it.

`Outcomes` has the result of every evaluator for each example. Accuracies, their
intervals, accuracy curves and the CSV are computed from it, without a model:

  results = summarise(clean, outcomes, attack=config.eval.attack)
  text = csv_text(outcomes)

Contents: num_random_draws, Outcomes, correct, discordant, summarise, identity,
csv_text, by_group.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from advmix_jax import attacks, types
from advmix_jax.datasets import image_hash
from advmix_jax.evaluation.measures import Attacked
from advmix_jax.report import statistics
from advmix_jax.runtime import untrusted


def num_random_draws(attack: ml_collections.ConfigDict) -> int:
  """How many images Algorithm 2 tests per example: N_r * (K + 1).

  N_r * K with `attack.test_start=False`.
  """
  return attacks.cost(attack).images


class Outcomes(NamedTuple):
  """What happened to each of the first N examples of the test set."""

  label: np.ndarray  # [N] int32
  clean: np.ndarray  # [N] int32, predicted class of x
  reconstruction: np.ndarray  # [N] int32, that of dec(enc(x)); -1: none
  first_random: np.ndarray  # [N] int32, first misclassified mix; -1: none
  attacked: Attacked
  # [N] bool, re-decoding the kept image reproduces the recorded outcome
  verified: np.ndarray


def correct(outcomes: Outcomes) -> dict[str, np.ndarray]:
  """{evaluator: [N] bool, whether the example is classified correctly}."""
  clean = outcomes.clean == outcomes.label
  return {
    'reconstruction': outcomes.reconstruction == outcomes.label,
    'random_mix': outcomes.first_random != 0,
    'worst_random': clean & (outcomes.first_random < 0),
    'perturbed': ~outcomes.attacked.success,
  }


def discordant(
  first: np.ndarray, second: np.ndarray, *, among: np.ndarray
) -> tuple[int, int]:
  """How many examples only one of two attacks breaks, for a paired test.

  Args:
    first: [N] bool, right under the first attack.
    second: [N] bool, right under the second.
    among: [N] bool, the examples that count.

  Returns:
    (broken by the first only, broken by the second only).
  """
  only_first = (among & ~first & second).sum()
  only_second = (among & first & ~second).sum()
  return int(only_first), int(only_second)


def summarise(
  clean: np.ndarray,
  outcomes: Outcomes,
  *,
  attack: ml_collections.ConfigDict,
) -> dict[str, Any]:
  """Accuracies, their intervals, and curves of accuracy, as JSON values.

  Args:
    clean: [M] bool, which clean images of the whole test set are classified
      correctly.
    outcomes: Of the first N images of the test set.
    attack: Options of the attack on these images.

  Returns:
    <name>_accuracy and ci95[name] for each evaluator; perturbed_attack;
    num_attacked = N; num_random_draws; accuracy_by_restarts, for 0..N_r
    restarts of K steps; accuracy_by_steps, for 0..K steps of one restart;
    accuracy_by_draws, for 0..num_random_draws random mixes; converged,
    whether the second half of the restarts changed the accuracy by less than
    half the width of its interval.
  """
  results: dict[str, Any] = {}
  intervals = {}
  for name, good in {'clean': clean, **correct(outcomes)}.items():
    results[f'{name}_accuracy'], intervals[name] = statistics.share(good)
  budget = attacks.accuracy_by_budget(
    outcomes.attacked.first_success,
    restarts=attack.restarts,
    steps=attack.steps,
  )
  moved = budget[attack.restarts // 2, -1] - budget[-1, -1]
  return results | {
    'ci95': intervals,
    'num_attacked': len(outcomes.label),
    'num_random_draws': num_random_draws(attack),
    'perturbed_attack': _attack_record(attack),
    'accuracy_by_restarts': budget[:, -1].tolist(),
    'accuracy_by_steps': budget[1].tolist(),
    'accuracy_by_draws': _accuracy_by_draws(outcomes, attack),
    'converged': statistics.settled(moved, intervals['perturbed']),
  }


def _attack_record(attack: ml_collections.ConfigDict) -> dict[str, Any]:
  """The attack in the paper's symbols, then its options."""
  options = attack.to_dict()
  symbols = {'N_r': options.pop('restarts'), 'K': options.pop('steps')}
  return symbols | options


def _accuracy_by_draws(
  outcomes: Outcomes, attack: ml_collections.ConfigDict
) -> list[float]:
  """Accuracy after 0..N random mixes; a wrong clean image counts as wrong."""
  first = np.where(outcomes.first_random < 0, np.inf, outcomes.first_random)
  right = outcomes.clean == outcomes.label
  draws = np.arange(num_random_draws(attack) + 1)
  return (right & (first >= draws[:, None])).mean(axis=1).tolist()


def identity(
  images: np.ndarray, names: Sequence[str] = ()
) -> dict[str, list[str]]:
  """Columns of `csv_text` that say which images its rows are of.

  Args:
    images: [N, H, W, C], uint8 or floats in [0, 1].
    names: [N], the file or row of each image in its source; (): none.

  Returns:
    image: the hash of each image in 16 hexadecimal digits; source: the names,
    where there are some.
  """
  columns = {'image': [f'{h:016x}' for h in image_hash.image_hashes(images)]}
  if len(names):
    columns['source'] = [untrusted.printable(str(name)) for name in names]
  return columns


def csv_text(
  outcomes: Outcomes,
  added: Mapping[str, np.ndarray] | None = None,
  last: Mapping[str, Sequence[str]] | None = None,
) -> str:
  """CSV with one row per example.

  The columns of predictions hold classes; those named as evaluators hold 1
  where the example is classified correctly, 0 where not. first_random counts
  from 0, first_restart from 1 (0: the clean image), and first_step from 0 (the
  start of the restart). They are empty where no image was misclassified.

  Args:
    outcomes: Of N examples.
    added: Further columns after these, {name: [N] bool}.
    last: The last columns, {name: [N] texts}, as `identity` makes them.
  """
  added, last = added or {}, last or {}
  file = io.StringIO()
  writer = csv.writer(file, lineterminator='\n')
  good = {'clean': outcomes.clean == outcomes.label} | correct(outcomes)
  predictions = ['clean_prediction', 'reconstruction_prediction']
  numbers = ['first_random', 'first_restart', 'first_step']
  names = [*predictions, *good, *numbers, *added, *last]
  writer.writerow(['index', 'label', *names])
  firsts = np.column_stack(
    [outcomes.first_random, outcomes.attacked.first_success]
  )
  for i, first in enumerate(firsts):
    row = [i, outcomes.label[i], outcomes.clean[i], outcomes.reconstruction[i]]
    row += [int(column[i]) for column in good.values()]
    row += ['' if number < 0 else number for number in first]
    row += [int(column[i]) for column in added.values()]
    row += [column[i] for column in last.values()]
    writer.writerow(row)
  return file.getvalue()


def by_group(
  dataset: types.Dataset, right: np.ndarray, names: Sequence[str]
) -> dict[str, list[list[Any]]]:
  """The share of images that are right, in each group of some groupings.

  Args:
    dataset: N images.
    right: [N] bool.
    names: Groupings of 0 and 1; those that the data set lacks are left out.

  Returns:
    {name: [[share, [low, high], images] for 0 and for 1]}, as JSON values, with
    Wilson's 95% interval; the share of no images is None.
  """
  found = {}
  for name in names:
    if name in dataset.groups:
      hits = [right[dataset.groups[name] == value] for value in (0, 1)]
      found[name] = [[*statistics.share(h), len(h)] for h in hits]
  return found
