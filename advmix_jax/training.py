"""Training a classifier by one method: the state, the step, the whole run.

  results = train_and_evaluate(config, 'runs/advmix')

A run is a pure function of its config: the draws of step n come from
fold_in(key(seed), n), and the order of epoch e from (seed, e). So a run that
was killed and resumed ends with the same bits as one that was not.

WORKDIR holds config.json, checkpoints/, metrics.jsonl, tensorboard/,
classifier.npz, and results.json once the run is done.

Contents: create_train_state, make_train_step, train_classifier,
train_and_evaluate, summary.
"""

from __future__ import annotations

import functools
import json
import math
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from advmix_jax import classifiers, types
from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.encoder import inputs
from advmix_jax.methods import methods
from advmix_jax.runtime import (
  checkpoints,
  files,
  locks,
  metrics,
  parallel,
  preemption,
  run_folder,
)

# (state, batch, rng, generator_params) -> (state, {name: scalar})
TrainStep = Callable[..., tuple[types.TrainState, dict[str, jax.Array]]]


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
  params = classifier.init(rng, image)
  opt_state = _optimizer(config).init(params)
  return types.TrainState(jnp.int32(0), params, opt_state)


def make_train_step(
  config: ml_collections.ConfigDict,
  classifier: classifiers.Classifier,
  method: methods.Method,
) -> TrainStep:
  """Returns the compiled step that all methods share, on all devices.

  Step n minimises the mean cross-entropy on the method's examples, drawn with
  fold_in(rng, n). The state is donated: use the one that comes back.

  Args:
    config: Reads `optimizer` and `parallel`.
    classifier: What is trained.
    method: From `methods.make_method`.

  Returns:
    (state, batch, rng, generator_params) -> (state, metrics) with metrics
    'loss', and 'accuracy' on the examples, both before the update.
  """
  optimizer, size = _optimizer(config), config.optimizer.batch_size

  def mean_loss(params, examples):
    logits = classifier.apply(params, examples.image)
    hit = jnp.argmax(logits, axis=-1) == jnp.argmax(examples.target, axis=-1)
    losses = methods.cross_entropy(logits, examples.target)
    loss = parallel.mean(losses, size)
    hits = parallel.mean(hit.astype(jnp.float32), size)
    return loss, {'loss': loss, 'accuracy': hits}

  def train_step(state, batch, rng, generator_params):
    logits_fn = functools.partial(classifier.apply, state.params)
    rng = jax.random.fold_in(rng, state.step)
    examples = method(rng, logits_fn, batch, generator_params)
    grads, record = jax.grad(mean_loss, has_aux=True)(state.params, examples)
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


def _batches(
  config: ml_collections.ConfigDict, data: types.Batch, first: int, last: int
) -> Iterator[types.Batch]:
  """Yields the batches of steps first..last-1; see datasets.batches."""
  epoch, order = -1, np.zeros((1, 0))
  for step in range(first, last):
    new, position = divmod(step, _steps_per_epoch(config, data))
    if new != epoch:
      epoch = new
      order = datasets.batches(
        (config.seed, epoch), len(data.label), config.optimizer.batch_size
      )
    yield jax.tree.map(lambda a, i=order[position]: a[i], data)


def _steps_per_epoch(
  config: ml_collections.ConfigDict, data: types.Batch
) -> int:
  return math.ceil(len(data.label) / config.optimizer.batch_size)


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
  manager = checkpoints.make_manager(workdir)
  first, state = checkpoints.restore(manager, state) or (0, state)
  per_epoch = _steps_per_epoch(config, data)
  last = per_epoch * config.optimizer.epochs
  save_every = config.checkpoint_every or per_epoch
  rng = jax.random.fold_in(jax.random.key(config.seed), 1)
  metrics.truncate(workdir, first)
  before = _seconds_so_far(workdir)
  started = time.monotonic()
  pending = []
  bar = metrics.progress(
    description=f'train {config.method}', total=last, initial=first
  )
  with metrics.writer(workdir) as write, bar, preemption.saving():
    for step, batch in enumerate(
      _batches(config, data, first, last), first + 1
    ):
      state, record = train_step(state, batch, rng, generator_params)
      pending.append(record)
      stop_now = preemption.asked(step, every=config.log_every)
      save_now = step % save_every == 0 or step == last or stop_now
      if save_now or step % config.log_every == 0:
        values = _finite_means(config, pending, step, manager)
        values['wall_seconds'] = before + time.monotonic() - started
        write(step, {f'train/{name}': v for name, v in values.items()})
        bar.update(len(pending))
        bar.set_postfix_str(f'loss {values["loss"]:.3f}', refresh=False)
        pending = []
      if save_now:
        checkpoints.save(manager, step, state)
      if stop_now:
        preemption.stop()
  return state


def _finite_means(
  config: ml_collections.ConfigDict,
  records: list[dict[str, jax.Array]],
  step: int,
  manager: Any,
) -> dict[str, float]:
  """Means over the steps up to `step`; ValueError where they aren't finite."""
  means = {
    name: float(np.mean([record[name] for record in records]))
    for name in records[0]
  }
  if not np.isfinite(means['loss']):
    good = manager.latest_step()
    raise ValueError(
      f'the loss is {means["loss"]} in steps {step - len(records) + 1}..{step} '
      f'with optimizer.learning_rate={config.optimizer.learning_rate}; the '
      f'last good checkpoint, {"none yet" if good is None else f"step {good}"},'
      f' is kept in {manager.directory}'
    )
  return means


def _seconds_so_far(workdir: pathlib.Path) -> float:
  """Training seconds of the processes that this one resumes."""
  records = metrics.read(workdir)
  return records[-1].get('train/wall_seconds', 0.0) if records else 0.0


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
    What results.json holds: method, dataset, data_source, num_train, num_test,
    sigma, seed, clean_accuracy, perturbed_accuracy, perturbed_attack, ci95,
    wall_seconds, commit, config, and further fields of the evaluation.

  Raises:
    ValueError: A bad option, a workdir of another config or that another
      process is using, a non-finite loss.
    FileNotFoundError: Missing data or a missing generator.
  """
  workdir = pathlib.Path(workdir)
  methods.check_name(config.method)
  run_folder.check_workdir(config, workdir)
  if (workdir / 'results.json').exists():
    return json.loads((workdir / 'results.json').read_text())
  with locks.hold(workdir):
    return _train_and_evaluate(config, workdir)


def _train_and_evaluate(config, workdir):
  from advmix_jax.evaluation import run as evaluation

  started = time.monotonic()
  train, test = (datasets.load(config.data, s) for s in ('train', 'test'))
  print(
    f'{config.data.name}: {len(train.label)} training and {len(test.label)} '
    f'test digits, source {train.source}, sigma {config.data.sigma:g}'
  )
  earlier = _seconds_so_far(workdir)
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
    'dataset': config.data.name,
    'data_source': train.source,
    'num_train': len(train.label),
    'num_test': len(test.label),
    'sigma': config.data.sigma,
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
  dataset: datasets.Dataset,
) -> types.Params:
  """Trains on `dataset`, resuming what WORKDIR holds; saves classifier.npz.

  Returns:
    The classifier's parameters.

  Raises:
    ValueError, FileNotFoundError: As `train_and_evaluate`.
  """
  workdir = pathlib.Path(workdir)
  generator, generator_params, latents = None, None, None
  _optimizer(config)  # Bad options fail before anything long.
  if config.method in methods.NEEDS_LATENTS:
    generator, generator_params = inputs.load_generator(config.generator)
  method = methods.make_method(
    config.method,
    config,
    num_classes=datasets.NUM_CLASSES,
    generator=generator,
  )
  classifier = classifiers.make_classifier(
    config.classifier, datasets.NUM_CLASSES
  )
  run_folder.claim_workdir(config, workdir)
  if generator is not None:
    latents = inputs.load_latents(
      config, dataset, generator, generator_params, workdir
    )
  state = _train(
    config,
    workdir,
    make_train_step(config, classifier, method),
    create_train_state(config, classifier, dataset.image[:1]),
    types.Batch(dataset.image, dataset.label, latents),
    generator_params,
  )
  classifiers.save(
    workdir / 'classifier.npz',
    config.classifier,
    state.params,
    num_classes=datasets.NUM_CLASSES,
  )
  return state.params


def summary(results: dict[str, Any], workdir: str | os.PathLike) -> str:
  """The line that a run ends with."""
  clean, perturbed = (
    f'{100 * results[f"{name}_accuracy"]:.1f}% [{{:.1f}}, {{:.1f}}]'.format(
      *(100 * v for v in results['ci95'][name])
    )
    for name in ('clean', 'perturbed')
  )
  path = pathlib.Path(workdir) / 'results.json'
  path = min(os.path.relpath(path), os.path.abspath(path), key=len)
  return (
    f'{results["method"]}: clean {clean}, under attack {perturbed}, '
    f'{results["wall_seconds"]:.0f} s, {path}'
  )
