"""What the figures of digits and of faces share: short runs, one draw.

Contents: nominal, examples.
"""

from __future__ import annotations

from collections.abc import Iterable

import jax
import ml_collections
import numpy as np

from advmix_jax import classifiers, datasets, methods, training, types


def nominal(
  config: ml_collections.ConfigDict,
  data: types.Batch,
  num_classes: int,
  batches: Iterable[np.ndarray],
) -> tuple[classifiers.Classifier, types.Params]:
  """A classifier after a nominal training.

  Args:
    config: of a run; reads `classifier`, `optimizer` and `seed`.
    data: all training images, NumPy arrays.
    num_classes: K.
    batches: the indices [B] of each step.
  """
  classifier = classifiers.make_classifier(config.classifier, num_classes)
  method = methods.make('nominal', config, num_classes=num_classes)
  step = training.make_train_step(config, classifier, method)
  state = training.create_train_state(
    config, classifier, datasets.to_float(data.image[:1])
  )
  for index in batches:
    batch = datasets.take(data, index)
    state, _ = step(state, batch, jax.random.key(config.seed), None)
  return classifier, state.params


def examples(
  name: str,
  config: ml_collections.ConfigDict,
  batch: types.Batch,
  num_classes: int,
  logits_fn: types.LogitsFn,
  generator: types.Generator,
  params: types.Params,
) -> types.Examples:
  """One draw of a method's examples on the batch, as NumPy arrays."""
  method = methods.make(
    name, config, num_classes=num_classes, generator=generator
  )

  @jax.jit
  def draw(rng, batch, params):
    return method.examples_fn(rng, logits_fn, batch, params)

  return jax.device_get(draw(jax.random.key(config.seed), batch, params))
