"""Generators of coloured digits, measured against the digits they learned from.

  generator, params, training = digit_generators.load('generator.npz')
  record = digit_generators.measure(generator, params, training['data'])

The judge is the shipped colour-blind one, a style is the mean colour of the
ink. Real digits are training digits, never test digits: those that the
generator was not trained on, or, where there are too few of them, all digits
of the source, also those that it was trained on.

Contents: load, load_judge, style_of, real_images, measure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from advmix_jax import datasets, generators, types
from advmix_jax.datasets import colored_mnist
from advmix_jax.evaluation import disentanglement, quality
from advmix_jax.evaluation import judge as judges
from advmix_jax.generators import ideal
from advmix_jax.runtime import files, untrusted

_TOLERANCE = 0.15  # Of a colour, in any channel.


def load(
  path: str | os.PathLike, **fields: Any
) -> tuple[types.Generator, types.Params, dict[str, Any]]:
  """Reads a StyleGAN of coloured digits, or makes the ideal one.

  Args:
    path: The generator's file. 'ideal': the exact generator of the embedded
      training digits, in one of the ten mean colours each.
    **fields: Of `generators.stylegan_config`, such as `split`; 0 is the
      default of each. The exact generator has none.

  Returns:
    (generator, its parameters, the config that it was trained with).

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: It is corrupt, its images are no coloured digits, or it can't
      have such fields.
  """
  if path == 'ideal':
    for name, value in fields.items():
      if value:
        raise ValueError(
          f'generator.{name} is {value}, expected 0 for the ideal generator'
        )
    return _ideal()
  config = generators.stylegan_config()
  config.update(path=os.fspath(path), **fields)
  generator, params = generators.load_stylegan(config)
  training = files.load_npz(path)[1].get('training', {})
  with untrusted.reading(path, 'corrupt'):
    name = training.get('data', {}).get('name')
  if name not in colored_mnist.NAMES:
    raise ValueError(
      f'{path} was trained on {name!r}, expected one of {colored_mnist.NAMES},'
      ' whose colours can be measured'
    )
  return generator, params, training


def _ideal():
  data = datasets.default_config()
  data.variant = 'unbiased'
  bank = datasets.to_float(datasets.load(data, 'train').image)
  means = colored_mnist.mean_colors(data.name)
  generator = ideal.make_generator(bank, colors=means)
  return generator, generator.init(None), {'data': data.to_dict()}


def load_judge() -> judges.Judge:
  """The judge that ships, which sees digits without their colour."""
  return judges.load(view_fn=colored_mnist.brightness)


def style_of(name: str) -> disentanglement.Style:
  """The colour of the ink, [B, 3], for the data set of this name."""
  return disentanglement.Style(
    measure_fn=colored_mnist.ink_color,
    tolerance=_TOLERANCE,
    prototypes=colored_mnist.mean_colors(name),
  )


def real_images(
  trained_on: ml_collections.ConfigDict,
  source: ml_collections.ConfigDict,
  count: int,
  *,
  seed: int = 0,
) -> tuple[np.ndarray, bool]:
  """Real training images in random order, held out if there are enough.

  Args:
    trained_on: The `data` that the generator was trained on.
    source: The `data` to choose from.
    count: How many images are wanted.
    seed: Of the choice and the order.

  Returns:
    [N, H, W, 3] uint8, N <= count, and whether the generator was trained on
    none of them. Digits are compared without their colours.
  """
  seen = colored_mnist.load_ink(trained_on, 'train').image
  seen = {digit.tobytes() for digit in seen}
  ink = colored_mnist.load_ink(source, 'train').image
  new = np.array([digit.tobytes() not in seen for digit in ink])
  held_out = bool(new.sum() >= count)
  choice = np.flatnonzero(new) if held_out else np.arange(len(ink))
  choice = np.random.default_rng(seed).permutation(choice)[:count]
  return datasets.load(source, 'train').image[choice], held_out


def measure(
  generator: types.Generator,
  params: types.Params,
  data: Mapping[str, Any],
  *,
  num_mixes: int = 2000,
  num_real: int = 5000,
  source: str = '',
  data_dir: str = '',
  seed: int = 0,
) -> dict[str, Any]:
  """All measures of a generator, as JSON values.

  Args:
    generator: Of coloured digits.
    params: Its parameters.
    data: The fields of the `data` config that it was trained on.
    num_mixes: How many mixes.
    num_real: How many generated images, and real ones on each side.
    source: Where real digits come from, with data_dir; '': as in `data`.
    data_dir: The folder of the source, and of the digits that the generator was
      trained on where they are of this source; '': as in `data`.
    seed: Of the samples and of the choice of real digits.

  Returns:
    The values of `disentanglement.measure`. train: labels and styles, the
    shares in the training set. largest_deviation: of the samples' shares from
    these, beside that of an exact generator. quality: {'generated', 'floor'},
    both as `quality.measure` returns them, with the share of digits of which
    the judge is confident; held_out, whether the real digits are new to the
    generator. The judge was trained on the embedded ones: it is a little surer
    of these than of others.

  Raises:
    FileNotFoundError: The digits are not there.
    ValueError: data_dir is given and no digits are in a folder, or the
      generator draws images of another size.
  """
  trained_on = _trained_on(data, source, data_dir)
  wanted = trained_on.copy_and_resolve_references()
  wanted.num_train = 0
  if source:
    wanted.update(source=source, data_dir=data_dir)
  real, held_out = real_images(trained_on, wanted, 2 * num_real, seed=seed)
  generators.check_shape(
    generator, params, real.shape[1:], why='as the digits are', option='--size'
  )
  judge = load_judge()
  style = style_of(trained_on.name)
  first, second = jax.random.split(jax.random.key(seed))
  record = disentanglement.measure(
    first, generator, params, judge, style, num_mixes=num_mixes
  )
  train = datasets.load(trained_on, 'train').image
  record |= _against_training(
    record, disentanglement.shares(judge, style, train), 2 * num_mixes
  )
  drawn = disentanglement.draw(second, generator, params, num_real)
  record['quality'] = _quality(judge, drawn, real) | {'held_out': held_out}
  return record


def _trained_on(data, source, data_dir):
  """The `data` of the training, in data_dir where they are of this source."""
  trained_on = datasets.default_config()
  trained_on.update(dict(data.items()))  # Values, in place of references.
  source = source or trained_on.source
  if data_dir and source == 'embedded':
    raise ValueError(
      f'data_dir is {data_dir}, expected a source that has one: idx or tfds'
    )
  if data_dir and source == trained_on.source:
    trained_on.data_dir = data_dir
  return trained_on


def _against_training(record, wanted, count):
  deviations = {
    name: disentanglement.largest_deviation(record[name], wanted[name], count)
    for name in wanted
  }
  return {'train': wanted, 'largest_deviation': deviations}


def _quality(judge, drawn, real):
  """Generated against real images, and two halves of the real ones."""
  half = len(real) // 2
  reference = judges.features(judge, real[:half])

  def against_reference(images):
    found = quality.measure(reference, judges.features(judge, images))
    return found | {'confident': disentanglement.confident(judge, images)}

  return {
    'generated': against_reference(drawn[:half]),
    'floor': against_reference(real[half : 2 * half]),
  }
