"""The standard evaluation of the toy's examples.

Contents: GENERATOR, examples, logits_fn, evaluate, report.
"""

import functools

import jax.numpy as jnp
import numpy as np

from advmix_jax.evaluation import standard
from helpers import toy_subject as toy


def _colored(decode):
  """The toy's images with a third channel, so that they can be drawn."""

  def call(*arguments):
    return jnp.pad(decode(*arguments), ((0, 0), (0, 0), (0, 0), (0, 1)))

  return call


_TOY = toy.generator()
GENERATOR = (
  _TOY._replace(synthesize=_colored(_TOY.synthesize), fine=_colored(_TOY.fine)),
  {},
)


def examples():
  """The toy's examples, all of class 1, with images in [0, 1]."""
  batch = toy.batch()
  image = np.pad(batch.image / 5, ((0, 0), (0, 0), (0, 0), (0, 1)))
  return batch._replace(image=image)


def logits_fn(image):
  """The toy's classifier."""
  return toy.logits(jnp.float32(1), image)


def evaluate(function=logits_fn, **changes):
  """The standard evaluation of the toy's examples, all of class 1."""
  batch = examples()
  arguments = {
    'images': batch.image,
    'labels': batch.label,
    'generator': GENERATOR,
    'latents': batch.latents,
    'attack': toy.attack_config(),
    **toy.SIZE,
  } | changes
  return standard.evaluate(function, **arguments)


@functools.cache
def report():
  """The Report of the toy's classifier, made once."""
  return evaluate(name='toy')
