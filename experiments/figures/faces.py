"""What the figures of faces share: drawn faces, a nominal classifier, attacks.

The paper shows faces of CelebA. These are drawn by the generator that ships, so
that they may be shown; the judge that ships says who smiles.

Contents: ATTRIBUTE, NAMES, config, drawn_faces, broken, says, setting.
"""

from __future__ import annotations

import functools

import jax
import ml_collections
import numpy as np

from advmix_jax import datasets, generators, training, types
from advmix_jax.evaluation import attributes, drawn, measures
from advmix_jax.runtime import shipped
from figures import short

ATTRIBUTE = 'Smiling'
NAMES = ('not smiling', 'smiling')
_TRAIN, _TEST = 1600, 200


def config() -> ml_collections.ConfigDict:
  """The config of a classifier of drawn faces, ten epochs."""
  fields = training.default_config()
  fields.generator.path = str(shipped.DATA / 'face_generator.npz')
  fields.classifier.width = 8
  fields.optimizer.update(learning_rate=1e-3, epochs=10, batch_size=64)
  fields.mixup.alpha = 1.0
  fields.pixel_attack.update(eps=8 / 255, alpha=2 / 255, steps=20)
  fields.eval.attack.update(restarts=10, steps=5, alpha=0.01, eps=0.03)
  return fields


def drawn_faces(
  config: ml_collections.ConfigDict,
) -> tuple[types.Batch, types.Batch, types.Generator, types.Params]:
  """(training faces, test faces, generator, its parameters)."""
  generator, params = generators.load(config.generator)
  judge = attributes.load(shipped.DATA / 'face_judge.npz')
  faces = drawn.draw(
    jax.random.key(config.seed),
    generator,
    params,
    judge,
    ATTRIBUTE,
    count=_TRAIN + _TEST,
  )
  train = types.Batch(*(part[:_TRAIN] for part in faces))
  test = types.Batch(*(part[_TRAIN:] for part in faces))
  return train, test, generator, params


def broken(
  config: ml_collections.ConfigDict,
  subject: measures.Subject,
  test: types.Batch,
  count: int,
) -> tuple[types.Batch, np.ndarray]:
  """The first `count` faces that are right before Algorithm 2, wrong after it.

  Returns:
    The faces, and their adversarial mixes [count, H, W, 3].

  Raises:
    ValueError: The attack breaks fewer.
  """
  options = {'attack': config.eval.attack, 'batch_size': 50}
  attacked = measures.attack_examples(
    subject, jax.random.key(config.seed), test, **options
  )
  logits = measures.predict(subject, test.image, batch_size=50)
  right = logits.argmax(-1) == test.label
  index = np.flatnonzero(right & attacked.success)[:count]
  if len(index) < count:
    raise ValueError(f'the attack breaks {len(index)} faces, expected {count}')
  chosen, kept = jax.tree.map(lambda a: a[index], (test, attacked))
  images = measures.adversarial_images(subject, chosen, kept, batch_size=count)
  return chosen, np.asarray(images)


def says(subject: measures.Subject, images: np.ndarray) -> list[str]:
  """What the classifier says of each image: 'smiling 98%'."""
  logits = measures.predict(subject, images, batch_size=len(images))
  probability = np.asarray(jax.nn.softmax(logits))
  return [f'{NAMES[p.argmax()]} {100 * p.max():.0f}%' for p in probability]


@functools.cache
def setting():
  """(config, test faces, subject of the nominal classifier), made once."""
  fields = config()
  train, test, generator, params = drawn_faces(fields)
  size, epochs = fields.optimizer.batch_size, fields.optimizer.epochs
  index = datasets.shuffled(fields.seed, len(train.label), size)
  steps = epochs * -(-len(train.label) // size)
  classifier, weights = short.nominal(
    fields, train, len(NAMES), map(index, range(steps))
  )
  subject = measures.Subject(classifier.apply, weights, generator, params)
  return fields, test, subject
