"""Where the time of a training step and of an attack step goes.

  python experiments/benchmark.py --only=train,attack --profile

Each convolution is timed alone: forward, and the gradients that the step needs
(of its input; in training of its weights too). What the whole step takes beyond
their sum is the rest: norms, ReLU, pooling, noise, Adam, and memory.

Contents: Operation, operations.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from advmix_jax import ops

# Size, channels in and out, of the peer's classifier and its last style layer.
_CLASSIFIER = {
  'conv1_1': (32, 3, 32),
  'conv1_2': (32, 32, 32),
  'conv2_1': (16, 32, 64),
  'conv2_2': (16, 64, 64),
  'conv3_1': (8, 64, 128),
}
_STYLE = {'b32_conv1': (32, 32, 32)}


class Operation(NamedTuple):
  """One convolution, or one of its gradients."""

  name: str
  work: Callable[[], Any]
  flops: float


def _convolutions(name, shape, batch, *, inputs, weights) -> Iterator:
  size, c, o = shape
  rng = jax.random.key(0, impl='rbg')
  x = jax.random.normal(rng, (batch, size, size, c))
  gy = jax.random.normal(rng, (batch, size, size, o))
  w = jax.random.normal(rng, (3, 3, c, o))
  flops = 2.0 * batch * size * size * 9 * c * o

  def pull(x, w, gy, of):
    return jax.vjp(lambda *a: ops.conv2d(*a), x, w)[1](gy)[of]

  forward = jax.jit(lambda x, w: ops.conv2d(x, w))
  backward = jax.jit(pull, static_argnums=3)
  yield Operation(f'{name}, forward', lambda: forward(x, w), flops)
  if inputs:
    yield Operation(f'{name}, of input', lambda: backward(x, w, gy, 0), flops)
  if weights:
    yield Operation(f'{name}, of weights', lambda: backward(x, w, gy, 1), flops)


def operations(part: str, batch: int) -> list[Operation]:
  """The convolutions of one step of 'train' or 'attack'.

  Args:
    part: 'train', an Adam step of the classifier, or 'attack', one gradient of
      Algorithm 2 with respect to the fine latents.
    batch: examples.
  """
  found = []
  for name, shape in ({} if part == 'train' else _STYLE).items():
    found += _convolutions(name, shape, batch, inputs=True, weights=False)
  for name, shape in _CLASSIFIER.items():
    inputs = part == 'attack' or shape[1] != 3
    weights = part == 'train'
    found += _convolutions(name, shape, batch, inputs=inputs, weights=weights)
  return found
