"""Colored-MNIST (Section 5.1): digits whose training colour betrays the label.

Every variant is one table P(colour | label) and one list of mean colours:

  biased       training: digit y has the colour of class y (identity)
  more_biased  a fraction p of the digits has the colour of its class, the
  less_biased    rest one of the other nine, uniformly
  unbiased     test: one of the ten means, uniformly and independently of y

A digit's colour is N(mean, sigma), per channel, clipped to [0, 1], and

  image = digit * colour in 8 bits, on black, padded from 28x28 to 32x32.

The skewed sets (more and less biased) are there to train generators on, as are
those with other shares of the digits (`digit_shares`, Table 1).
`make_rgb` has three colours in given fractions, independent of the label.

    from advmix_jax.datasets import colored_mnist, digits
    ink = digits.load_digits('embedded', 'train')
    train = colored_mnist.make(ink, sigma=0.0, seed=0, biased=True)
    train.image  # [10000, 32, 32, 3] uint8
    train.groups['color']  # [10000], which mean colour each digit drew
    train.groups['nearest_color']  # [10000], which one it looks like

Colours are a pure function of (seed, split, position): no global state, and
neither `limit` nor sigma changes the mean that a digit draws.

Contents: COLOR_MEANS, RGB_MEANS; make, make_skewed, make_rgb, skewed_table,
draw_colors, paint, brightness, ink_color; default_config, load, load_ink,
mean_colors, describe.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from ml_collections import config_dict

from advmix_jax.datasets import class_shares, pixels
from advmix_jax.datasets.digits import NUM_CLASSES, SPLITS, Digits, load_digits
from advmix_jax.types import Dataset

# Mean colour of each class (Figure 6): at least 0.5 apart, bright on black.
COLOR_MEANS = np.array(
  [
    [1.0, 0.0, 0.0],  # 0 red
    [0.0, 1.0, 0.0],  # 1 green
    [0.0, 0.2, 1.0],  # 2 blue
    [1.0, 1.0, 0.0],  # 3 yellow
    [1.0, 0.0, 1.0],  # 4 magenta
    [0.0, 1.0, 1.0],  # 5 cyan
    [1.0, 0.5, 0.0],  # 6 orange
    [0.5, 0.0, 1.0],  # 7 purple
    [1.0, 1.0, 1.0],  # 8 white
    [1.0, 0.5, 0.75],  # 9 pink
  ],
  np.float32,
)
RGB_MEANS = np.eye(3, dtype=np.float32)  # Red, green, blue.

_MEANS = {'colored_mnist': COLOR_MEANS, 'rgb_mnist': RGB_MEANS}
NAMES = tuple(_MEANS)

_PAD = 2  # 28 + 2 * 2 = 32.


class Colors(NamedTuple):
  """The colours that N digits drew."""

  mean: np.ndarray  # [N] int32, index of the mean colour
  value: np.ndarray  # [N, 3] float32 in [0, 1], the colour of full ink


def make(digits: Digits, *, sigma: float, seed: int, biased: bool) -> Dataset:
  """Paints digits: by their class if biased, else independently of it.

  Args:
    digits: grey digits, [N, 28, 28].
    sigma: standard deviation of each colour channel before clipping, >= 0.
    seed: of the colours.
    biased: True for N(mu_y, sigma), the training set; False for N(mu_c, sigma)
      with c uniform over the ten classes, the unbiased test set.

  Returns:
    Dataset of N images.

  Raises:
    ValueError: sigma or seed is negative, or sigma not finite.
  """
  fraction = 1.0 if biased else 1 / NUM_CLASSES
  return make_skewed(digits, sigma=sigma, seed=seed, fraction=fraction)


def make_skewed(
  digits: Digits, *, sigma: float, seed: int, fraction: float
) -> Dataset:
  """Paints a fraction of the digits by their class, the rest by another's.

  The colour's mean is mu_y with probability `fraction`, otherwise one of the
  other nine, uniformly. So 1 is the biased set and 1/10 the unbiased one.

  Args:
    digits: grey digits, [N, 28, 28].
    sigma: standard deviation of each colour channel before clipping, >= 0.
    seed: of the colours.
    fraction: P(colour of the own class), in [0, 1].

  Returns:
    Dataset of N images.

  Raises:
    ValueError: fraction outside [0, 1], or bad sigma or seed.
  """
  table = skewed_table(fraction)
  return _dataset(digits, COLOR_MEANS, table, sigma=sigma, seed=seed)


def skewed_table(fraction: float) -> np.ndarray:
  """P(colour | label) [10, 10] with `fraction` on the diagonal.

  Raises:
    ValueError: fraction outside [0, 1].
  """
  if not 0 <= fraction <= 1:
    raise ValueError(f'fraction is {fraction}, expected a number in [0, 1]')
  other = (1 - fraction) / (NUM_CLASSES - 1)
  table = np.full((NUM_CLASSES, NUM_CLASSES), other)
  np.fill_diagonal(table, fraction)
  return table


def make_rgb(
  digits: Digits, *, sigma: float, seed: int, fractions: Sequence[float]
) -> Dataset:
  """Paints digits red, green or blue, independently of the label (Table 2).

  Args:
    digits: grey digits, [N, 28, 28].
    sigma: standard deviation of each colour channel before clipping, >= 0.
    seed: of the colours.
    fractions: P(red), P(green), P(blue); they sum to 1.

  Returns:
    Dataset of N images.

  Raises:
    ValueError: fractions are not three probabilities, or bad sigma or seed.
  """
  if not class_shares.are_shares(fractions, 3):
    raise ValueError(
      f'fractions are {tuple(fractions)}, expected three numbers >= 0 (red,'
      ' green, blue) with sum 1'
    )
  table = np.tile(np.float64(fractions), (NUM_CLASSES, 1))
  return _dataset(digits, RGB_MEANS, table, sigma=sigma, seed=seed)


def _dataset(
  digits: Digits,
  means: np.ndarray,  # [C, 3]
  table: np.ndarray,  # [K, C]
  *,
  sigma: float,
  seed: int,
) -> Dataset:
  """Draws a colour for each digit and paints it."""
  colors = draw_colors(digits, means, table, sigma=sigma, seed=seed)
  return Dataset(
    image=paint(digits.image, colors.value),
    label=digits.label,
    num_classes=NUM_CLASSES,
    groups={'color': colors.mean, 'nearest_color': _nearest(colors, means)},
    source=digits.source,
  )


def _nearest(colors: Colors, means: np.ndarray) -> np.ndarray:
  """The index of the mean colour that is nearest to each digit's own, [N]."""
  distances = np.square(colors.value[:, None] - means).sum(-1)  # [N, C]
  return distances.argmin(1).astype(np.int32)


def draw_colors(
  digits: Digits,
  means: np.ndarray,  # [C, 3] in [0, 1]
  table: np.ndarray,  # [K, C], P(colour | label), rows sum to 1
  *,
  sigma: float,
  seed: int,
) -> Colors:
  """Draws a mean colour for each digit by its label, and adds noise.

  Args:
    digits: N digits, whose labels and split are read.
    means: mean colours.
    table: probability of each mean colour, given the label.
    sigma: standard deviation of each colour channel before clipping, >= 0.
    seed: of the draws.

  Raises:
    ValueError: sigma or seed is negative, or sigma not finite.
  """
  if not 0 <= sigma < np.inf:
    raise ValueError(f'sigma is {sigma}, expected a finite number >= 0')
  choice = _draw(table[digits.label], _stream(seed, digits.split, 0))
  noise = _stream(seed, digits.split, 1).standard_normal((len(choice), 3))
  value = np.clip(means[choice] + sigma * noise, 0, 1).astype(np.float32)
  return Colors(choice.astype(np.int32), value)


def paint(
  ink: np.ndarray,  # [N, 28, 28] uint8
  color: np.ndarray,  # [N, 3] float32 in [0, 1]
) -> np.ndarray:
  """Grey digits in one colour each, on black: [N, 32, 32, 3] uint8."""
  ink = np.pad(ink, ((0, 0), (_PAD, _PAD), (_PAD, _PAD)))
  ink = ink.astype(np.float32) / 255
  return pixels.to_uint8(ink[..., None] * color[:, None, None, :])


def _draw(probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Draws from each row of `probability` [N, C], by one uniform number each."""
  edges = np.cumsum(probability, axis=1)[:, :-1]
  return (rng.random((len(edges), 1)) >= edges).sum(axis=1)


def _stream(seed: int, split: str, purpose: int) -> np.random.Generator:
  """An independent stream of random numbers for each split and purpose."""
  if seed < 0:
    raise ValueError(f'seed is {seed}, expected an integer >= 0')
  key = (SPLITS.index(split), purpose)
  sequence = np.random.SeedSequence(seed, spawn_key=key)
  return np.random.Generator(np.random.Philox(sequence))


def brightness(images: jax.Array) -> jax.Array:
  """What is left of coloured digits without their colour, for judges.

  The largest channel of each pixel, scaled so that the brightest pixel of the
  image is 1: a digit of any colour and its grey original look the same.

  Args:
    images: [B, H, W, 3] in [0, 1], or a little outside.

  Returns:
    [B, H, W, 1] in [0, 1].
  """
  light = jnp.clip(images, 0, 1).max(-1, keepdims=True)
  return light / jnp.maximum(light.max((1, 2, 3), keepdims=True), 1e-3)


def ink_color(images: np.ndarray) -> np.ndarray:
  """Mean RGB over the digit's pixels: [B, H, W, 3] in [0, 1] -> [B, 3].

  A pixel belongs to the digit where its largest channel is at least half of
  the image's largest value, which holds for any colour.
  """
  light = images.max(-1, keepdims=True)
  ink = light >= 0.5 * light.max((1, 2, 3), keepdims=True)
  return (images * ink).sum((1, 2)) / ink.sum((1, 2))


def default_config() -> ml_collections.ConfigDict:
  """The fields that `load` reads, with their defaults (`config.data`)."""
  config = ml_collections.ConfigDict()
  config.name = 'colored_mnist'  # Or 'rgb_mnist'.
  config.source = 'embedded'  # Or 'idx', 'tfds': see digits.py.
  config.data_dir = ''  # Folder for 'idx' and 'tfds'.
  config.num_train = 0  # First digits kept, 0 = all (embedded: 10,000).
  config.num_test = 0  # Likewise (embedded: 2,000).
  config.sigma = 0.0  # Standard deviation of each colour channel.
  # That of the test split; None: sigma. Figure 7 needs one test set for all.
  config.test_sigma = config_dict.placeholder(float)
  config.seed = 0  # Of the colours; training has another seed.
  # Training colours: 'biased', 'more_biased', 'less_biased' or 'unbiased'. The
  # test split is always unbiased.
  config.variant = 'biased'
  # Fractions of training digits in the colour of their class, or in red, those
  # of Table 2's rows.
  config.less_biased = 0.99
  config.more_biased = 0.999
  # Shares of the digits 0 to 9 in the training set, which then has num_train
  # of them (0: as many as possible), drawn by `seed`. (): as in the source.
  config.digit_shares = ()
  return config


def load(config: ml_collections.ConfigDict, split: str) -> Dataset:
  """Makes the training or test set that a config describes.

  A variant names the fraction p of training digits in their own colour, that of
  their class ('colored_mnist') or red ('rgb_mnist'); the others share the other
  colours evenly. biased: p = 1, more_biased and less_biased: fields of the
  config, unbiased: even over all colours. The test split is always unbiased.

  Args:
    config: the fields of `default_config`.
    split: 'train' or 'test'.

  Returns:
    Dataset of config.num_train or config.num_test images (0: all).

  Raises:
    ValueError: unknown name, source, split or variant, or a bad number.
    FileNotFoundError: the files of the source are not there.
  """
  mean_colors(config.name)  # Raises on an unknown name.
  variant = config.variant if split == 'train' else 'unbiased'
  fraction = _fraction(config, variant)
  digits = load_ink(config, split)
  sigma = config.sigma
  if split != 'train' and config.test_sigma is not None:
    sigma = config.test_sigma
  noise = {'sigma': sigma, 'seed': config.seed}
  if config.name == 'colored_mnist':
    return make_skewed(digits, fraction=fraction, **noise)
  other = (1 - fraction) / 2
  return make_rgb(digits, fractions=(fraction, other, other), **noise)


def load_ink(config: ml_collections.ConfigDict, split: str) -> Digits:
  """The grey digits that `load` paints, in the same order; raises as it does.

  They are the first ones of the source, or those that digit_shares chooses.

  Args:
    config: the fields of `default_config`.
    split: 'train' or 'test'.
  """
  read = {'source': config.source, 'split': split, 'data_dir': config.data_dir}
  limit = config.num_train if split == 'train' else config.num_test
  if split != 'train' or not config.digit_shares:
    return load_digits(**read, limit=limit)
  if len(config.digit_shares) != NUM_CLASSES:
    raise ValueError(
      f'data.digit_shares has {len(config.digit_shares)} numbers, expected '
      f'{NUM_CLASSES}, one per digit, or none'
    )
  digits = load_digits(**read)
  keep = class_shares.choose(
    digits.label, config.digit_shares, total=limit, seed=config.seed
  )
  return digits._replace(image=digits.image[keep], label=digits.label[keep])


def mean_colors(name: str) -> np.ndarray:
  """The mean colours [C, 3] in [0, 1] of a data set, one of NAMES.

  Raises:
    ValueError: unknown name.
  """
  if name not in _MEANS:
    raise ValueError(
      f'unknown data name {name!r}, expected {" or ".join(NAMES)}'
    )
  return _MEANS[name]


def describe(config: ml_collections.ConfigDict) -> dict[str, object]:
  """What a record of results says about the data: its name and sigma."""
  return {'dataset': config.name, 'sigma': config.sigma}


def _fraction(config: ml_collections.ConfigDict, variant: str) -> float:
  """Fraction of digits in their own colour, for a variant of the config."""
  num_colors = 3 if config.name == 'rgb_mnist' else NUM_CLASSES
  fractions = {
    'biased': 1.0,
    'more_biased': config.more_biased,
    'less_biased': config.less_biased,
    'unbiased': 1 / num_colors,
  }
  if variant not in fractions:
    raise ValueError(
      f'unknown variant {variant!r}, expected {" or ".join(fractions)}'
    )
  if not 0 <= fractions[variant] <= 1:
    raise ValueError(
      f'{variant} is {fractions[variant]}, expected a fraction in [0, 1]'
    )
  return fractions[variant]
