"""Which judge audits the mixes of a data set.

A mix on which a judge no longer sees the label is no fair error of a
classifier. ladder.climb counts it as right in its audited columns.

Contents: face_judge, judge_fn.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import ml_collections
import numpy as np

from advmix_jax.datasets import colored_mnist
from advmix_jax.evaluation import attributes, digit_generators, judge
from advmix_jax.runtime import shipped

# Judges of faces, by the size of their images.
_FACE_JUDGES = {32: 'face_judge_32.npz', 64: 'face_judge.npz'}


def face_judge(size: int) -> pathlib.Path:
  """The judge of faces that ships, for images of this size.

  Of other sizes that of 64x64, which the one who loads it refuses.
  """
  return shipped.DATA / _FACE_JUDGES.get(size, _FACE_JUDGES[64])


def judge_fn(
  data: ml_collections.ConfigDict,
  path: str | os.PathLike = '',
  *,
  num_classes: int = 0,
) -> Callable[[np.ndarray], np.ndarray] | None:
  """Images [N, H, W, C] -> the class [N] that a judge sees; None: no judge.

  Args:
    data: `config.data`. Coloured digits have the colour-blind judge that ships,
      data with an attribute as the label the judge of attributes in `path`,
      data of classes the judge of classes in `path`.
    path: From train_judge.py; '': the one of faces of this size that ships,
      for attributes, none for classes.
    num_classes: Of the data, whose labels a judge of classes has to know; 0:
      not checked.

  Raises:
    FileNotFoundError, ValueError: No such file, or its judge does not know the
      attribute or the classes, or sees images of another size; a path where
      the judge that ships is the only one.
  """
  if data.name in colored_mnist.NAMES:
    if path:
      raise ValueError(
        f'judge is {path}, but {data.name} has the colour-blind judge that '
        'ships, and no other'
      )
    found = digit_generators.load_judge()
    return lambda images: judge.name(found, images)[0]
  if 'attribute' in data:
    path = path or face_judge(data.resolution)
    return attributes.judge_fn(path, data.attribute, size=data.resolution)
  if path:
    return attributes.class_fn(
      path, num_classes=num_classes, size=data.get('resolution', 0)
    )
  return None
