"""The ladder: stronger and stronger attacks on the same images.

One attack says little: it may be weak for a reason of its own. Each rung is the
accuracy of the same classifier on the same N images under another adversary:

  clean            the image x
  reconstruction   dec(enc(x))
  random_mix       one random mix
  worst_random     x and as many random mixes as Algorithm 2 tests images
  equal_compute    x and as many random mixes as Algorithm 2 costs forward
                   passes, a backward pass counted as two
  algorithm_2      Algorithm 2, as `eval.attack` says
  margin           the same with the margin loss
  adam             the same with Adam's steps
  corners          a search without gradients, over corners of the same balls,
                   as many images as Algorithm 2 costs forward passes, by margin
  worst            right on every rung above

With two classes the margin falls where the cross-entropy grows, and their
gradients have the same sign: there `margin` repeats algorithm_2 where steps go
along the sign.

All rungs see all images, so that each has an accuracy of its own. They share
the images x, the random starts, and the compiled programs of batches.

Is Algorithm 2 *converged*? It runs again on the images that it did not break,
with twice the restarts and with twice the steps. An accuracy that moves by more
than half the width of its Wilson interval is marked 'not converged'. Have the
random mixes of equal compute? The same question, of half as many. Where they
have not, `worst` is an upper bound: more mixes would break more.

What does the gradient add? `gradient` compares algorithm_2 with equal_compute,
image by image, with McNemar's exact test.

If a judge is given, every rung has an *audited* accuracy too: a misclassified
mix counts as an error only where the judge names the true class, since a mix
that shows another digit is no error of the classifier. Attacks stop at the
first misclassified mix, so the audited figure is an upper bound: a later mix
could have kept its label.

  rungs, doubled = ladder.climb(subject, batch, outcomes, attack=attack)
  results |= ladder.summarise(rungs, doubled)

A classifier without gradients has a shorter ladder (`gradients=False`): its one
attack is the search without gradients, so the rung `corners` takes the place of
algorithm_2, margin and adam, also where the above compares.

Contents: JudgeFn, Rung, without_gradients, climb, summarise, columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from advmix_jax import attacks, types
from advmix_jax.evaluation import measures, outcomes
from advmix_jax.evaluation.measures import Attacked, Subject
from advmix_jax.evaluation.outcomes import Outcomes
from advmix_jax.report import statistics

# Images [N, H, W, C], floats in [0, 1] -> the class [N] that each one shows.
JudgeFn = Callable[[np.ndarray], np.ndarray]


_CONTAINED = ('random_mix', 'worst_random')  # Their mixes are in equal_compute.


# Rungs with a column of their own in outcomes.csv_text.
_RECORDED = (
  'clean',
  'reconstruction',
  'random_mix',
  'worst_random',
  'algorithm_2',
)
_ATTACKS = ('algorithm_2', 'corners')  # The first one that is there is doubled.


class Rung(NamedTuple):
  """One adversary and what the classifier got right under it."""

  name: str
  right: np.ndarray  # [N] bool
  images: int  # Tested per example, at most.
  passes: int  # Forward passes per example, at most; a backward counts as two.
  audited: np.ndarray | None = None  # [N] bool: right, or the label is lost.
  halved: np.ndarray | None = None  # [N] bool: right under half of its mixes.


class _Setting(NamedTuple):
  """What all rungs share."""

  subject: Subject
  batch: types.Batch
  outcomes: Outcomes
  attack: ml_collections.ConfigDict
  seed: int
  batch_size: int
  judge_fn: JudgeFn | None


def without_gradients(
  attack: ml_collections.ConfigDict,
) -> ml_collections.ConfigDict:
  """The search without gradients that costs as much as an attack, or less.

  Args:
    attack: `config.eval.attack`. A search without gradients stays as it is.
  """
  found = attack.copy_and_resolve_references()
  if attack.direction != 'corners':
    steps = attacks.cost(attack).passes // attack.restarts - 1
    found.update({'direction': 'corners', 'loss': 'margin', 'steps': steps})
  return found


def climb(
  subject: Subject,
  batch: types.Batch,
  measured: Outcomes,
  *,
  attack: ml_collections.ConfigDict,
  seed: int = 0,
  batch_size: int = 100,
  judge_fn: JudgeFn | None = None,
  gradients: bool = True,
) -> tuple[list[Rung], dict[str, np.ndarray]]:
  """Measures the rungs that `measured` lacks, and Algorithm 2 doubled.

  Args:
    subject: Classifier and generator.
    batch: N examples with their latents, NumPy arrays.
    measured: From `run.measure`, of the same subject, batch, attack and seed.
    attack: `config.eval.attack`.
    seed: Of all draws.
    batch_size: Examples in one compiled call.
    judge_fn: Names the class an image shows; None: no audit.
    gradients: Whether the classifier has gradients. Without, `attack` is a
      search without gradients.

  Returns:
    (rungs, doubled): the rungs, in the order of the table above, and
    {'restarts': [N] bool, 'steps': [N] bool}, what stays right under
    Algorithm 2 with twice as many.
  """
  setting = _Setting(
    subject, batch, measured, attack, seed, batch_size, judge_fn
  )
  name = 'algorithm_2' if gradients else 'corners'
  rungs = _random_rungs(setting)
  rungs.append(_attack_rung(setting, name, attack, measured.attacked))
  for name, variant in (_variants(attack) if gradients else {}).items():
    attacked = measures.attack_examples(
      subject,
      measures.keys(seed)[1],
      batch,
      attack=variant,
      batch_size=batch_size,
      description=name,
    )
    rungs.append(_attack_rung(setting, name, variant, attacked))
  return [*rungs, _worst(rungs)], _doubled(setting)


def _variants(attack):
  """The attack of each further rung, {name: config}."""
  margin, adam = (attack.copy_and_resolve_references() for _ in range(2))
  margin.loss, adam.direction = 'margin', 'adam'
  corners = without_gradients(attack)
  return {'margin': margin, 'adam': adam, 'corners': corners}


def _random_rungs(setting):
  """The rungs without a search: clean, reconstruction and random mixes."""
  subject, batch, measured = setting.subject, setting.batch, setting.outcomes
  rng, size = measures.keys(setting.seed)[0], setting.batch_size
  equal = attacks.cost(setting.attack)  # Draws of as many.
  first = measured.first_random
  more = measures.random_failures(
    subject,
    rng,
    batch,
    num_draws=equal.passes,
    first_draw=equal.images,
    skip=first >= 0,
    batch_size=size,
  )
  every = np.where(first >= 0, first, more)
  good = outcomes.correct(measured)
  clean = measured.clean == measured.label

  def mixed(draw):
    draw = np.maximum(draw, 0)
    return measures.random_mixes(subject, rng, batch.latents, draw=draw)

  def rung(name, right, latents, cost, x_broke):
    def images_fn():
      return measures.decode(subject, latents, batch_size=size)

    return _rung(setting, name, right, images_fn, cost, x_broke)

  never = np.zeros_like(clean)
  single = attacks.Cost(1, 1)
  shown = good['reconstruction']
  return [
    Rung('clean', clean, 1, 1, clean if setting.judge_fn else None),
    rung('reconstruction', shown, batch.latents, single, never),
    rung('random_mix', good['random_mix'], mixed(0 * first), single, never),
    rung(
      'worst_random',
      good['worst_random'],
      mixed(first),
      attacks.Cost(equal.images, equal.images),
      ~clean,
    ),
    rung(
      'equal_compute',
      clean & (every < 0),
      mixed(every),
      attacks.Cost(equal.passes, equal.passes),
      ~clean,
    )._replace(halved=clean & ~((every >= 0) & (every < equal.passes // 2))),
  ]


def _attack_rung(setting, name, attack, attacked: Attacked):
  """The rung of one attack."""

  def images_fn():
    return measures.adversarial_images(
      setting.subject, setting.batch, attacked, batch_size=setting.batch_size
    )

  return _rung(
    setting,
    name,
    ~attacked.success,
    images_fn,
    attacks.cost(attack),
    attacked.kept_clean,
  )


def _rung(setting, name, right, images_fn, cost, x_broke):
  """A rung, audited if there is a judge.

  Args:
    setting: What all rungs share.
    name: Of the rung.
    right: [N] bool.
    images_fn: () -> the image [N, H, W, C] of each example that counts.
    cost: An attacks.Cost.
    x_broke: [N] bool, x itself is that image: its label is known.
  """
  if setting.judge_fn is None:
    return Rung(name, right, *cost)
  shown = setting.judge_fn(images_fn())
  keeps_label = x_broke | (shown == setting.outcomes.label)
  return Rung(name, right, *cost, right | ~keeps_label)


def _worst(rungs: Sequence[Rung]) -> Rung:
  """Right on every rung."""
  audited = None
  if rungs[0].audited is not None:
    audited = np.all([rung.audited for rung in rungs], axis=0)
  return Rung(
    'worst',
    np.all([rung.right for rung in rungs], axis=0),
    sum(rung.images for rung in rungs if rung.name not in _CONTAINED),
    sum(rung.passes for rung in rungs if rung.name not in _CONTAINED),
    audited,
  )


def _doubled(setting):
  """What stays right under Algorithm 2 with twice the restarts, the steps.

  The starts of restart r and its first K iterates do not depend on N_r and K.
  So only the images that Algorithm 2 did not break run again: with N_r further
  restarts, or with 2 K steps.
  """
  attack, rng = setting.attack, measures.keys(setting.seed)[1]
  steps = attack.copy_and_resolve_references()
  steps.steps = 2 * attack.steps
  runs = {
    'restarts': (jax.random.fold_in(rng, 0), attack),
    'steps': (rng, steps),
  }
  right = ~setting.outcomes.attacked.success
  left, doubled = np.flatnonzero(right), {}
  for name, (key, options) in runs.items():
    doubled[name] = right.copy()
    if left.size:
      again = measures.attack_examples(
        setting.subject,
        key,
        setting.batch,
        attack=options,
        index=left,
        batch_size=setting.batch_size,
        description=f'twice the {name}',
      )
      doubled[name][left] = ~again.success
  return doubled


def summarise(
  rungs: Sequence[Rung], doubled: dict[str, np.ndarray]
) -> dict[str, Any]:
  """The ladder as JSON values.

  Args:
    rungs: From `climb`.
    doubled: From `climb`.

  Returns:
    ladder: a list of {name, accuracy, ci95, images, passes} and, with a judge,
    audited_accuracy and audited_ci95. doubled: {'restarts', 'steps':
    accuracy}. converged: neither moved Algorithm 2's accuracy by more than half
    the width of its interval. gradient: {only_gradient, only_random: how many
    of the images that are right when clean only algorithm_2 or only
    equal_compute breaks; p_value: of McNemar's exact two-sided test}. random:
    {halved: the accuracy under half of the mixes of equal_compute; converged:
    the other half moved it by no more than that}.
  """
  right = {rung.name: rung.right for rung in rungs}
  searched = right[next(name for name in _ATTACKS if name in right)]
  _, interval = statistics.share(searched)
  moved = max(searched.mean() - rest.mean() for rest in doubled.values())
  only_gradient, only_random = outcomes.discordant(
    searched, right['equal_compute'], among=right['clean']
  )
  return {
    'ladder': [_row(rung) for rung in rungs],
    'doubled': {name: float(rest.mean()) for name, rest in doubled.items()},
    'converged': statistics.settled(moved, interval),
    'gradient': {
      'only_gradient': only_gradient,
      'only_random': only_random,
      'p_value': statistics.mcnemar(only_gradient, only_random),
    },
  } | _halved(rungs)


def _halved(rungs):
  """{'random': what half of the mixes of equal compute leave right}."""
  random = next(rung for rung in rungs if rung.name == 'equal_compute')
  if random.halved is None:
    return {}
  accuracy, interval = statistics.share(random.right)
  half = float(random.halved.mean())
  converged = statistics.settled(half - accuracy, interval)
  return {'random': {'halved': half, 'converged': converged}}


def _row(rung):
  """A rung as JSON values."""
  accuracy, interval = statistics.share(rung.right)
  row = {
    'name': rung.name,
    'accuracy': accuracy,
    'ci95': interval,
    'images': rung.images,
    'passes': rung.passes,
  }
  if rung.audited is None:
    return row
  accuracy, interval = statistics.share(rung.audited)
  return row | {'audited_accuracy': accuracy, 'audited_ci95': interval}


def columns(rungs: Sequence[Rung]) -> dict[str, np.ndarray]:
  """{column of per_example.csv: [N] bool} of what `Outcomes` has not."""
  added = {
    rung.name: rung.right for rung in rungs if rung.name not in _RECORDED
  }
  audited = {
    f'{rung.name}_audited': rung.audited
    for rung in rungs
    if rung.audited is not None
  }
  return added | audited
