"""A judge: a classifier for audits, which names the class an image shows.

A judge tells whether a mix has changed the *label*. It audits generators,
encoders and attacks. No method trains with it, and it is never trained on
generated images.

`view_fn` transforms images before the judge sees them: it removes the style,
which must not influence the judge. A judge is loaded with the view_fn that it
was trained with; experiments/measure_generator.py has that of the shipped one.

  found = judge.load(view_fn=view_fn)
  label, confidence = judge.name(found, images)
  features = judge.features(found, images)  # For distances between sets.

Contents: SHIPPED, SURE, NEEDED, ViewFn, Judge, num_classes, logits, name,
features, accuracy, train, fit, save, load, image_size, check_params.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
import optax

from advmix_jax import classifiers, datasets, types
from advmix_jax.runtime import files, loop, shipped, untrusted

SHIPPED = shipped.DATA / 'judge.npz'
SURE = 0.9  # Probability of an answer above which a judge is called sure.
_KIND = 'judge'
# Arrays that say how large a judge's network is.
NEEDED = tuple(f'vgg/{name}' for name in ('conv1_1/w', 'conv3_1/b')) + (
  'vgg/logits/w',
  'vgg/logits/b',
)
_BATCH = 64  # Batch size of its training.

ViewFn = Callable[[jax.Array], jax.Array]  # [B, H, W, C] -> [B, H, W, C']


class Judge(NamedTuple):
  """A trained network, and the transform of its input images."""

  params: types.Params
  view_fn: ViewFn


def num_classes(judge: Judge) -> int:
  """How many classes the judge tells apart."""
  return _num_classes(judge.params)


def _num_classes(params):
  return len(params['vgg/logits']['b'])


def _network(num_classes: int) -> classifiers.Classifier:
  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 16})
  return classifiers.make_classifier(config, num_classes)


@functools.partial(jax.jit, static_argnames='view_fn')
def _probabilities(params, images, view_fn):
  return jax.nn.softmax(_logits(params, images, view_fn))


@functools.partial(jax.jit, static_argnames='view_fn')
def _logits(params, images, view_fn):
  network = _network(_num_classes(params))
  return network.apply(params, view_fn(images))


@functools.partial(jax.jit, static_argnames='view_fn')
def _features(params, images, view_fn):
  network = _network(_num_classes(params))
  return classifiers.features(network, params, view_fn(images))


def _in_batches(fn, judge, images, batch_size):
  """fn(params, images, view_fn) [N, ...] of uint8 or float images."""

  def apply(batch):
    return fn(judge.params, batch, judge.view_fn)

  return datasets.in_batches(apply, images, batch_size)


def logits(
  judge: Judge, images: np.ndarray, *, batch_size: int = 500
) -> np.ndarray:
  """The network's outputs [N, K] for images [N, H, W, C]."""
  return _in_batches(_logits, judge, images, batch_size)


def name(
  judge: Judge, images: np.ndarray, *, batch_size: int = 500
) -> tuple[np.ndarray, np.ndarray]:
  """Names the class that each image shows.

  Args:
    judge: From `load` or `train`.
    images: [N, H, W, C], uint8 or floats in [0, 1].
    batch_size: Images in one compiled call.

  Returns:
    (label [N] int32, probability [N] of that label).
  """
  p = _in_batches(_probabilities, judge, images, batch_size)
  return p.argmax(-1).astype(np.int32), p.max(-1)


def features(
  judge: Judge, images: np.ndarray, *, batch_size: int = 500
) -> np.ndarray:
  """What the judge's read-out sees of each image, [N, F] float32 >= 0.

  Args:
    judge: From `load` or `train`.
    images: [N, H, W, C], uint8 or floats in [0, 1].
    batch_size: Images in one compiled call.
  """
  return _in_batches(_features, judge, images, batch_size)


def accuracy(judge: Judge, dataset: types.Dataset) -> float:
  """Share of the dataset's images that the judge classifies correctly."""
  label, _ = name(judge, dataset.image)
  return float((label == dataset.label).mean())


def _shift(images, rng, *, reach=2):
  """Shifts each image randomly, by up to `reach` pixels along both axes."""
  b, h, w, _ = images.shape
  padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
  corner = rng.integers(0, 2 * reach + 1, (b, 2))
  rows = corner[:, :1] + np.arange(h)
  columns = corner[:, 1:] + np.arange(w)
  return padded[np.arange(b)[:, None, None], rows[:, :, None], columns[:, None]]


def train(
  dataset: types.Dataset,
  workdir: str | os.PathLike,
  *,
  view_fn: ViewFn,
  seed: int = 0,
  epochs: int = 12,
) -> Judge:
  """Trains a judge on shifted images, with Adam and a cosine schedule.

  The same call resumes an interrupted training from WORKDIR.

  Args:
    dataset: Real images and labels.
    workdir: The folder of checkpoints and metrics.
    view_fn: Transforms images before the network.
    seed: Of the initial weights, the order and the shifts.
    epochs: Passes over the dataset.
  """
  params = fit(
    dataset.image,
    dataset.label,
    workdir,
    outputs=dataset.num_classes,
    loss_fn=optax.softmax_cross_entropy_with_integer_labels,
    view_fn=view_fn,
    seed=seed,
    epochs=epochs,
  )
  return Judge(params, view_fn)


def fit(
  images: np.ndarray,
  targets: np.ndarray,
  workdir: str | os.PathLike,
  *,
  outputs: int,
  loss_fn: Callable[[jax.Array, jax.Array], jax.Array],
  view_fn: ViewFn,
  seed: int,
  epochs: int,
) -> types.Params:
  """Trains the network of a judge; as `train`, for any targets.

  Args:
    images: [N, H, W, C] uint8.
    targets: [N, ...], what `loss_fn` compares the logits with.
    workdir: The folder of checkpoints and metrics.
    outputs: K, the number of logits.
    loss_fn: (logits [B, K], targets [B, ...]) -> losses of any shape.
    view_fn: Transforms images before the network.
    seed: Of the initial weights, the order and the shifts.
    epochs: Passes over the images.
  """
  per_epoch = -(-len(images) // _BATCH)
  steps = epochs * per_epoch
  network = _network(outputs)
  adam = optax.adam(optax.cosine_decay_schedule(2e-3, steps))
  image = view_fn(datasets.to_float(images[:1]))
  params = jax.jit(network.init)(jax.random.key(seed), image)
  update = _make_update(network, adam, view_fn, loss_fn)
  index = datasets.shuffled(seed, len(images), _BATCH)

  def step_fn(step, state):
    batch = datasets.to_float(images[index(step)])
    batch = _shift(batch, np.random.default_rng((seed, step)))
    return update(state, batch, targets[index(step)])

  plan = loop.Plan(
    name='judge',
    description='judge',
    steps=steps,
    log_every=50,
    save_every=per_epoch,
  )
  state = (params, adam.init(params))
  params, _ = loop.run(workdir, state, step_fn, plan)
  return params


def _make_update(network, adam, view_fn, loss_fn):
  """Returns the compiled (state, images, targets) -> (state, record)."""

  def mean_loss(params, images, targets):
    return loss_fn(network.apply(params, view_fn(images)), targets).mean()

  @functools.partial(jax.jit, donate_argnums=0)
  def update(state, images, targets):
    params, opt_state = state
    loss, grads = jax.value_and_grad(mean_loss)(params, images, targets)
    updates, opt_state = adam.update(grads, opt_state)
    return (optax.apply_updates(params, updates), opt_state), {'loss': loss}

  return update


def save(
  path: str | os.PathLike, judge: Judge, metadata: Mapping[str, Any]
) -> None:
  """Writes a judge's network as a portable `.npz`."""
  files.save_npz(path, judge.params, metadata, kind=_KIND)


def load(path: str | os.PathLike = SHIPPED, *, view_fn: ViewFn) -> Judge:
  """Reads a judge; the default is the one that ships with the package.

  Args:
    path: The file.
    view_fn: The one that the judge was trained with.

  Raises:
    FileNotFoundError: The file is missing.
    ValueError: The file is corrupt, or holds no judge.
  """
  params, _ = files.load_npz(path, kind=_KIND, needed=NEEDED)
  with untrusted.reading(path, 'corrupt'):
    check_params(params)
  return Judge(params, view_fn)


def image_size(params: types.Params) -> int:
  """Height and width of the square images that a judge's network can see."""
  channels = params['vgg/conv3_1']['b'].size
  pixels = len(params['vgg/logits']['w']) // channels
  return 8 * round(pixels**0.5)  # Three poolings.


def check_params(params: types.Params) -> None:
  """Raises ValueError unless the arrays are those of a judge's network.

  Args:
    params: With at least the arrays of NEEDED.
  """
  size = image_size(params)
  image = np.zeros((1, size, size, params['vgg/conv1_1']['w'].shape[2]))
  network = _network(_num_classes(params))
  expected = jax.eval_shape(network.init, jax.random.key(0), image)
  found, wanted = (
    {
      '/'.join((name, kind)): array.shape
      for name, arrays in tree.items()
      for kind, array in arrays.items()
    }
    for tree in (params, expected)
  )
  for name in sorted({*found, *wanted}):
    untrusted.need(
      found.get(name) == wanted.get(name),
      f'{name} has shape {found.get(name)}, expected {wanted.get(name)}',
    )
