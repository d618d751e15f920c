"""Two classifiers on the same images, from the tables of their runs.

  found = paired.compare(paired.read('a/per_example.csv'),
                         paired.read('b/per_example.csv'))
  found['perturbed']['p_value']

Intervals of two accuracies say little where both are of the same images: an
image that is hard for one is hard for the other, too. McNemar's exact test
counts only the images on which they differ.

An accuracy may also hide that a classifier gives the more frequent answer
alone; `by_label` shows it, and `compare` tests each label's images, too.

Contents: Rows, read, compare, attacks, invalid, table, by_label, label_table.
"""

import csv
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from advmix_jax.report import classes, markdown, statistics, tables

_IMAGE = ('index', 'label')
_TEXTS = ('image', 'source')  # Tables that were written earlier lack these.


class Rows(NamedTuple):
  """A per_example.csv."""

  path: str
  image: list[tuple[str, ...]]  # [N] (index, label)
  right: dict[str, np.ndarray]  # {measure: [N] bool}
  pixels: list[str]  # [N], the hash of each image; []: the table has none


def read(path: str | os.PathLike) -> Rows:
  """Reads the per_example.csv of a run or an evaluation.

  Raises:
    FileNotFoundError: there is none.
    ValueError: it is another file.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(f'{path}: no such file, expected that of a run')
  with open(path, encoding='utf-8', errors='replace', newline='') as file:
    rows = list(csv.DictReader(file))
  names = [name for name in rows[0] if name] if rows else []
  if any(name not in names for name in _IMAGE):
    raise ValueError(
      f'{path}: expected a per_example.csv, with index and label'
    )
  right = {
    name: np.array([row[name] == '1' for row in rows])
    for name in names
    if _is_measure(name) and all(row[name] in ('0', '1') for row in rows)
  }
  image = [tuple(row[name] for name in _IMAGE) for row in rows]
  pixels = [row['image'] for row in rows] if 'image' in names else []
  return Rows(str(path), image, right, pixels)


def _is_measure(name: str) -> bool:
  """Whether a column is no class, count or row, which may be 0 or 1, too."""
  counts = name.endswith('_prediction') or name.startswith('first_')
  return name not in (*_IMAGE, *_TEXTS) and not counts


def compare(first: Rows, second: Rows) -> dict[str, dict[str, Any]]:
  """What both measured, image by image.

  Images are the same by their hashes, where both tables have these; else by
  their places and labels.

  Returns:
    {measure: {images, only_first, only_second: images that only this one gets
    right, difference: of the accuracies, first minus second, p_value: of
    McNemar's exact two-sided test, by_label: {label: the same of its images}}}.

  Raises:
    ValueError: they are of other images, or measured nothing in common.
  """
  hashed = first.pixels and second.pixels
  if first.image != second.image or (hashed and first.pixels != second.pixels):
    raise ValueError(
      f'{first.path} and {second.path}: not the same images and labels'
    )
  common = [name for name in first.right if name in second.right]
  if not common:
    raise ValueError(f'{first.path} and {second.path}: no measure in common')
  labels = _labels(first)
  pairs = {name: (first.right[name], second.right[name]) for name in common}
  return {
    name: _pair(*pair)
    | {
      'by_label': {
        label: _pair(*(right[labels == label] for right in pair))
        for label in np.unique(labels).tolist()
      }
    }
    for name, pair in pairs.items()
  }


def attacks(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
  """Says in what the attacks of two runs differ, '' if in nothing known.

  Two accuracies under attacks of different strength, or by mixes of different
  generators, tell nothing about the classifiers.

  Args:
    first: a run's results.json, which notes the attack; `generator` and `seed`
      where they are known, of any value.
    second: that of the other run.
  """
  ours, theirs = (_attack(run) for run in (first, second))
  known = [name for name in ours if name in theirs]
  differ = tables.differences(ours, theirs, known)
  if not differ:
    return ''
  return (
    f'the attacks differ: {differ}; what is measured under attack does not '
    'compare'
  )


def _attack(run):
  """What an attack depends on, {name: value}."""
  noted = {name: run[name] for name in ('generator', 'seed') if name in run}
  return (run.get('perturbed_attack') or {}) | noted


def invalid(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
  """Says which of two runs, as in `attacks`, failed a check; '' if none."""
  failed = {
    name: ', '.join(run.get('failed_gates', ()))
    for name, run in (('first', first), ('second', second))
  }
  return '; '.join(
    f'a check of the {name} evaluation failed: {gates}'
    for name, gates in failed.items()
    if gates
  )


def _labels(rows):
  return np.array([label for _, label in rows.image])


def _pair(first, second):
  only_first = int((first & ~second).sum())
  only_second = int((second & ~first).sum())
  return {
    'images': len(first),
    'only_first': only_first,
    'only_second': only_second,
    'difference': (only_first - only_second) / len(first),
    'p_value': statistics.mcnemar(only_first, only_second),
  }


def by_label(rows: Rows) -> dict[str, dict[str, list[int]]]:
  """How many images of each label are right.

  Returns:
    {measure: {label: [right, images]}}.
  """
  return classes.count(_labels(rows), rows.right)


def label_table(
  parts: Mapping[str, Mapping[str, Mapping]], found: Mapping[str, Mapping]
) -> str:
  """Right of how many, and McNemar's test, for each label, in Markdown.

  Args:
    parts: {classifier: what `by_label` gives}.
    found: What `compare` gives.
  """
  lines = [['measure', 'label', *parts, 'only the first', 'the second', 'p']]
  for name, pair in found.items():
    for label, of_label in pair['by_label'].items():
      counts = [part[name][label] for part in parts.values()]
      cells = [f'{right} of {images}' for right, images in counts]
      lines.append([name, label, *cells, *_cells(of_label)])
  return markdown.table(lines)


def _cells(pair):
  """How often only one is right, and p."""
  only = [str(pair['only_first']), str(pair['only_second'])]
  return [*only, f'{pair["p_value"]:.2g}']


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
  """What `compare` gives, in Markdown."""
  head = ['measure', 'only the first', 'the second', 'p', 'points']
  rows = [
    [name, *_cells(pair), f'{100 * pair["difference"]:+.1f}']
    for name, pair in found.items()
  ]
  return markdown.table([head, *rows])
