"""Accuracy against eps and against K, and what the gradient adds at each.

A larger ball should not raise the accuracy. Where it does, the attack is too
weak: alpha or the number of steps doesn't suit this ball. With eps = 0 only the
random starts are left. So each attack is compared, image by image, with random
mixes at its own compute (its forward passes, a backward counted as two).

  rows = sweep.sweep_run(config, workdir, params, num_examples=500,
                         attack=config.eval.attack)

Contents: EPS_FACTORS, STEPS_FACTORS, variants, sweep, sweep_run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import ml_collections

from advmix_jax import attacks, types
from advmix_jax.evaluation import measures, outcomes
from advmix_jax.evaluation.run import load_examples
from advmix_jax.report import statistics

EPS_FACTORS = (0.0, 1.0, 10.0, 100.0)
STEPS_FACTORS = (0, 1, 2, 4)


def variants(
  attack: ml_collections.ConfigDict,
  *,
  eps_factors: Sequence[float] = EPS_FACTORS,
  steps_factors: Sequence[int] = STEPS_FACTORS,
) -> list[ml_collections.ConfigDict]:
  """The attack with eps and alpha scaled, then with K scaled.

  Args:
    attack: `config.eval.attack`.
    eps_factors: What to multiply eps and alpha with.
    steps_factors: What to multiply K with. No attack is repeated.
  """
  made = []
  for factor in eps_factors:
    scaled = attack.copy_and_resolve_references()
    scaled.eps, scaled.alpha = attack.eps * factor, attack.alpha * factor
    if scaled not in made:
      made.append(scaled)
  for factor in steps_factors:
    scaled = attack.copy_and_resolve_references()
    scaled.steps = attack.steps * factor
    if scaled not in made and scaled.steps + attack.test_start > 0:
      made.append(scaled)
  return made


def sweep(
  subject: measures.Subject,
  batch: types.Batch,
  attacks_to_run: Sequence[ml_collections.ConfigDict],
  *,
  seed: int = 0,
  batch_size: int = 100,
) -> list[dict[str, Any]]:
  """Runs some attacks, and random mixes at the compute of each.

  Args:
    subject: Classifier and generator.
    batch: N examples with their latents, NumPy arrays.
    attacks_to_run: Configs such as `config.eval.attack`.
    seed: Of all draws, as in `run.measure`.
    batch_size: Examples in one compiled call.

  Returns:
    A row of JSON values for each attack: eps and alpha, in `unit`, 'w' or
    'w_std'; K; accuracy, ci95; random_accuracy, random_ci95, of as many random
    mixes as the attack costs forward passes; only_gradient and only_random, how
    many of the images that are right when clean only one of the two breaks;
    p_value, of McNemar's exact test. Intervals are Wilson's.
  """
  rng_random, rng_attack = measures.keys(seed)
  most = max(attacks.cost(attack).passes for attack in attacks_to_run)
  size = {'batch_size': batch_size}
  first = measures.random_failures(
    subject, rng_random, batch, num_draws=most, **size
  )
  logits = measures.predict(subject, batch.image, **size)
  clean = logits.argmax(-1) == batch.label
  rows = []
  for attack in attacks_to_run:
    attacked = measures.attack_examples(
      subject, rng_attack, batch, attack=attack, **size
    )
    drawn = clean & ((first < 0) | (first >= attacks.cost(attack).passes))
    rows.append(_row(attack, ~attacked.success, drawn, clean))
  return rows


def _row(attack, searched, drawn, clean):
  """What `sweep` returns of one attack."""
  only = outcomes.discordant(searched, drawn, among=clean)
  accuracy, interval = statistics.share(searched)
  random_accuracy, random_interval = statistics.share(drawn)
  return {
    'eps': float(attack.eps),
    'alpha': float(attack.alpha),
    'unit': attack.unit,
    'K': int(attack.steps),
    'accuracy': accuracy,
    'ci95': interval,
    'random_accuracy': random_accuracy,
    'random_ci95': random_interval,
    'only_gradient': only[0],
    'only_random': only[1],
    'p_value': statistics.mcnemar(*only),
  }


def sweep_run(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  classifier_params: types.Params,
  *,
  num_examples: int,
  attack: ml_collections.ConfigDict,
) -> list[dict[str, Any]]:
  """`sweep` of a run's classifier over `variants`; as `run.evaluate_run`."""
  subject, _, batch = load_examples(
    config, workdir, classifier_params, num_examples=num_examples
  )
  return sweep(
    subject,
    batch,
    variants(attack),
    seed=config.seed,
    batch_size=config.eval.batch_size,
  )
