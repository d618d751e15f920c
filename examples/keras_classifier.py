"""A Keras 3 classifier under attack: with JAX below it, it is one of JAX.

  pip install -e '.[keras3]'
  python examples/keras_classifier.py

KERAS_BACKEND has to be set before the first import of keras. A model that was
saved with another backend can be loaded with this one. `model.predict` has no
gradients; `stateless_call` has.
"""

import os

os.environ['KERAS_BACKEND'] = 'jax'

import jax.numpy as jnp  # noqa: E402
import keras  # noqa: E402
import on_digits  # noqa: E402


def build():
  """A small convolutional network; put keras.saving.load_model here."""
  keras.utils.set_random_seed(0)
  return keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.Conv2D(8, 3, strides=2, activation='tanh'),
      keras.layers.Dropout(0.5),
      keras.layers.Flatten(),
      keras.layers.Dense(10),  # Logits: no softmax.
    ]
  )


def as_jax(model):
  """The model as a function: images [B, H, W, C] in [0, 1] -> logits [B, K].

  The weights are copied: `fit` and `predict` give the memory of the old ones
  away, so a model that is trained further needs a new function.
  """
  trainable = [jnp.array(v.value) for v in model.trainable_variables]
  fixed = [jnp.array(v.value) for v in model.non_trainable_variables]

  def logits_fn(image):
    return model.stateless_call(trainable, fixed, image, training=False)[0]

  return logits_fn


def native(model, image):
  """What Keras itself says of images [B, H, W, C], for comparison."""
  return model.predict(image, verbose=0)


if __name__ == '__main__':
  print(on_digits.evaluate(as_jax(build())))
