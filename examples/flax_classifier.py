"""A Flax classifier under attack: it is a function of JAX already.

pip install -e '.[flax]'
python examples/flax_classifier.py
"""

import jax
import on_digits
from flax import nnx


class Network(nnx.Module):
  """A small convolutional network; put your own model here."""

  def __init__(self, rngs):
    """Initialises for images of 32x32 and ten classes."""
    self.conv = nnx.Conv(3, 8, (3, 3), strides=2, rngs=rngs)
    self.dropout = nnx.Dropout(0.5, rngs=rngs)
    self.linear = nnx.Linear(8 * 16 * 16, 10, rngs=rngs)

  def __call__(self, image):
    """Maps images [B, 32, 32, 3] to logits [B, 10]."""
    x = self.dropout(jax.nn.tanh(self.conv(image)))
    return self.linear(x.reshape(len(x), -1))


def build():
  """The network with random weights."""
  return Network(nnx.Rngs(0))


def as_jax(model):
  """The model as a function: images [B, H, W, C] in [0, 1] -> logits [B, K].

  `eval()` switches dropout and updates of batch statistics off.
  """
  model.eval()
  graph, state = nnx.split(model)
  return lambda image: nnx.merge(graph, state)(image)


def native(model, image):
  """What Flax itself says of images [B, H, W, C], for comparison."""
  model.eval()
  return model(image)


if __name__ == '__main__':
  print(on_digits.evaluate(as_jax(build())))
