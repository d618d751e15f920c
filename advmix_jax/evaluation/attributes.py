"""A judge of many yes-or-no attributes at once, such as CelebA's forty.

  found = attributes.load('face_judge.npz')
  has, confidence = attributes.answer(found, images)  # [N, A] each
  has[:, found.names.index('Smiling')]

It is one network with an output per attribute, trained on real images alone.
It audits generators and mixes; no method trains with it. judge.py has the judge
of one label.

Contents: KIND, AttributeJudge, whole, index, image_size, check_generator,
answer, accuracy, judge_fn, class_fn, class_names, has_classes, name_class,
check_data, train, save, load.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from advmix_jax import generators, types
from advmix_jax.evaluation import judge as judges
from advmix_jax.runtime import files, untrusted

KIND = 'attribute_judge'


class AttributeJudge(NamedTuple):
  """A trained network, and the names of its outputs."""

  judge: judges.Judge
  names: tuple[str, ...]  # A


def whole(images):
  """The view of a judge that sees images as they are."""
  return images


def index(names: Sequence[str], attribute: str) -> int:
  """The place of an attribute among the judge's answers.

  Raises:
    ValueError: The judge doesn't know it.
  """
  if attribute not in names:
    raise ValueError(
      f'attribute is {attribute!r}, expected one of {", ".join(names)}'
    )
  return names.index(attribute)


def image_size(judge: AttributeJudge) -> int:
  """Height and width of the square images that the judge can see."""
  return judges.image_size(judge.judge.params)


def check_generator(
  judge: AttributeJudge,
  generator: types.Generator,
  params: types.Params,
  *,
  option: str = '--config.generator.size',
) -> None:
  """Checks that the judge can see a generator's images; draws none.

  Args:
    judge: From `load` or `train`.
    generator: Any generator.
    params: Its parameters.
    option: What resizes its images, for the error.

  Raises:
    ValueError: Its images have another size than those that the judge sees.
  """
  size = image_size(judge)
  channels = judge.judge.params['vgg/conv1_1']['w'].shape[2]
  generators.check_shape(
    generator,
    params,
    (size, size, channels),
    why='as the judge sees',
    option=option,
  )


def answer(
  judge: AttributeJudge, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Says which attributes each image has.

  Args:
    judge: From `load` or `train`.
    images: [N, H, W, C], uint8 or floats in [0, 1].

  Returns:
    (has [N, A] int32, 0 or 1; probability [N, A] of that answer).
  """
  logits = judges.logits(judge.judge, images)
  # The logistic function of the answer's own logit, at least one half.
  return (logits > 0).astype(np.int32), 1 / (1 + np.exp(-np.abs(logits)))


def accuracy(judge: AttributeJudge, dataset: types.Dataset) -> dict[str, float]:
  """Share of the images for which each answer is that of the data set.

  If the answers are classes, also that of the likeliest class, as 'class'.
  """
  logits = judges.logits(judge.judge, dataset.image)
  found = {
    name: float(((logits[:, i] > 0) == dataset.groups[name]).mean())
    for i, name in enumerate(judge.names)
  }
  if has_classes(judge):
    found['class'] = float((logits.argmax(-1) == dataset.label).mean())
  return found


def judge_fn(
  path: str | os.PathLike, attribute: str, *, size: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
  """The judge in a file, for one attribute: images [N, H, W, C] -> 0 or 1 [N].

  Args:
    path: The judge's file.
    attribute: One that it knows.
    size: Height and width of the images that it will see; 0: not checked.

  Raises:
    FileNotFoundError, ValueError: As `load`; the judge doesn't know the
      attribute, or sees images of another size.
  """
  found = _load_for(path, size)
  place = index(found.names, attribute)
  return lambda images: answer(found, images)[0][:, place]


def class_fn(
  path: str | os.PathLike, *, num_classes: int = 0, size: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
  """The judge of classes in a file: images [N, H, W, C] -> class [N] int32.

  Its answers are named class_0, class_1, ..., as train_judge.py names those of
  data that have a label alone. The class is the answer of the largest logit.

  Args:
    path: The judge's file.
    num_classes: That the data have; 0: not checked.
    size: Height and width of the images that it will see; 0: checked when it
      sees them.

  Raises:
    FileNotFoundError, ValueError: As `load`; its answers are no classes, not
      those of the data, or it sees images of another size.
  """
  found = _load_for(path, size)
  if not has_classes(found):
    raise ValueError(
      f'{path} judges {", ".join(found.names)}, expected class_0, class_1, '
      '..., as experiments/train_judge.py trains them on data of classes'
    )
  if num_classes not in (0, len(found.names)):
    raise ValueError(
      f'{path} judges {len(found.names)} classes, expected {num_classes}, '
      'those of the data'
    )

  def which_class(images):
    own = image_size(found)
    if images.shape[1:3] != (own, own):
      raise ValueError(
        f'{path} judges images of {own}x{own}, not {images.shape[1]}x'
        f'{images.shape[2]}; experiments/train_judge.py trains one'
      )
    return name_class(found, images)[0]

  return which_class


def class_names(num_classes: int) -> tuple[str, ...]:
  """The names of a judge's answers where they are the classes of a data set."""
  return tuple(f'class_{k}' for k in range(num_classes))


def has_classes(judge: AttributeJudge) -> bool:
  """Whether the judge's answers are the classes of a data set."""
  return judge.names == class_names(len(judge.names))


def name_class(
  judge: AttributeJudge, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The class [N] int32 of the largest logit, and its probability [N]."""
  logits = judges.logits(judge.judge, images)
  return logits.argmax(-1).astype(np.int32), 1 / (1 + np.exp(-logits.max(-1)))


def _load_for(path, size):
  """The judge in a file, for images of this size; 0: of any."""
  found = load(path)
  own = image_size(found)
  if size not in (0, own):
    raise ValueError(
      f'{path} judges images of {own}x{own}, expected {size}x{size}, as '
      'data.resolution says; experiments/train_judge.py trains one'
    )
  return found


def check_data(dataset: types.Dataset) -> None:
  """Raises ValueError, as `train`, for data that a judge can't learn from."""
  if not dataset.groups:
    raise ValueError('the data set has no groupings, expected at least one')
  for name, group in dataset.groups.items():
    if not np.isin(group, (0, 1)).all():
      raise ValueError(
        f'the data set has the grouping {name!r} with the values '
        f'{np.unique(group)[:5].tolist()}, expected 0 and 1'
      )
  height, width = dataset.image.shape[1:3]
  if height != width or height % 8:
    raise ValueError(
      f'the images are {height}x{width}, expected squares whose side 8 divides'
    )
  constant = [n for n, g in dataset.groups.items() if len(np.unique(g)) < 2]
  if len(constant) == len(dataset.groups):
    raise ValueError(
      f'all images have the same {", ".join(constant)}, expected two answers'
    )


def train(
  dataset: types.Dataset,
  workdir: str | os.PathLike,
  *,
  seed: int = 0,
  epochs: int = 5,
) -> AttributeJudge:
  """Trains on all groupings of a data set, each of 0 and 1, on shifted images.

  The same call resumes an interrupted training from WORKDIR.

  Args:
    dataset: Real images, with at least one grouping.
    workdir: The folder of checkpoints and metrics.
    seed: Of the initial weights, the order and the shifts.
    epochs: Passes over the dataset.

  Raises:
    ValueError: No grouping, one with other values than 0 and 1, none of which
      has both, or images that aren't square or have a side that 8 doesn't
      divide.
  """
  check_data(dataset)
  names = tuple(dataset.groups)
  targets = np.stack([dataset.groups[n] for n in names], axis=1)
  params = judges.fit(
    dataset.image,
    targets.astype(np.float32),
    workdir,
    outputs=len(names),
    loss_fn=optax.sigmoid_binary_cross_entropy,
    view_fn=whole,
    seed=seed,
    epochs=epochs,
  )
  return AttributeJudge(judges.Judge(params, whole), names)


def save(
  path: str | os.PathLike,
  judge: AttributeJudge,
  metadata: Mapping[str, Any],
) -> None:
  """Writes the network as a portable `.npz`, in 16-bit floats."""
  half = jax.tree.map(np.float16, judge.judge.params)
  metadata = {'names': list(judge.names), **metadata}
  files.save_npz(path, half, metadata, kind=KIND)


def load(path: str | os.PathLike) -> AttributeJudge:
  """Reads what `save` wrote.

  Raises:
    FileNotFoundError: The file is missing.
    ValueError: It is corrupt, or of another kind.
  """
  params, metadata = files.load_npz(path, kind=KIND, needed=judges.NEEDED)
  with untrusted.reading(path, 'corrupt'):
    judges.check_params(params)
    names = tuple(metadata['names'])
    outputs = len(params['vgg/logits']['b'])
    texts = {name for name in names if type(name) is str}
    untrusted.need(
      len(texts) == len(names) == outputs,
      f'{len(texts)} different names of {outputs} outputs, expected one each',
    )
    known = metadata.get('accuracy', {})
    untrusted.need(isinstance(known, dict), 'accuracy is no dict')
  params = jax.tree.map(np.float32, params)
  return AttributeJudge(judges.Judge(params, whole), names)
