"""How many images of each class a classifier gets right, clean and attacked.

An accuracy can hide a class that is lost: a classifier that gives the more
frequent answer alone may look robust.

  results['by_class'] = classes.count(label, {'clean': right})
  rows = classes.rows(results)

Contents: count, rows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from advmix_jax.report import statistics

# What the table shows, of all that is counted; with a ladder the last three.
_SHOWN = {
  'clean': 'These images',
  'random_mix': 'One random mix',
  'perturbed': 'Under attack',
  'algorithm_2': 'Algorithm 2',
  'corners': 'Search without gradients',
  'worst': 'Worst of all attacks',
}


def count(
  labels: np.ndarray, right: Mapping[str, np.ndarray]
) -> dict[str, dict[str, list[int]]]:
  """How many images of each label are right.

  Args:
    labels: [N], of any type.
    right: {measure: [N] bool}.

  Returns:
    {measure: {label: [right, images]}}, as JSON values: labels are texts.
  """
  return {
    name: {
      str(label): [int(hits[labels == label].sum()), int(sum(labels == label))]
      for label in np.unique(labels)
    }
    for name, hits in right.items()
  }


def rows(record: Mapping[str, Any]) -> list[list[str]]:
  """A line for each class: images, and accuracies with Wilson's 95% interval.

  Args:
    record: `by_class` is of `count`.

  Returns:
    Rows of cells, the header first.
  """
  found = record['by_class']
  names = [name for name in _SHOWN if name in found]
  if 'algorithm_2' in names:  # The search without gradients is beside it.
    names = [name for name in names if name not in ('corners', 'perturbed')]
  table = [['Class', 'Images', *(_SHOWN[name] for name in names)]]
  for label, (_, images) in found['clean'].items():
    counts = [found[name][label] for name in names]
    table.append([label, str(images), *(_cell(*pair) for pair in counts)])
  return table


def _cell(right, images):
  low, high = statistics.wilson_interval(right, images)
  return statistics.percent(right / images, low, high)
