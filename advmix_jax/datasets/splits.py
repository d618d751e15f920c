"""What every source of images asks: a known split, and how many images of it.

Contents: check, first.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def check(split: str, known: Sequence[str]) -> None:
  """Raises ValueError for a split that a data set doesn't have."""
  if split not in known:
    raise ValueError(f'split is {split!r}, expected one of {", ".join(known)}')


def first(config: Mapping[str, Any], split: str, count: int) -> slice:
  """The images that are kept of a split of `count`: the first, or all.

  Args:
    config: `num_<split>`, how many; 0: all.
    split: name of the split.
    count: how many there are.

  Raises:
    ValueError: more than there are, or fewer than none.
  """
  limit = config[f'num_{split}']
  if not 0 <= limit <= count:
    raise ValueError(
      f'data.num_{split} is {limit}, expected 0 (all) to {count}'
    )
  return slice(limit or count)
