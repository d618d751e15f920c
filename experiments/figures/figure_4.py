"""Figure 4: the toy, with what AdvMix and mixup make of it.

Three linear classifiers are trained on 200 points: on the points themselves, on
AdvMix's examples and on mixup's. A panel shows 200 examples, taken at ten steps
of the training, the 200 points in grey, and the boundary at the end. AdvMix
knows the true generator, mixup does not: mixup's examples lie between the
classes, where there are no points; AdvMix's move along x1 alone, to where the
classifier of that step is worst, and no further than the generator goes.

Contents: make.
"""

from __future__ import annotations

import functools
import os
import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import classifiers, methods, training, types
from advmix_jax.generators import toy
from advmix_jax.report import illustrations
from advmix_jax.runtime import files

_TITLES = {'nominal': 'Original', 'advmix': 'AdvMix', 'mixup': 'mixup'}
_SIZE = 200
_STEPS = 300
_SNAPSHOTS = 10
_GRID = np.linspace(-8, 18, 53), np.linspace(-8, 28, 73)


def make(outdir: str | os.PathLike) -> list[pathlib.Path]:
  """Writes OUTDIR/figure_4.png and .svg; returns their paths."""
  panels = [_panel(method) for method in _TITLES]
  figure = illustrations.scatter_panels(
    panels, x_label='$x_1$', y_label='$x_2$'
  )
  paths = []
  for kind in ('png', 'svg'):
    paths.append(pathlib.Path(outdir) / f'figure_4.{kind}')
    files.write_bytes(paths[-1], illustrations.render(figure, kind))
  return paths


def _config(method: str) -> ml_collections.ConfigDict:
  """A linear classifier on the whole toy in every step."""
  config = training.default_config()
  config.method = method
  config.classifier.name = 'linear'
  config.optimizer.update(batch_size=_SIZE, learning_rate=0.05)
  config.mixup.alpha = 1.0
  # Latents have the units of x: half a standard deviation of x1 or so.
  config.attack.update(restarts=5, steps=2, eps=1.0, alpha=0.5)
  return config


def _panel(name: str) -> illustrations.Panel:
  """Trains one classifier; its examples and its boundary."""
  config = _config(name)
  image, label = toy.sample(seed=0, size=_SIZE)
  batch = types.Batch(jnp.asarray(image), label, toy.encode(image))
  examples, logits_fn = _train(config, batch)
  x, y = _GRID
  grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
  probability = jax.nn.softmax(logits_fn(toy.to_image(jnp.asarray(grid))))
  return illustrations.Panel(
    title=_TITLES[name],
    original=np.asarray(toy.to_points(image)),
    points=np.asarray(toy.to_points(examples.image)),
    share=np.asarray(examples.target[:, 1]),
    x=x,
    y=y,
    probability=np.asarray(probability[:, 1]).reshape(len(y), len(x)),
  )


def _train(
  config: ml_collections.ConfigDict, batch: types.Batch
) -> tuple[types.Examples, types.LogitsFn]:
  """Example i as it was at snapshot i mod 10, and the final classifier."""
  classifier = classifiers.make_classifier(config.classifier, 2)
  method = methods.make(
    config.method, config, num_classes=2, generator=toy.make_generator()
  )
  step_fn = training.make_train_step(config, classifier, method)
  state = training.create_train_state(config, classifier, batch.image[:1])
  rng = jax.random.key(config.seed)

  @jax.jit
  def examples_fn(params, step):
    logits_fn = functools.partial(classifier.apply, params)
    key = jax.random.fold_in(rng, step)  # That of the train step.
    return method.examples_fn(key, logits_fn, batch, {})

  snapshots = []
  for step in range(_STEPS):
    if step % (_STEPS // _SNAPSHOTS) == 0:
      snapshots.append(jax.device_get(examples_fn(state.params, state.step)))
    state, _ = step_fn(state, batch, rng, {})
  place = np.arange(_SIZE)
  examples = jax.tree.map(
    lambda *rows: np.stack(rows)[place % _SNAPSHOTS, place], *snapshots
  )
  return examples, functools.partial(classifier.apply, state.params)
