"""Which split keeps the label: mixes at every layer, named by a judge.

  record = probing.measure(rng, generator, params, answer_fn)
  split = probing.recommend(record, index)

AdvMix needs a split at which the fine latents change the image and not its
label. It is measured here, not assumed: two samples i and j are mixed at every
layer, dec(layers 0..s-1 of i, layers s.. of j), and a judge answers its
questions about i, j and each mix. Each answer counts on its own: where 95 of
100 faces have no glasses, most mixes have none either, whatever was mixed.
RandMix trains on such mixes. AdvMix trains on the worst of N_r, so i is mixed
with several others, too: do all of these mixes keep the answer?

Contents: FEW, AnswerFn, measure, least_kept, recommend, nearest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.evaluation import judge as judges
from advmix_jax.generators import mixing
from advmix_jax.report import statistics
from advmix_jax.runtime import metrics

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
  worst_of: int = 5,
  batch_size: int = 100,
) -> dict[str, Any]:
  """Mixes pairs of samples at every layer, without truncation.

  Args:
    rng: Key of the samples.
    generator: Any generator; its own split plays no role.
    params: Its parameters.
    answer_fn: A judge of A questions.
    num_mixes: Number of pairs.
    worst_of: Mixes of each i, each with another j.
    batch_size: Pairs in one compiled call; another size draws other samples.

  Returns:
    splits: [1, ..., L-1]. answers [A]: the answers that the judge gave, at
    least once, to each question. kept [L-1][A]: for each of these answers,
    {share, interval, pairs}: of the pairs whose i the judge surely (above 0.9)
    gave this answer, the share of the mixes with the same answer; None without
    pairs. kept_by_all [L-1][A]: likewise, all `worst_of` mixes with the same
    answer. by_chance, by_chance_all [A]: the two with j in place of the mix.
    sure [A]: (share, [low, high]) of samples of which the judge is sure. change
    [L-1]: the mean absolute difference of a mix and i, in [0, 1]; change_whole:
    of j and i. num_mixes, worst_of. Intervals are Wilson's of 95%; that
    samples share their j is not in them.

  Raises:
    ValueError: worst_of is not from 1 to batch_size.
  """
  if not 1 <= worst_of <= batch_size:
    raise ValueError(f'worst_of is {worst_of}, expected 1 to {batch_size}')
  splits = range(generator.num_layers)  # At 0 the mix is j itself.
  sample, mixes = _answers(
    rng, generator, params, answer_fn, splits, num_mixes, worst_of, batch_size
  )
  answers = [np.unique(column).tolist() for column in sample.answer.T]
  chance, *kept = [_kept(sample, m.same, answers) for m in mixes]
  chance_all, *kept_by_all = [_kept(sample, m.all_same, answers) for m in mixes]
  change_whole, *change = [float(m.change.mean()) for m in mixes]
  return {
    'splits': list(splits[1:]),
    'answers': answers,
    'kept': kept,
    'kept_by_all': kept_by_all,
    'by_chance': chance,
    'by_chance_all': chance_all,
    'sure': [statistics.share(column) for column in sample.sure.T],
    'change': change,
    'change_whole': change_whole,
    'num_mixes': num_mixes,
    'worst_of': worst_of,
  }


class _Sample(NamedTuple):
  """What the judge says of the samples i."""

  answer: np.ndarray  # [N, A]
  sure: np.ndarray  # [N, A] bool


class _Mixes(NamedTuple):
  """What became of them in the mixes of one split."""

  same: np.ndarray  # [N, A] bool, the first mix has the answer of i
  all_same: np.ndarray  # [N, A] bool, all mixes have it
  change: np.ndarray  # [N], mean absolute difference of the first mix from i


def _kept(sample, same, answers):
  """[A] lists, each with one record per answer; `same` is [N, A]."""
  return [
    [
      _share_of(sample.sure[:, a] & (sample.answer[:, a] == value), same[:, a])
      for value in given
    ]
    for a, given in enumerate(answers)
  ]


def _share_of(chosen, same):
  share, interval = statistics.share(same[chosen])
  return {'share': share, 'interval': interval, 'pairs': int(chosen.sum())}


def _answers(
  rng, generator, params, answer_fn, splits, num_mixes, worst_of, size
):
  """The _Sample of all pairs, and the _Mixes of each split."""
  decode = jax.jit(generator.synthesize)
  samples, mixes = [], [[] for _ in splits]
  for start in metrics.batches(
    num_mixes, size, description='probe', unit='pair'
  ):
    z = mixing.random_z(generator, jax.random.fold_in(rng, start), 2 * size)
    w = generator.map(params, z)
    own, other = w[:size], w[size:]
    image = np.clip(decode(params, own), 0, 1)
    answer, probability = answer_fn(image)
    samples.append(_Sample(answer, probability > judges.SURE))
    for split, row in zip(splits, mixes, strict=True):
      drawn = (
        np.clip(decode(params, mix), 0, 1)
        for mix in _mixed(own, other, split, worst_of)
      )
      row.append(_compare(image, answer, drawn, answer_fn))
  join = functools.partial(_join, num_mixes=num_mixes)
  return join(samples), [join(row) for row in mixes]


def _mixed(own, other, split, count):
  """Yields the latents of `count` mixes: of i and j, of i and j + 1, ..."""
  for shift in range(count):
    fine = jnp.roll(other, -shift, axis=0)[:, split:]
    yield mixing.merge_latents(own[:, :split], fine)


def _compare(image, answer, mixed, answer_fn):
  """The _Mixes of one batch; `mixed` yields images of mixes."""
  first = next(mixed)
  same = [answer_fn(first)[0] == answer]
  same += [answer_fn(other)[0] == answer for other in mixed]
  change = np.abs(first - image).mean((1, 2, 3))
  return _Mixes(same[0], np.all(same, axis=0), change)


def _join(batches, num_mixes):
  """Batches of a NamedTuple of arrays as one."""
  return jax.tree.map(lambda *x: np.concatenate(x)[:num_mixes], *batches)


def least_kept(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
  """Of the answers to one question, the record of the one least often kept.

  Answers of fewer than 20 pairs don't count. None if fewer than two are left:
  where the judge surely gives one answer only, every mix keeps it.
  """
  counted = [r for r in records if r['pairs'] >= FEW]
  return min(counted, key=lambda r: r['share']) if len(counted) > 1 else None


def _least_kept(record, question):
  """[(split, its record of one mix, of all mixes)] of what is least kept."""
  rows = zip(
    record['splits'], record['kept'], record['kept_by_all'], strict=True
  )
  return [
    (split, least_kept(one[question]), least_kept(all_[question]))
    for split, one, all_ in rows
  ]


def recommend(
  record: dict[str, Any],
  question: int,
  *,
  keep: float = 0.9,
  keep_all: float = 0.75,
) -> int | None:
  """The first split from which on mixes keep each answer; None: there is none.

  Of the splits that keep the answers, the first one changes the image most.

  Args:
    record: From `measure`.
    question: Index of the question.
    keep: Smallest share of the answer that is least often kept, at this split
      and at all later ones.
    keep_all: Likewise, of the answer least often kept by all mixes of a sample.
      AdvMix trains on the worst of N_r mixes, so 'kept' alone is too mild.
  """
  found = None
  for split, one, all_ in reversed(_least_kept(record, question)):
    if one is None or all_ is None:
      break
    if one['share'] < keep or all_['share'] < keep_all:
      break
    found = split
  return found


def nearest(
  record: dict[str, Any], question: int
) -> tuple[int, float, float] | None:
  """The split whose mixes lose least, whether or not that is enough.

  Args:
    record: From `measure`.
    question: Index of the question.

  Returns:
    (split, share kept by one mix, share kept by all), of the answers least
    often kept, where the last one is largest; None where nothing can be said.
  """
  shares = [
    (split, one['share'], all_['share'])
    for split, one, all_ in _least_kept(record, question)
    if one and all_
  ]
  return max(shares, key=lambda found: found[2], default=None)
