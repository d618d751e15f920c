"""Which split keeps the label: mixes at every layer, named by a judge.

  record = probing.measure(rng, generator, params, answer_fn)
  split = probing.recommend(record, index)

AdvMix needs a split at which the fine latents change the image and not its
label. It is measured here, not assumed: two samples i and j are mixed at every
layer, dec(layers 0..s-1 of i, layers s.. of j), and a judge answers its
questions about i, j and each mix. Each answer counts on its own: where 95 of
100 faces have no glasses, most mixes have none either, whatever was mixed.

Contents: FEW, AnswerFn, measure, least_kept, recommend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from advmix_jax import types
from advmix_jax.evaluation import judge as judges
from advmix_jax.generators import mixing
from advmix_jax.report import statistics
from advmix_jax.runtime import metrics, preemption

FEW = 20  # Fewer pairs than these say nothing of an answer.

# [N, H, W, C] in [0, 1] -> (answers [N, A], their probabilities [N, A])
AnswerFn = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def measure(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  answer_fn: AnswerFn,
  *,
  num_mixes: int = 1000,
  batch_size: int = 100,
) -> dict[str, Any]:
  """Mixes pairs of samples at every layer, without truncation.

  Args:
    rng: Key of the samples.
    generator: Any generator; its own split plays no role.
    params: Its parameters.
    answer_fn: A judge of A questions.
    num_mixes: Number of pairs.
    batch_size: Pairs in one compiled call.

  Returns:
    splits: [1, ..., L-1]. answers [A]: the answers that the judge gave, at
    least once, to each question. kept [L-1][A]: for each of these answers,
    {share, interval, pairs}: of the pairs whose i the judge surely (above 0.9)
    gave this answer, the share of the mixes with the same answer; None without
    pairs. by_chance [A]: likewise, with j in place of the mix. sure [A]:
    (share, [low, high]) of samples of which the judge is sure. change [L-1]:
    the mean absolute difference of a mix and i, in [0, 1]; change_whole: of j
    and i. num_mixes. Intervals are Wilson's of 95%.
  """
  splits = list(range(1, generator.num_layers))
  own, other, mixes = _answers(
    rng, generator, params, answer_fn, splits, num_mixes, batch_size
  )
  answers = [np.unique(column).tolist() for column in own.answer.T]
  sure = own.probability > judges.SURE
  return {
    'splits': splits,
    'answers': answers,
    'kept': [_kept(own.answer, m.answer, sure, answers) for m in mixes],
    'by_chance': _kept(own.answer, other.answer, sure, answers),
    'sure': [statistics.share(column) for column in sure.T],
    'change': [float(m.change.mean()) for m in mixes],
    'change_whole': float(other.change.mean()),
    'num_mixes': num_mixes,
  }


def _kept(before, after, sure, answers):
  """[A] lists, each with one record per answer; before, after are [N, A]."""
  return [
    [_share_of(before[:, a], after[:, a], sure[:, a], value) for value in given]
    for a, given in enumerate(answers)
  ]


def _share_of(before, after, sure, value):
  chosen = sure & (before == value)
  share, interval = statistics.share(after[chosen] == value)
  return {'share': share, 'interval': interval, 'pairs': int(chosen.sum())}


class _Seen(NamedTuple):
  """What was found on images [N, ...]."""

  answer: np.ndarray  # [N, A]
  probability: np.ndarray  # [N, A]
  change: np.ndarray  # [N], mean absolute difference from the image i


def _answers(rng, generator, params, answer_fn, splits, num_mixes, size):
  """What was found on i, on j, and on the mixes of each split."""
  decode = jax.jit(generator.synthesize)
  rows = [[] for _ in range(2 + len(splits))]
  starts = range(0, num_mixes, size)
  unit = f'{size} pairs'
  for start in metrics.progress(starts, description='probe', unit=unit):
    preemption.check()
    z = mixing.random_z(generator, jax.random.fold_in(rng, start), 2 * size)
    w = generator.map(params, z)
    own, other = w[:size], w[size:]
    latents = [own, other] + [
      mixing.merge_latents(own[:, :s], other[:, s:]) for s in splits
    ]
    images = [np.clip(decode(params, x), 0, 1) for x in latents]
    for row, image in zip(rows, images, strict=True):
      change = np.abs(image - images[0]).mean((1, 2, 3))
      row.append(_Seen(*answer_fn(image), change))
  found = [
    _Seen(
      *(np.concatenate(part)[:num_mixes] for part in zip(*row, strict=True))
    )
    for row in rows
  ]
  return found[0], found[1], found[2:]


def least_kept(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
  """Of the answers to one question, the record of the one least often kept.

  Answers of fewer than 20 pairs don't count. None if fewer than two are left:
  where the judge surely gives one answer only, every mix keeps it.
  """
  counted = [r for r in records if r['pairs'] >= FEW]
  return min(counted, key=lambda r: r['share']) if len(counted) > 1 else None


def recommend(
  record: dict[str, Any], question: int, *, keep: float = 0.9
) -> int | None:
  """The first split from which on mixes keep each answer; None: there is none.

  Of the splits that keep the answers, the first one changes the image most.

  Args:
    record: From `measure`.
    question: Index of the question.
    keep: Smallest share of the answer that is least often kept, at this split
      and at all later ones.
  """
  found = None
  for split, row in reversed(
    list(zip(record['splits'], record['kept'], strict=True))
  ):
    least = least_kept(row[question])
    if least is None or least['share'] < keep:
      break
    found = split
  return found
