"""Faces drawn by the generator that ships: what demo_faces.py runs.

Their latents are known, so nothing is encoded, and the judge that ships has
labelled them. demo_faces.py sets the paths of both files.
"""

import ml_collections

from advmix_jax import training
from advmix_jax.runtime import shipped


def get_config() -> ml_collections.ConfigDict:
  """Returns the config of a classifier of drawn faces."""
  config = training.default_config('arrays')
  config.generator.path = str(shipped.DATA / 'face_generator.npz')
  config.classifier.width = 8
  config.optimizer.epochs = 10
  config.eval.num_examples = 200
  return config
