"""The standard evaluation of any classifier on any labelled images.

  report = standard.evaluate(
    logits_fn, images, labels, generator='generator.npz')
  report                      # The table, as text; in a notebook, the page.
  report.results['ladder']    # Accuracies, intervals and costs of every attack.
  report.save('runs/mine')    # report.html, report.json, per_example.csv.

It is the ladder of attacks of experiments/evaluate.py with the same numbers:
`run.assess` measures both. `attack='standard'` has no options: Algorithm 2 with
N_r = 10 and K = 5, and the rungs of ladder.py beside it.

Contents: STANDARD, Report, evaluate.
"""

from __future__ import annotations

import html
import os
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from advmix_jax import attacks, datasets, generators, types
from advmix_jax.datasets import pixels
from advmix_jax.encoder import algorithm1, lookup, perceptual, pipeline
from advmix_jax.evaluation import foreign, inputs, ladder, measures, run
from advmix_jax.evaluation.measures import Subject
from advmix_jax.evaluation.outcomes import (
  Outcomes,
  correct,
  csv_text,
  identity,
)
from advmix_jax.generators import ideal
from advmix_jax.report import classes, ladder_table, pages
from advmix_jax.runtime import files

STANDARD = 'standard'
# A generator's functions and parameters, or the file of a StyleGAN.
GeneratorLike = tuple[types.Generator, types.Params] | str | os.PathLike

_PROBE = 8  # Images on which a classifier and a judge are tried first.
_WORST = 10  # Images that a report shows.
_ROUNDING = 1e-3  # By which images may leave [0, 1].


class Report(NamedTuple):
  """What an evaluation found; printed, it is a table.

  `results` holds JSON values: model, seed, num_classes, gradients (whether the
  classifier has them), warnings, reconstruction_error (mean squared error),
  by_class ({measure: {label: [right, images]}}), and the values of
  `outcomes.summarise`, `ladder.summarise` and `gates.summarise`.
  """

  results: dict[str, Any]
  outcomes: Outcomes  # What happened to each example.
  rungs: list[ladder.Rung]  # What is right under each attack, [N] bool each.
  worst: dict[str, Any]  # The worst images, as `run.show` makes them.
  identity: dict[str, list[str]]  # Which images: `outcomes.identity`.

  @property
  def table(self) -> list[list[str]]:
    """Rows of cells, the header first: accuracy in % [Wilson 95% interval]."""
    if self.rungs:
      return ladder_table.rows(self.results)
    return pages.measure_rows([self._record()])

  @property
  def valid(self) -> bool:
    """Whether all gates passed; results['failed_gates'] has the others."""
    return self.results['valid']

  def to_json(self) -> str:
    """`results` as JSON."""
    return files.json_text(self.results)

  def to_csv(self) -> str:
    """One row per example: predictions, what broke it, which image it is."""
    return csv_text(self.outcomes, ladder.columns(self.rungs), self.identity)

  def to_html(self) -> str:
    """One page that loads nothing: tables, the worst images, gates."""
    return pages.single(
      self._record(),
      self.worst,
      title=f'Robustness of {self.results["model"]} to adversarial mixing',
      notes=self._notes(),
    )

  def save(self, folder: str | os.PathLike) -> None:
    """Writes report.html, report.json and per_example.csv, each atomically."""
    texts = {  # All of them before the first is written.
      'report.json': self.to_json(),
      'per_example.csv': self.to_csv(),
      'report.html': self.to_html(),
    }
    for name, text in texts.items():
      files.write_text(pathlib.Path(folder) / name, text)

  def _notes(self) -> list[str]:
    """The warnings, the encoder's error and the gates that failed."""
    error = self.results['reconstruction_error']
    notes = [f'Mean squared error of the reconstructions: {error:.4f}.']
    if not self.valid:
      failed = ', '.join(self.results['failed_gates'])
      notes.append(f'NOT VALID, gates failed: {failed}.')
    return notes + self.results['warnings']

  def _record(self) -> dict[str, Any]:
    """The results with the names of a run's record."""
    return self.results | {'method': self.results['model']}

  def _repr_html_(self) -> str:
    """The page within a frame, so that its style stays inside."""
    page = html.escape(self.to_html())
    return f'<iframe srcdoc="{page}" width="100%" height="700"></iframe>'

  def __repr__(self) -> str:
    """The table and the notes, as text."""
    text = pages.listing(self._record(), clean_on_all=False)
    return '\n'.join([text, *self._notes()])


def evaluate(
  logits_fn: Callable[..., Any],
  images: np.ndarray,
  labels: np.ndarray,
  *,
  generator: GeneratorLike,
  latents: np.ndarray | None = None,
  attack: str | ml_collections.ConfigDict = STANDARD,
  name: str = 'classifier',
  seed: int = 0,
  batch_size: int = 100,
  with_ladder: bool = True,
  judge_fn: ladder.JudgeFn | None = None,
  sources: Sequence[str] = (),
) -> Report:
  """Measures how robust a classifier is to adversarial mixing.

  Args:
    logits_fn: Images [B, H, W, C], floats in [0, 1] -> logits [B, K], for any
      B; each image on its own. A function of JAX is attacked with its
      gradients; any other one gets and returns NumPy, and is attacked without.
    images: [N, H, W, C], uint8 or floats in [0, 1].
    labels: [N], integers in 0..K - 1.
    generator: (functions, parameters) from `load_generator`, or the path of a
      StyleGAN's file, '' = the shipped one. Its images are as large as yours.
    latents: [N, L, D] that the generator decodes to the images; None:
      Algorithm 1 finds them, from the learned start beside a path if there is
      one, else from the average latents. A path fits better than a pair, whose
      clipped pixels have no gradient.
    attack: 'standard', or a config as `default_config().eval.attack`.
    name: Of the classifier, for the report.
    seed: Of all draws; classifiers with the same seed meet the same draws.
    batch_size: Images in one compiled call.
    with_ladder: False stops at Algorithm 2, in an eighth of the time.
    judge_fn: Images [N, H, W, C] -> their classes [N], integers; audits.
    sources: [N], the file or row of each image, for per_example.csv; (): none.

  Raises:
    ValueError: Bad input; the line says what and how to mend it.
    FileNotFoundError: There is no file of the generator.
  """
  attack = _attack(attack)
  inputs.check_name(name)
  seed = inputs.check_seed(seed)
  images = _checked(images, sources, judge_fn, with_ladder)
  prepared = _prepare(
    logits_fn, images, labels, generator, latents, batch_size, judge_fn
  )
  options = {'seed': seed, 'with_ladder': with_ladder, 'judge_fn': judge_fn}
  try:
    with foreign.naming(prepared.adapted):
      found = _assess(prepared, attack, options)
      return _report(prepared, found, sources, name, seed)
  finally:
    measures.forget()  # Else its programs keep the classifier in memory.


def _assess(prepared, attack, options):
  """Measures with the attack, or with what takes its place: an Evaluation."""
  gradients = prepared.adapted.gradients
  return run.assess(
    prepared.subject,
    prepared.batch,
    attack=attack if gradients else ladder.without_gradients(attack),
    batch_size=prepared.batch_size,
    gradients=gradients,
    **options,
  )


def _checked(images, sources, judge_fn, with_ladder):
  """The images as NumPy; checks what needs no classifier and no generator."""
  if judge_fn is not None and not with_ladder:
    raise ValueError('judge_fn audits the ladder, expected with_ladder=True')
  images = pixels.check(images)
  inputs.check_sources(sources, len(images))
  return images


class _Prepared(NamedTuple):
  """Input that has been checked."""

  subject: Subject
  batch: types.Batch
  adapted: foreign.Adapted
  batch_size: int  # At most the number of images.


def _attack(attack):
  """The attack's config."""
  if isinstance(attack, ml_collections.ConfigDict):
    attack = ml_collections.ConfigDict(attack.to_dict())  # Not frozen.
    missing = [
      name for name in run.default_config().attack if name not in attack
    ]
    if missing:
      raise ValueError(
        f'attack lacks {", ".join(missing)}: change a '
        'default_config().eval.attack'
      )
    attacks.check_attack(attack)
    return attack
  if attack != STANDARD:
    raise ValueError(
      f'attack is {attack!r}, expected {STANDARD!r} or a config as '
      'default_config().eval.attack'
    )
  return run.default_config().attack


def _prepare(
  logits_fn, images, labels, generator, latents, batch_size, judge_fn
):
  """Checks everything, then finds latents if there are none: a _Prepared."""
  labels = inputs.check_labels(labels, len(images))
  functions, params = _load(generator)
  inputs.check_size(images, generators.image_shape(functions, params))
  if latents is not None:
    latents = inputs.check_latents(latents, len(images), functions)
  if batch_size < 1:
    raise ValueError(f'batch_size is {batch_size}, expected >= 1')
  some = datasets.to_float(images[:_PROBE])
  adapted = foreign.adapt(logits_fn, some)
  labels = inputs.check_classes(labels, adapted.num_classes)
  if judge_fn is not None:
    inputs.check_shown(np.asarray(judge_fn(some)), len(some))
  for text in adapted.warnings:
    warnings.warn(text, stacklevel=3)
  subject = Subject(adapted.logits_fn, {}, functions, params)
  size = min(batch_size, len(images))
  with foreign.naming(adapted):
    inputs.check_finite(measures.predict(subject, images, batch_size=size))
  if latents is None:
    latents = _encode(images, generator)
  batch = types.Batch(images, labels, latents)
  return _Prepared(subject, batch, adapted, size)


def _is_path(generator):
  return isinstance(generator, str | os.PathLike)


def _load(generator) -> tuple[types.Generator, types.Params]:
  """The generator's functions and parameters."""
  if _is_path(generator):
    return generators.load(pipeline.config_for(generator).generator)
  found = isinstance(generator, tuple) and len(generator) == 2
  if not found or not isinstance(generator[0], types.Generator):
    raise ValueError(
      f'generator is a {type(generator).__name__}, expected a path, or the '
      'functions and parameters that load_generator returns'
    )
  return generator


def _encode(images, generator):
  """Latents [N, L, D] of the images, exact ones for the ideal generator.

  A path is decoded with `ops.clip_towards`. A pair is decoded as it is: images
  of a loaded generator are clipped already, so its saturated pixels have no
  gradient; other images are not clipped, in the attack neither.
  """
  if _is_path(generator):
    return pipeline.encode(images, pipeline.config_for(generator))[0]
  functions, params = generator
  if ideal.is_ideal(functions):
    return np.asarray(ideal.encode(datasets.to_float(images)))
  found, _ = algorithm1.encode(
    images,
    generator=functions,
    generator_params=params,
    features_fn=perceptual.load(),
    config=pipeline.average_config(),
    start_fn=None,
    rng=jax.random.key(0),
  )
  return found


def _leaving(images):
  """Says that a generator's images leave [0, 1], '' if none does."""
  low, high = float(images.min()), float(images.max())
  if low >= -_ROUNDING and high <= 1 + _ROUNDING:
    return ''
  return (
    f'attacked images have values from {low:.3f} to {high:.3f}, not in [0, 1]; '
    "clip them in the generator's `fine` and `synthesize`"
  )


def _unnamed(margin):
  """Says that logits of attacked images are not finite, '' if none are."""
  count = int(np.isinf(margin).sum())
  if not count:
    return ''
  return (
    f'logits of {count} of {len(margin)} attacked images are NaN or infinite; '
    'they count as misclassified'
  )


def _by_class(found):
  """How many images of each class are right, in every measure."""
  outcomes = found.outcomes
  right = {'clean': outcomes.clean == outcomes.label} | correct(outcomes)
  right |= {rung.name: rung.right for rung in found.rungs}
  return classes.count(outcomes.label, right)


def _report(prepared, found, sources, name, seed) -> Report:
  subject, batch, adapted, size = prepared
  decoded = measures.decode(subject, batch.latents, batch_size=size)
  error = np.square(decoded - datasets.to_float(batch.image)).mean()
  attacked = measures.adversarial_images(
    subject, batch, found.outcomes.attacked, batch_size=size
  )
  margin = measures.margins(subject, attacked, batch.label, batch_size=size)
  notes = [
    lookup.misfit(batch.image, float(error)),
    _leaving(attacked),
    _unnamed(margin),
  ]
  index = _hardest(margin, found.outcomes)
  worst = run.show(subject, batch, found.outcomes, index=index, seed=seed)
  results = {
    'model': name,
    'seed': seed,
    'num_classes': adapted.num_classes,
    'gradients': adapted.gradients,
    'warnings': [*adapted.warnings, *filter(None, notes)],
    'reconstruction_error': float(error),
    'by_class': _by_class(found),
  }
  which = identity(batch.image, sources)
  results |= found.results
  return Report(results, found.outcomes, found.rungs, worst, which)


def _hardest(margin, outcomes):
  """Places [n <= 10] of the images that the attack makes most wrong.

  Of those that are right before it; if there are none, of all.

  Args:
    margin: [N], of the attacked images.
    outcomes: Of the N images.
  """
  right = np.flatnonzero(outcomes.clean == outcomes.label)
  places = right if len(right) else np.arange(len(margin))
  return places[np.argsort(-margin[places], kind='stable')][:_WORST]
