"""Robustness to the real change: the same images, painted in other styles.

For coloured digits the change that mixes imitate is known, so a classifier's
robustness to it is measured without any generator (datasets/repaint.py):

  recoloured  mean accuracy over the data set's own mean colours
  all_means   share of digits that are right in every mean colour
  all_grid    share of digits that are right in every mean colour and in every
              legible colour of a grid: the worst case of Z_⊥, up to the grid

  classifier, params = classifiers.load('runs/advmix/classifier.npz')
  record = recolouring.for_run(config, classifier.apply, params)
  print(recolouring.listing(record))

Is robustness to mixes robustness to the real change? Compare all_means and
all_grid with the accuracies under mixes, on the same digits. The ceiling is a
classifier trained on exact recolourings, RandMix with the ideal generator:

  python experiments/train.py --config=configs/colored_mnist.py:ideal \
    --config.method=randmix --config.generator.colors=colored_mnist

That is the ceiling of all_means. It has not seen the colours between the means:
the ceiling of all_grid is the same with generator.colors=legible, the default.

Contents: measure, summarise, for_run, rows, sections, listing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np

from advmix_jax import attacks, datasets, types
from advmix_jax.evaluation import measures
from advmix_jax.generators import ideal
from advmix_jax.report import pages, statistics

_NAMES = {
  'recoloured': 'One of {num_means} mean colours',
  'all_means': 'All {num_means} mean colours',
  'all_grid': 'All of {num_styles} colours',
}
_PAGE = (
  'Accuracy in % on the same digits in other colours, made without a '
  'generator. Brackets: Wilson 95% intervals.'
)


def measure(
  predict_fn: Callable[[np.ndarray], np.ndarray],
  data: datasets.Repaintable,
  styles: np.ndarray,
) -> np.ndarray:
  """Classifies every image in every style.

  Args:
    predict_fn: Images [N, H, W, C] uint8 -> logits [N, K].
    data: The N images.
    styles: [S, F], such as colours [S, 3] in [0, 1].

  Returns:
    [N, S] bool, whether image n is classified correctly in style s.
  """
  columns = [
    np.asarray(attacks.named(predict_fn(data.paint_fn(style)))) == data.label
    for style in styles
  ]
  return np.stack(columns, axis=1)


def summarise(means: np.ndarray, grid: np.ndarray) -> dict[str, Any]:
  """Accuracies with Wilson 95% intervals over images, as JSON values.

  The interval of `recoloured` counts each image once, though it is seen in
  every style, and is therefore rather too wide than too narrow.

  Args:
    means: [N, S] bool, whether image n is right in mean style s.
    grid: [N, G] bool, likewise for the grid.

  Returns:
    recoloured_accuracy, all_means_accuracy, all_grid_accuracy and ci95 of each;
    accuracy_by_style [S] of the means; num_images N, num_means S, num_styles
    S + G.
  """
  right = {
    'recoloured': means.mean(1),
    'all_means': means.all(1),
    'all_grid': means.all(1) & grid.all(1),
  }
  size = len(means)
  return {
    **{f'{name}_accuracy': float(r.mean()) for name, r in right.items()},
    'ci95': {
      name: list(statistics.wilson_interval(round(float(r.sum())), size))
      for name, r in right.items()
    },
    'accuracy_by_style': means.mean(0).tolist(),
    'num_images': size,
    'num_means': means.shape[1],
    'num_styles': means.shape[1] + grid.shape[1],
  }


def for_run(
  config: ml_collections.ConfigDict,
  logits_fn: Callable[..., jax.Array],
  params: types.Params,
  *,
  grid_size: int = 5,
) -> dict[str, Any]:
  """Measures a run's classifier on recoloured test digits.

  Args:
    config: The run's config; reads `data`, `eval` and `parallel`. The images
      are those that are attacked, the first eval.num_examples (0: all).
    logits_fn: (params, [B, H, W, C]) -> [B, K].
    params: Of the classifier.
    grid_size: Colours of the grid along each axis; 5 gives 117 legible ones,
      of which nine are mean colours of colored_mnist.

  Returns:
    The values of `summarise`, and the mean colours. {} for data whose real
    change isn't known.
  """
  if config.data.name not in datasets.REPAINTABLE:
    return {}
  data = datasets.load_repaintable(
    config.data, 'test', count=config.eval.num_examples
  )
  # No generator: nothing is mixed.
  subject = measures.Subject(logits_fn, params, None, None, config.parallel)
  predict_fn = functools.partial(
    measures.predict, subject, batch_size=config.eval.batch_size
  )
  grid = _others(np.asarray(ideal.color_grid(grid_size)), data.means)
  record = summarise(
    measure(predict_fn, data, data.means), measure(predict_fn, data, grid)
  )
  return record | {'means': data.means.tolist()}


def _others(grid, means):
  """The colours [G, 3] of the grid that are no mean colour."""
  far = np.abs(grid[:, None] - np.asarray(means)[None]).max(-1) > 1e-6
  return grid[far.all(1)]


def rows(record: dict[str, Any]) -> list[list[str]]:
  """[name, '93.1 [92.0, 94.1]'] of each accuracy in %; [] for {}."""
  found = []
  for name, title in _NAMES.items() if record else ():
    accuracy, interval = record[f'{name}_accuracy'], record['ci95'][name]
    cell = statistics.percent(accuracy, *interval)
    found.append([title.format(**record), cell])
  return found


def sections(record: dict[str, Any]) -> list[pages.Section]:
  """The part of a page that shows these accuracies; [] for {}."""
  if not record:
    return []
  table = [['Right in', 'Accuracy'], *rows(record)]
  count = f'{record["num_images"]} images. {_PAGE}'
  return [pages.Section('Recoloured exactly', table, count)]


def listing(record: dict[str, Any]) -> str:
  """One line per accuracy, 'name  93.1 [92.0, 94.1]'; '' for {}."""
  return '\n'.join(f'{name:<28}{cell}' for name, cell in rows(record))
