"""What figures 2 and 9 share: ten digits, a nominal classifier, examples.

Contents: config, one_of_each, nominal_logits_fn, examples.
"""

from __future__ import annotations

import functools
import tempfile

import ml_collections
import numpy as np

from advmix_jax import datasets, generators, training, types
from advmix_jax.datasets.digits import NUM_CLASSES
from advmix_jax.encoder import lookup
from figures import short

_STEPS = 150  # The colour is learned by then.
_BATCH = 64


def config() -> ml_collections.ConfigDict:
  """The config of a run on biased digits; mixup's alpha is 1 here.

  With the 0.2 of training, most pictures of mixup would show one digit alone.
  """
  fields = training.default_config()
  fields.optimizer.batch_size = 10
  fields.mixup.alpha = 1.0
  return fields


def one_of_each(
  config: ml_collections.ConfigDict,
) -> tuple[types.Batch, types.Generator, types.Params]:
  """The first training digit of each class, with latents, and the generator."""
  train = datasets.load(config.data, 'train')
  index = [
    np.flatnonzero(train.label == y)[0] for y in range(train.num_classes)
  ]
  chosen = train._replace(image=train.image[index], label=train.label[index])
  generator, params = generators.load(config.generator)
  with tempfile.TemporaryDirectory() as folder:
    latents = lookup.load_latents(config, chosen, generator, params, folder)
  batch = types.Batch(
    datasets.to_float(chosen.image), chosen.label, np.asarray(latents)
  )
  return batch, generator, params


def nominal_logits_fn(config: ml_collections.ConfigDict) -> types.LogitsFn:
  """A classifier after a short nominal training on the biased digits."""
  config = config.copy_and_resolve_references()
  config.optimizer.batch_size = _BATCH
  train = datasets.load(config.data, 'train')
  data = types.Batch(train.image, train.label)
  order = datasets.epoch_batches(config.seed, len(train.label), _BATCH)
  classifier, params = short.nominal(
    config, data, train.num_classes, order[:_STEPS]
  )
  return functools.partial(classifier.apply, params)


def examples(
  name: str,
  config: ml_collections.ConfigDict,
  batch: types.Batch,
  logits_fn: types.LogitsFn,
  generator: types.Generator,
  params: types.Params,
) -> types.Examples:
  """One draw of a method's examples on the batch, as NumPy arrays."""
  return short.examples(
    name, config, batch, NUM_CLASSES, logits_fn, generator, params
  )
