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

from advmix_jax.report import rungs, statistics

# Of all that is counted the table shows these, and the first of the searches.
_SHOWN = ('clean', 'random_mix', 'search', 'worst')
_SEARCHES = ('algorithm_2', 'corners', 'perturbed')  # No ladder: the last.
_TITLES = rungs.TITLES | {
  'clean': 'Clean',
  'perturbed': 'Under attack',
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
  search = next(name for name in _SEARCHES if name in found)
  names = [search if name == 'search' else name for name in _SHOWN]
  names = [name for name in names if name in found]
  table = [['Class', 'Images', *(_TITLES[name] for name in names)]]
  for label, (_, images) in found['clean'].items():
    counts = [found[name][label] for name in names]
    table.append([label, str(images), *(_cell(*pair) for pair in counts)])
  return table


def _cell(right, images):
  low, high = statistics.wilson_interval(right, images)
  return statistics.percent(right / images, low, high)
