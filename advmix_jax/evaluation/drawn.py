"""A labelled data set drawn by a generator, whose latents are known.

  faces = drawn.draw(rng, generator, params, judge, 'Smiling', count=4000)
  faces.image, faces.label, faces.latents

For demonstrations without real images: the generator draws them, a judge that
was trained on real images says what they show, and no encoder is needed. Images
of whose label the judge isn't sure are left out. What such a set says of a
method holds for images of this generator, labelled by this judge.

Contents: Drawn, draw, save.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from advmix_jax import types
from advmix_jax.datasets import arrays, pixels
from advmix_jax.encoder import latents_file
from advmix_jax.evaluation import attributes, measures
from advmix_jax.evaluation import judge as judges
from advmix_jax.generators import mixing
from advmix_jax.runtime import metrics

_BATCH = 100
_MOST = 20  # Samples per image that is kept, before `draw` gives up.


class Drawn(NamedTuple):
  """Images with their labels and latents."""

  image: np.ndarray  # [N, H, W, C] uint8
  label: np.ndarray  # [N] int32, 1 where the attribute is there
  latents: np.ndarray  # [N, L, D]; decoding them gives the images


def draw(
  rng: jax.Array,
  generator: types.Generator,
  params: types.Params,
  judge: attributes.AttributeJudge,
  attribute: str,
  *,
  count: int,
) -> Drawn:
  """Draws images until the judge is sure of `count`, half with the attribute.

  Args:
    rng: Key of the samples.
    generator: Draws without truncation.
    params: Its parameters.
    judge: Says what an image shows.
    attribute: The label, one of the judge's names.
    count: N.

  Raises:
    ValueError: Unknown attribute, the judge sees images of another size, or it
      is hardly ever sure.
  """
  index = attributes.index(judge.names, attribute)
  attributes.check_generator(judge, generator, params)
  # No classifier is needed to decode.
  subject = measures.Subject(None, None, generator, params)
  parts, left, step = [], [count - count // 2, count // 2], 0
  with metrics.progress(
    description='draw images', total=count, unit='img'
  ) as bar:
    while sum(left):
      if step * _BATCH >= _MOST * count:
        raise ValueError(
          f'{step * _BATCH} samples: {left[0]} images without and {left[1]} '
          f'with {attribute} are missing, of {count} that the judge is sure of'
        )
      key = jax.random.fold_in(rng, step)
      z = mixing.random_z(generator, key, _BATCH)
      w = np.asarray(generator.map(params, z))
      has, probability = attributes.answer(judge, _decode(subject, w))
      sure = probability[:, index] > judges.SURE
      for value in (0, 1):
        good = (has[:, index] == value) & sure
        parts.append(w[good][: left[value]])
        left[value] -= len(parts[-1])
        bar.update(len(parts[-1]))
      step += 1
  # In any order, so that both splits have both answers. A file of latents holds
  # 8 bits of each number: so do these images.
  w = np.random.default_rng(0).permutation(np.concatenate(parts))
  w = latents_file.dequantise(latents_file.quantise(w))
  image = _decode(subject, w)
  return Drawn(image, attributes.answer(judge, image)[0][:, index], w)


def _decode(subject, latents):
  """Images [N, H, W, C] uint8 of latents."""
  image = measures.decode(subject, latents, batch_size=_BATCH)
  return pixels.to_uint8(np.clip(image, 0, 1))


def save(
  drawn: Drawn,
  images_path: str | os.PathLike,
  latents_path: str | os.PathLike,
  *,
  num_test: int,
  metadata: Mapping[str, Any],
) -> None:
  """Writes the images for `datasets.arrays`, and the latents of all of them.

  Args:
    drawn: N images.
    images_path, latents_path: The two files, .npz.
    num_test: The last images are the test split.
    metadata: Of the file of latents, JSON values.
  """
  n = len(drawn.label) - num_test
  latents_file.save(
    latents_path, drawn.latents, images=drawn.image, metadata=metadata
  )
  arrays.save(
    images_path,
    train_image=drawn.image[:n],
    train_label=drawn.label[:n],
    test_image=drawn.image[n:],
    test_label=drawn.label[n:],
  )
