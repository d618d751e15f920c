"""What a classifier gets right: clean, reconstructed, mixed, under attack.

Threat model. The adversary knows the classifier and the generator. It may
replace the fine latents z_⊥ of an encoded test image by any latents within
`eps` (l_inf) of a draw from the generator's own fine latents, so it changes
only what the fine latents carry, the style. It keeps z_∥, hence the content.
Accuracy is the fraction of test images that stay correct:

  clean           the image x itself
  reconstruction  dec(enc(x))
  random_mix      dec(z_∥, z_⊥) for one random z_⊥
  worst_random    x and each of N random mixes, N = N_r * (K + 1): as many
                  images as Algorithm 2 evaluates, but without gradients
  perturbed       x and every iterate of Algorithm 2

With attack.test_start=False the first iterates are not tested: N = N_r * K.
With attack.clean_fallback=False `perturbed` does not test x.

`clean` is measured on the whole test set, the others on its first
`num_examples` images. Every accuracy has a Wilson 95% interval, every attacked
image a row in WORKDIR/per_example.csv, and gates.py checks the evaluation.
ladder.py adds stronger attacks, all on the same images; they cost about eight
times as much, so a training run ends without them.

  results = run.evaluate_run(
    config, workdir, classifier_params, num_examples=500,
    attack=config.eval.attack)

Contents: default_config, check, measure, Evaluation, assess, check_examples,
load_examples, evaluate_run, show.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from scipy import special

from advmix_jax import attacks, classifiers, datasets, generators, types
from advmix_jax.encoder import lookup
from advmix_jax.evaluation import gates, ladder
from advmix_jax.evaluation.measures import (
  Subject,
  adversarial_images,
  attack_examples,
  decode,
  keys,
  margins,
  predict,
  random_failures,
  random_mixes,
)
from advmix_jax.evaluation.outcomes import (
  Outcomes,
  csv_text,
  identity,
  num_random_draws,
  summarise,
)
from advmix_jax.report import pages
from advmix_jax.runtime import files, options, pictures

_PICTURES = 10  # Examples kept as images in WORKDIR/pictures.npz.


def default_config() -> ml_collections.ConfigDict:
  """How a run is evaluated, `config.eval`.

  Returns:
    num_examples: images to attack, the first of the test set; 0: all.
    batch_size: images in one compiled call. attack: attacks.default_config with
    N_r = 10 (paper) and five steps.
  """
  attack = attacks.default_config()
  attack.update(restarts=10, steps=5, alpha=0.01)
  return ml_collections.ConfigDict(
    {'num_examples': 500, 'batch_size': 100, 'attack': attack}
  )


def check(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError for an option of `config.eval` that is out of range."""
  options.check(config, 'eval')
  attacks.check_attack(config.attack)


def measure(
  subject: Subject,
  batch: types.Batch,
  *,
  attack: ml_collections.ConfigDict,
  seed: int = 0,
  batch_size: int = 100,
) -> Outcomes:
  """Runs every evaluator on the same examples.

  Args:
    subject: Classifier and generator.
    batch: N examples with their latents, NumPy arrays.
    attack: `config.eval.attack`.
    seed: Of all draws; with the same seed, classifiers get the same draws.
    batch_size: Examples in one compiled call.
  """
  rng_random, rng_attack = keys(seed)
  attacked = attack_examples(
    subject, rng_attack, batch, attack=attack, batch_size=batch_size
  )
  # Another batch size than in the attack; outcomes must not depend on it.
  other = batch_size // 2 or 2
  kept = adversarial_images(subject, batch, attacked, batch_size=other)
  margin = margins(subject, kept, batch.label, batch_size=other)
  clean = predict(subject, batch.image, batch_size=batch_size)
  tie = np.abs(margin) <= gates.LOGIT_TOLERANCE * gates.unit(clean)
  decoded = decode(subject, batch.latents, batch_size=batch_size)
  reconstruction = predict(subject, decoded, batch_size=batch_size)
  return Outcomes(
    label=batch.label,
    clean=clean.argmax(-1),
    reconstruction=np.asarray(attacks.named(reconstruction)),
    first_random=random_failures(
      subject,
      rng_random,
      batch,
      num_draws=num_random_draws(attack),
      batch_size=batch_size,
    ),
    attacked=attacked,
    verified=tie | ((margin >= 0) == attacked.success),
  )


class Evaluation(NamedTuple):
  """What an evaluation found."""

  results: dict[str, Any]  # JSON values, as `assess` says.
  outcomes: Outcomes  # Of each example.
  rungs: list[ladder.Rung]  # Of the ladder; [] without it.


def assess(
  subject: Subject,
  batch: types.Batch,
  *,
  attack: ml_collections.ConfigDict,
  clean: np.ndarray | None = None,
  seed: int = 0,
  batch_size: int = 100,
  with_ladder: bool = True,
  judge_fn: ladder.JudgeFn | None = None,
  gradients: bool = True,
) -> Evaluation:
  """Measures a classifier, by the ladder too, and checks the evaluation.

  Args:
    subject: Classifier and generator.
    batch: N examples with their latents, NumPy arrays.
    attack: As `attacks.default_config`.
    clean: [M] bool, which clean images of a larger test set are classified
      correctly; None: this batch is the whole.
    seed: Of all draws; classifiers with the same seed meet the same draws.
    batch_size: Examples in one compiled call.
    with_ladder: Whether to run the attacks of ladder.py too.
    judge_fn: Audits the ladder's mixes; None: no audit.
    gradients: Whether the classifier has gradients; without, `attack` is a
      search without gradients. Where it is one, the ladder and the gates are
      those without gradients.

  Returns:
    Evaluation; its results are the values of `outcomes.summarise`, of
    `gates.summarise` and, with the ladder, of `ladder.summarise`, whose
    `converged` (twice the restarts or steps) replaces that of the outcomes
    (the second half of the restarts).
  """
  gradients = gradients and attack.direction != 'corners'
  shared = {'attack': attack, 'seed': seed, 'batch_size': batch_size}
  outcomes = measure(subject, batch, **shared)
  if clean is None:
    clean = outcomes.clean == outcomes.label
  results = summarise(clean, outcomes, attack=attack)
  found = gates.check(
    subject, batch.image, outcomes, batch_size=batch_size, gradients=gradients
  )
  rungs = []
  if with_ladder:
    rungs, doubled = ladder.climb(
      subject,
      batch,
      outcomes,
      judge_fn=judge_fn,
      gradients=gradients,
      **shared,
    )
    results |= ladder.summarise(rungs, doubled)
    found |= gates.check_ladder(rungs)
  return Evaluation(results | gates.summarise(found), outcomes, rungs)


def check_examples(
  config: ml_collections.ConfigDict, test: types.Dataset, *, num_examples: int
) -> None:
  """Checks what `evaluate_run` will load; call it before long work.

  Args:
    config: The run's config.
    test: The whole test set.
    num_examples: As for `evaluate_run`.

  Raises:
    ValueError: The generator or the latents don't fit the images.
    FileNotFoundError: The generator or the latents are missing.
  """
  lookup.check_file(config, _attacked(test, num_examples))


def _attacked(test, num_examples):
  """The images that are attacked: the first ones of the test set; 0: all."""
  return datasets.first(test, num_examples or len(test.label))


def load_examples(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  classifier_params: types.Params,
  *,
  num_examples: int,
) -> tuple[Subject, types.Dataset, types.Batch]:
  """Loads what an evaluation needs; the arguments are as in `evaluate_run`.

  Returns:
    (classifier and generator, the whole test set, its first `num_examples`
    images with their latents).

  Raises:
    ValueError: A number is out of range, latents don't fit the images, the
      classes were renamed since the training, or the run began with another
      generator.
  """
  if num_examples < 0:
    raise ValueError(f'eval.num_examples is {num_examples}, expected >= 0')
  test = datasets.load(config.data, 'test')
  path = pathlib.Path(workdir) / 'classifier.npz'
  if path.exists():  # A caller may have the parameters alone.
    classifiers.check_classes(path, test.classes)
  some = _attacked(test, num_examples)
  classifier = classifiers.make_classifier(config.classifier, test.num_classes)
  generators.claim(config.generator, workdir)
  generator, params = generators.load(config.generator)
  latents = lookup.load_latents(config, some, generator, params, workdir)
  batch = types.Batch(some.image, some.label, np.asarray(latents))
  subject = Subject(
    logits_fn=classifier.apply,
    params=classifier_params,
    generator=generator,
    generator_params=params,
    parallel=config.parallel,
  )
  return subject, test, batch


def evaluate_run(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  classifier_params: types.Params,
  *,
  num_examples: int,
  attack: ml_collections.ConfigDict,
  output: str | os.PathLike | None = None,
  with_ladder: bool = False,
  judge_fn: ladder.JudgeFn | None = None,
) -> dict[str, Any]:
  """Evaluates a run's classifier, and writes the results.

  per_example.csv has one row per attacked image; pictures.npz has the first of
  these images and their mixes; report.html shows the results and the pictures.

  Args:
    config: The run's config.
    workdir: The run's folder, which keeps latents that Algorithm 1 finds.
    classifier_params: Of the classifier in `config`.
    num_examples: How many test images to attack, the first ones; 0: all.
    attack: `config.eval.attack`, or a config with the same fields.
    output: The folder to write to; None: workdir.
    with_ladder: Whether to run the attacks of ladder.py too.
    judge_fn: Audits the ladder's mixes; None: no audit.

  Returns:
    The values of `outcomes.summarise`, of `gates.summarise` and, with the
    ladder, of `ladder.summarise`.

  Raises:
    ValueError: A number is out of range, or latents don't fit the images, or
      the judge doesn't.
  """
  subject, test, batch = load_examples(
    config, workdir, classifier_params, num_examples=num_examples
  )
  if judge_fn is not None:
    judge_fn(test.image[:1])  # A judge of another size fails before the attack.
  size = config.eval.batch_size
  logits = predict(subject, test.image, batch_size=size)
  results, outcomes, rungs = assess(
    subject,
    batch,
    attack=attack,
    clean=logits.argmax(-1) == test.label,
    seed=config.seed,
    batch_size=size,
    with_ladder=with_ladder,
    judge_fn=judge_fn,
  )
  _write(
    pathlib.Path(output or workdir),
    {'method': config.method, 'seed': config.seed} | results,
    _rows(test, outcomes, rungs),
    _pictures(subject, batch, outcomes, config.seed),
  )
  return results


def _rows(test, outcomes, rungs):
  """The text of per_example.csv, whose last columns say which image it is."""
  some = _attacked(test, len(outcomes.label))
  which = identity(some.image, some.names)
  return csv_text(outcomes, ladder.columns(rungs), which)


def _write(output, record, rows, shown):
  """Writes per_example.csv, pictures.npz and report.html."""
  files.write_text(output / 'per_example.csv', rows)
  files.save_npz(output / 'pictures.npz', shown, {'seed': record['seed']})
  page = pages.comparison([record], [shown])
  files.write_text(output / 'report.html', page)


def _shown(outcomes):
  """Which examples to show: right before the attack and wrong after it.

  The first images of the test set where there is none.
  """
  right = outcomes.clean == outcomes.label
  found = np.flatnonzero(right & outcomes.attacked.success)
  return (found if len(found) else np.arange(len(right)))[:_PICTURES]


def _pictures(subject, batch, outcomes, seed):
  return show(subject, batch, outcomes, index=_shown(outcomes), seed=seed)


def show(
  subject: Subject,
  batch: types.Batch,
  outcomes: Outcomes,
  *,
  index: np.ndarray,
  seed: int = 0,
) -> dict[str, Any]:
  """Some images, their mixes, and the classifier's probabilities.

  Args:
    subject: Classifier and generator.
    batch: The N examples that were measured.
    outcomes: Of them, from `measure`.
    index: [n], places of the examples to show.
    seed: That of the measurement.

  Returns:
    index [n], places in the test set; label [n]; images, {name: uint8 [n, H, W,
    C]}; probabilities, {name: [n, K]}. The names are image, reconstruction,
    random_mix and adversarial.
  """
  n = len(index)
  batch = datasets.take(batch, index)
  attacked = jax.tree.map(lambda a: a[index], outcomes.attacked)
  mixes = random_mixes(subject, keys(seed)[0], batch.latents, index=index)
  shown = {
    'image': batch.image,
    'reconstruction': decode(subject, batch.latents, batch_size=n),
    'random_mix': decode(subject, mixes, batch_size=n),
    'adversarial': adversarial_images(subject, batch, attacked, batch_size=n),
  }
  return {
    'index': index,
    'label': batch.label,
    'images': {name: pictures.to_uint8(x) for name, x in shown.items()},
    'probabilities': {
      name: special.softmax(predict(subject, x, batch_size=n), axis=-1)
      for name, x in shown.items()
    },
  }
