"""A colour-blind judge: which digit is it, whatever its colour?

The judge sees the largest channel of each pixel, scaled so that the brightest
pixel of the image is 1. A digit of any colour and its grey original look the
same to it, so it can say whether a mix changed the *label*. It audits
generators, encoders and attacks; it is never trained on generated images and
no method trains on it.

  params = judge.load()
  digit, confidence = judge.name(params, images)

Contents: grey, train, name, accuracy, load, save.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

from advmix_jax import classifiers, types
from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.runtime import files, metrics

SHIPPED = pathlib.Path(__file__).parent.parent / 'data' / 'judge.npz'
_KIND = 'judge'


def grey(images: jax.Array) -> jax.Array:
  """[B, H, W, 3] in any colour -> [B, H, W, 1] with maximum 1."""
  light = jnp.clip(images, 0, 1).max(-1, keepdims=True)
  return light / jnp.maximum(light.max((1, 2, 3), keepdims=True), 1e-3)


def _network() -> classifiers.Classifier:
  import ml_collections

  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 16})
  return classifiers.make_classifier(config, datasets.NUM_CLASSES)


@jax.jit
def _logits(params, images):
  return _network().apply(params, grey(images))


def name(
  params: types.Params, images: jax.Array, *, batch_size: int = 500
) -> tuple[np.ndarray, np.ndarray]:
  """Names the digit in each image.

  Args:
    params: of the judge.
    images: [N, 32, 32, 3].
    batch_size: images at a time.

  Returns:
    (label [N] int32, probability [N] of that label).
  """
  labels, confidence = [], []
  for start in range(0, len(images), batch_size):
    chunk = np.asarray(images[start : start + batch_size])
    pad = batch_size - len(chunk)
    full = np.pad(chunk, ((0, pad), (0, 0), (0, 0), (0, 0)))
    p = np.asarray(jax.nn.softmax(_logits(params, full)))[: len(chunk)]
    labels.append(p.argmax(-1))
    confidence.append(p.max(-1))
  return np.concatenate(labels).astype(np.int32), np.concatenate(confidence)


def accuracy(params: types.Params, dataset: datasets.Dataset) -> float:
  """Share of the dataset's images that the judge names rightly."""
  return float((name(params, dataset.image)[0] == dataset.label).mean())


def _shift(images, rng, *, reach=2):
  """Moves each image by up to `reach` pixels along both axes."""
  b, h, w, _ = images.shape
  padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
  corner = rng.integers(0, 2 * reach + 1, (b, 2))
  rows = corner[:, :1] + np.arange(h)
  columns = corner[:, 1:] + np.arange(w)
  return padded[np.arange(b)[:, None, None], rows[:, :, None], columns[:, None]]


def train(
  dataset: datasets.Dataset, *, seed: int = 0, epochs: int = 12
) -> types.Params:
  """Trains a judge with Adam on shifted grey digits, cosine schedule.

  Args:
    dataset: coloured digits and labels; the colours are discarded.
    seed: of the start, the order and the shifts.
    epochs: passes over the dataset.
  """
  network, batch = _network(), 64
  steps = epochs * -(-len(dataset.label) // batch)
  adam = optax.adam(optax.cosine_decay_schedule(2e-3, steps))
  params = network.init(jax.random.key(seed), jnp.zeros((1, 32, 32, 1)))
  state = adam.init(params)

  @functools.partial(jax.jit, donate_argnums=(0, 1))
  def step(params, state, images, labels):
    def loss_fn(p):
      logits = network.apply(p, grey(images))
      return optax.softmax_cross_entropy_with_integer_labels(
        logits, labels
      ).mean()

    updates, state = adam.update(jax.grad(loss_fn)(params), state)
    return optax.apply_updates(params, updates), state

  rng = np.random.default_rng(seed)
  with metrics.progress(description='judge', total=steps) as bar:
    for epoch in range(epochs):
      for index in datasets.batches((seed, epoch), len(dataset.label), batch):
        images = _shift(dataset.image[index], rng)
        params, state = step(params, state, images, dataset.label[index])
        bar.update(1)
  return params


def save(path, params: types.Params, metadata: dict) -> None:
  """Writes a judge as a portable `.npz`."""
  files.save_npz(path, params, metadata, kind=_KIND)


def load(path=SHIPPED) -> types.Params:
  """Reads a judge; the default is the one that ships with the package.

  Raises:
    FileNotFoundError, ValueError: missing, corrupt or foreign file.
  """
  return files.load_npz(path, kind=_KIND)[0]
