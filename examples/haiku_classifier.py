"""A Haiku classifier under attack: it is a function of JAX already.

python examples/haiku_classifier.py
"""

import haiku as hk
import jax
import numpy as np
import on_digits


def network(image):
  """A small convolutional network; put your own model here."""
  x = jax.nn.tanh(hk.Conv2D(8, 3, stride=2)(image))
  return hk.Linear(10)(hk.Flatten()(x))


def build():
  """(the network's pure function, random parameters)."""
  net = hk.without_apply_rng(hk.transform(network))
  image = np.zeros((1, 32, 32, 3), np.float32)
  return net.apply, net.init(jax.random.key(0), image)


def as_jax(model):
  """The model as a function: images [B, H, W, C] in [0, 1] -> logits [B, K]."""
  apply, params = model
  return lambda image: apply(params, image)


def native(model, image):
  """What Haiku itself says of images [B, H, W, C], for comparison."""
  apply, params = model
  return apply(params, image)


if __name__ == '__main__':
  print(on_digits.evaluate(as_jax(build())))
