"""Runs of a classifier that take a second: the real config, shrunken.

Contents: config, dataset, train, steps, step_fn.
"""

import functools
import importlib.util

from advmix_jax import (
  classifiers,
  datasets,
  generators,
  methods,
  training,
  types,
)
from advmix_jax.encoder import lookup
from advmix_jax.runtime import checkpoints
from helpers import paths


def config(**fields):
  """The real config, shrunken: 3 steps an epoch of a linear classifier."""
  path = paths.EXPERIMENTS / 'configs' / 'colored_mnist.py'
  spec = importlib.util.spec_from_file_location('colored_mnist', path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  small = module.get_config('ideal')
  small.update_from_flattened_dict(
    {
      'method': 'nominal',
      'environment': 'color',  # IRM needs one; the others ignore it.
      'data.num_train': 24,
      'data.num_test': 8,
      'classifier.name': 'linear',
      'optimizer.batch_size': 8,
      'optimizer.epochs': 2,
      'attack.restarts': 2,
      'attack.steps': 1,
      'pixel_attack.steps': 2,
      'irm.anneal_steps': 1,
      'log_every': 2,
    }
  )
  small.update_from_flattened_dict(fields)
  return small


@functools.cache
def dataset(name='colored_mnist'):
  """The training data of that config."""
  return datasets.load(config(**{'data.name': name}).data, 'train')


def train(config, workdir):
  """Trains in workdir, or goes on there; returns the parameters."""
  return training.train_classifier(config, workdir, dataset())


def steps(workdir):
  """Steps of which workdir holds a checkpoint."""
  manager = checkpoints.make_manager(workdir)
  return sorted(manager.all_steps())


def step_fn(config):
  """A train step, its state, its batch and the generator's parameters."""
  generator, params = generators.load(config.generator)
  method = methods.make(
    config.method, config, num_classes=10, generator=generator
  )
  classifier = classifiers.make_classifier(config.classifier, 10)
  data = dataset()
  latents = lookup.load_latents(config, data, generator, params, '/nowhere')
  image = datasets.to_float(data.image[:8])
  batch = types.Batch(
    image, data.label[:8], latents[:8], data.groups['color'][:8]
  )
  state = training.create_train_state(config, classifier, image[:1])
  step = training.make_train_step(config, classifier, method)
  return step, state, batch, params
