"""Training a classifier by one method: the state, the step, the whole run.

  results = train_and_evaluate(config, 'runs/advmix')

A run is a pure function of its config, data, generator and latents: step n
draws from fold_in(fold_in(key(seed), 1), n), epoch e is ordered by (seed, e). A
run that was killed and resumed ends with the same bits as one that was not.

WORKDIR holds config.json, hashes of what it uses, checkpoints/, metrics.jsonl,
tensorboard/, classifier.npz, and results.json once the run is done.

Contents: default_config, stored_config, create_train_state, make_train_step,
train_classifier, train_and_evaluate.
"""

from __future__ import annotations

import functools
import math
import os
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax

from advmix_jax import (
  attacks,
  classifiers,
  datasets,
  generators,
  methods,
  types,
)
from advmix_jax.datasets import image_hash
from advmix_jax.encoder import algorithm1, lookup
from advmix_jax.evaluation import leaks
from advmix_jax.evaluation import run as evaluation
from advmix_jax.report import tables
from advmix_jax.runtime import (
  files,
  locks,
  loop,
  options,
  parallel,
  run_folder,
  untrusted,
)

_NAME = 'train'  # Prefix of the metrics' names.

# (state, batch, rng, generator_params) -> (state, {name: scalar})
TrainStep = Callable[..., tuple[types.TrainState, dict[str, jax.Array]]]


def default_config(data: str = 'colored_mnist') -> ml_collections.ConfigDict:
  """The config of a run; every section has its defaults in one place.

  Args:
    data: the data set whose fields it has, one of datasets.NAMES.

  Returns:
    method: a key of methods.METHODS. seed: of initial weights, order, and every
    draw in training. environment: the grouping of the data set that gives each
    example its environment, '' = none. parallel: how several devices share a
    batch, 'pmap' or 'sharding'. log_every: steps per line of metrics.jsonl.
    checkpoint_every: steps per checkpoint, 0 = once per epoch. optimizer:
    learning_rate of Adam, batch_size, epochs. data: datasets.default_config.
    generator: generators.default_config. encoder: algorithm1.default_config.
    classifier: classifiers.default_config. mixup, cutout, cutmix, irm, mixing,
    pixel_attack, attack: methods.default_config. eval:
    evaluation.run.default_config.
  """
  config = ml_collections.ConfigDict(
    {
      'method': 'advmix',
      'seed': 0,
      'environment': '',
      'parallel': 'pmap',
      'log_every': 10,
      'checkpoint_every': 0,
      'optimizer': {'learning_rate': 1e-3, 'batch_size': 64, 'epochs': 5},
      'data': datasets.default_config(data),
      'generator': generators.default_config(),
      'encoder': algorithm1.default_config(),
      'classifier': classifiers.default_config(),
      'eval': evaluation.default_config(),
    }
  )
  config.update(methods.default_config())
  return config.lock()  # A field that does not exist is refused.


def _optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam with the config's constant learning rate."""
  for name in ('learning_rate', 'batch_size', 'epochs'):
    if not config.optimizer[name] > 0:
      raise ValueError(
        f'optimizer.{name} is {config.optimizer[name]}, expected > 0'
      )
  return optax.adam(config.optimizer.learning_rate)


def stored_config(workdir: str | os.PathLike) -> ml_collections.ConfigDict:
  """The config of the run in WORKDIR.

  Raises:
    FileNotFoundError: There is no run.
    ValueError: Its config isn't one.
  """
  default = default_config(run_folder.data_name(workdir))
  # A run of an earlier version lacks options, whose defaults are what it did.
  default.eval.attack = attacks.default_config()
  return run_folder.load_workdir(workdir, default)


def create_train_state(
  config: ml_collections.ConfigDict,
  classifier: classifiers.Classifier,
  image: jax.Array,
) -> types.TrainState:
  """Returns the state of step 0, a pure function of config.seed.

  Args:
    config: Reads `seed` and `optimizer`.
    classifier: What is trained.
    image: [B, H, W, C], any images of the right size.
  """
  # XLA's own generator: the default one compiles for seconds per shape.
  rng = jax.random.key(config.seed, impl='rbg')
  params = jax.jit(classifier.init)(rng, image)  # Compiled once, not by layer.
  opt_state = _optimizer(config).init(params)
  return types.TrainState(jnp.int32(0), params, opt_state)


def make_train_step(
  config: ml_collections.ConfigDict,
  classifier: classifiers.Classifier,
  method: types.Method,
) -> TrainStep:
  """Returns the compiled step that all methods share, on all devices.

  Step n minimises the mean cross-entropy on the method's examples, drawn with
  fold_in(rng, n), plus the method's penalty where it has one. The state is
  donated: use the one that comes back.

  Args:
    config: Reads `optimizer` and `parallel`.
    classifier: What is trained.
    method: From `methods.make`.

  Returns:
    (state, batch, rng, generator_params) -> (state, metrics) with metrics
    'loss', and 'accuracy' on the examples, both before the update.
  """
  optimizer, size = _optimizer(config), config.optimizer.batch_size

  def total_loss(params, examples, step):
    logits_fn = functools.partial(classifier.apply, params)
    logits = logits_fn(examples.image)
    hit = jnp.argmax(logits, axis=-1) == jnp.argmax(examples.target, axis=-1)
    losses = optax.softmax_cross_entropy(logits, examples.target)
    loss = parallel.mean(losses, size)
    if method.penalty_fn is not None:
      weight = (method.penalty_weight_fn or jnp.ones_like)(step)
      penalty = method.penalty_fn(logits_fn, examples)
      loss = (loss + weight * penalty) / jnp.maximum(weight, 1)
    hits = parallel.mean(hit.astype(jnp.float32), size)
    return loss, {'loss': loss, 'accuracy': hits}

  def train_step(
    state: types.TrainState,
    batch: types.Batch,
    rng: jax.Array,
    generator_params: types.Params,
  ) -> tuple[types.TrainState, dict[str, jax.Array]]:
    logits_fn = functools.partial(classifier.apply, state.params)
    rng = jax.random.fold_in(rng, state.step)
    batch = batch._replace(step=state.step)
    examples = method.examples_fn(rng, logits_fn, batch, generator_params)
    grads, record = jax.grad(total_loss, has_aux=True)(
      state.params, examples, state.step
    )
    grads, record = parallel.total((grads, record))
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return types.TrainState(state.step + 1, params, opt_state), record

  return parallel.compile(
    train_step,
    config.parallel,
    split=(False, True, False, False),
    out_split=False,
    donate=(0,),
  )


def _steps_per_epoch(
  config: ml_collections.ConfigDict, data: types.Batch
) -> int:
  return math.ceil(len(data.label) / config.optimizer.batch_size)


def _batch_fn(
  config: ml_collections.ConfigDict, data: types.Batch
) -> Callable[[int], types.Batch]:
  """Returns step -> batch."""
  index = datasets.shuffled(
    config.seed, len(data.label), config.optimizer.batch_size
  )
  return lambda step: datasets.take(data, index(step))


def _train(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  train_step: TrainStep,
  state: types.TrainState,
  data: types.Batch,
  generator_params: types.Params,
) -> types.TrainState:
  """Runs the remaining steps; returns the final state, which is saved.

  Args:
    config: The run's config.
    workdir: Where checkpoints and metrics go.
    train_step: From `make_train_step`.
    state: Of step 0; replaced by the newest checkpoint where there is one.
    data: All training examples, on the host.
    generator_params: For the method; None where it needs none.

  Raises:
    ValueError: The loss isn't finite; the checkpoints before it are kept.
  """
  rng = jax.random.fold_in(jax.random.key(config.seed), 1)
  batch = _batch_fn(config, data)
  per_epoch = _steps_per_epoch(config, data)
  rate = config.optimizer.learning_rate
  plan = loop.Plan(
    name=_NAME,
    description=f'train {config.method}',
    steps=per_epoch * config.optimizer.epochs,
    log_every=config.log_every,
    save_every=config.checkpoint_every or per_epoch,
    hint=f'a smaller optimizer.learning_rate than {rate:g} may help',
  )
  return loop.run(
    workdir,
    state,
    lambda step, state: train_step(state, batch(step), rng, generator_params),
    plan,
  )


def train_and_evaluate(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> dict[str, Any]:
  """Trains, evaluates, and writes WORKDIR/results.json.

  A finished run is not run again: its results are read. An unfinished one is
  resumed from its newest checkpoint.

  Args:
    config: As in experiments/configs/colored_mnist.py.
    workdir: The run's folder, of this very config or new.

  Returns:
    What results.json holds: method, the fields of `datasets.describe`,
    data_source, num_train, num_test, seed, clean_accuracy, perturbed_accuracy,
    perturbed_attack, ci95, wall_seconds, commit, config, and further fields of
    the evaluation.

  Raises:
    ValueError: A bad option, a workdir of another config or other data or that
      another process is using, a non-finite loss.
    FileNotFoundError: Missing data or a missing generator.
  """
  workdir = pathlib.Path(workdir)
  _check(config)
  run_folder.check_workdir(config, workdir)
  if (workdir / 'results.json').exists():
    generators.claim(config.generator, workdir, note=False)
    return untrusted.read_json(
      workdir / 'results.json',
      'not the results of a run',
      lambda results: tables.summary(results, workdir),
    )
  with locks.hold(workdir):
    return _train_and_evaluate(config, workdir)


def _check(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError for an option that no run can have."""
  methods.check_name(config.method)
  _optimizer(config)
  options.check(config)
  parallel.check(config.parallel)
  evaluation.check(config.eval)
  algorithm1.check(config.encoder)
  generators.check_named(config.generator, config.data.name)


def _train_and_evaluate(config, workdir):
  started = time.monotonic()
  test = datasets.load(config.data, 'test')
  evaluation.check_examples(  # Not only after the training.
    config, test, num_examples=config.eval.num_examples
  )
  train = datasets.load(config.data, 'train')  # May take minutes to decode.
  sizes = f'{len(train.label)} training and {len(test.label)} test images'
  print(f'{config.data.name}: {sizes}, source {train.source}')
  leaks.warn(config.generator, test.image, train.image)
  earlier = loop.seconds_so_far(workdir, _NAME)
  params = train_classifier(config, workdir, train)
  values = evaluation.evaluate_run(
    config,
    workdir,
    params,
    num_examples=config.eval.num_examples,
    attack=config.eval.attack,
  )
  results = {
    'method': config.method,
    **datasets.describe(config.data),
    'data_source': train.source,
    'num_train': len(train.label),
    'num_test': len(test.label),
    'seed': config.seed,
    **values,
    'wall_seconds': earlier + time.monotonic() - started,
    'commit': run_folder.commit(),
    'config': run_folder.plain(config),
  }
  files.write_json(workdir / 'results.json', results)
  return results


def train_classifier(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  dataset: types.Dataset,
) -> types.Params:
  """Trains on `dataset`, resuming what WORKDIR holds; saves classifier.npz.

  Returns:
    The classifier's parameters.

  Raises:
    ValueError, FileNotFoundError: As `train_and_evaluate`.
  """
  workdir = pathlib.Path(workdir)
  _check(config)  # Before anything long, and before the folder is claimed.
  environment = datasets.environment(dataset, config.environment)
  generator, generator_params, latents = None, None, None
  if config.method in methods.NEEDS_LATENTS:
    generator, generator_params = generators.load(config.generator)
  method = methods.make(
    config.method,
    config,
    num_classes=dataset.num_classes,
    generator=generator,
  )
  classifier = classifiers.make_classifier(
    config.classifier, dataset.num_classes
  )
  train_step = make_train_step(config, classifier, method)
  image = datasets.to_float(dataset.image[:1])
  state = create_train_state(config, classifier, image)
  if generator is not None:
    lookup.check_file(config, dataset)
  run_folder.claim_workdir(config, workdir, image_hash.data_hash(dataset))
  if generator is not None:
    generators.claim(config.generator, workdir)
    latents = lookup.load_latents(
      config, dataset, generator, generator_params, workdir
    )
  run_folder.claim_array(workdir, 'latents', latents)
  run_folder.claim_array(workdir, 'environments', environment)
  state = _train(
    config,
    workdir,
    train_step,
    state,
    types.Batch(dataset.image, dataset.label, latents, environment),
    generator_params,
  )
  classifiers.save(
    workdir / 'classifier.npz',
    config.classifier,
    state.params,
    num_classes=dataset.num_classes,
    classes=dataset.classes,
  )
  return state.params
