"""Colours of Colored-MNIST, as claims about their distribution."""

import numpy as np
import pytest

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist, image_hash
from advmix_jax.datasets.digits import Digits, load_digits

GOLDEN_TRAIN, GOLDEN_TEST = 'e014754ea6f15f47', '64e5ed932834b250'
# Of the first 1,000 and 500 digits, at sigma = 0.1.
GOLDEN_NOISY = {'train': 'f927886911e0949f', 'test': 'dcb9df258861ecee'}
# Chi-square, 81 degrees of freedom: P(X > 140) = 5e-5 under independence; the
# colours are a fixed function of the seed, so the test can't flicker.
CHI2_81 = 140


def blank_digits(num, split='train', num_classes=10):
  """Digits of full ink whose labels cycle: cheap where only colours matter."""
  image = np.zeros((num, 28, 28), np.uint8)
  image[:, 10:18, 10:18] = 255
  label = np.arange(num, dtype=np.int32) % num_classes
  return Digits(image, label, 'embedded', split)


def colors(digits, *, sigma, seed, biased):
  """The colours [N, 3], in float32, that `colored_mnist.make` paints with."""
  table = colored_mnist.skewed_table(1.0 if biased else 0.1)
  means = colored_mnist.COLOR_MEANS
  return colored_mnist.draw_colors(
    digits, means, table, sigma=sigma, seed=seed
  ).value


def nearest(image, means):
  """Index of the mean colour nearest to each image's brightest value."""
  color = image.max((1, 2)) / 255
  return np.linalg.norm(color[:, None] - means, axis=-1).argmin(1)


def chi_square(table):
  """Pearson's statistic of independence of a table of counts."""
  expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
  return ((table - expected) ** 2 / expected).sum()


def counts(rows, columns, shape):
  table = np.zeros(shape)
  np.add.at(table, (rows, columns), 1)
  return table


def small_config(**kwargs):
  config = datasets.default_config()
  config.update(num_train=1000, num_test=500)
  config.update(kwargs)
  return config


def test_ink_color_is_the_colour_of_full_ink_darkened_alike():
  ink = load_digits('embedded', 'train', limit=50)
  color = colors(ink, sigma=0.0, seed=0, biased=False)
  images = ink.image[..., None] / 255 * color[:, None, None]
  found = colored_mnist.ink_color(images)
  top = found.max(-1, keepdims=True)
  np.testing.assert_allclose(found / top, color, atol=1e-5)
  assert (top > 0.5).all() and (top <= 1).all()
  images[::2] *= 0.3  # Each image has an ink of its own, whatever the others'.
  dim = colored_mnist.ink_color(images)
  np.testing.assert_allclose(dim[::2], 0.3 * found[::2], rtol=1e-6)
  np.testing.assert_allclose(dim[1::2], found[1::2], rtol=1e-6)


def test_brightness_is_the_grey_digit_whatever_its_colour():
  ink = load_digits('embedded', 'train', limit=20)
  grey = ink.image[..., None] / 255
  color = colors(ink, sigma=0.2, seed=1, biased=False)[:, None, None]
  view = colored_mnist.brightness(0.7 * grey * color)
  peak = grey.max((1, 2, 3), keepdims=True)
  np.testing.assert_allclose(view, grey / peak, atol=1e-6)


def test_brightness_of_black_is_black_and_of_more_than_white_is_white():
  black, bright = np.zeros((1, 5, 5, 3)), np.full((1, 5, 5, 3), 1.5)
  np.testing.assert_array_equal(colored_mnist.brightness(black), 0)
  np.testing.assert_array_equal(colored_mnist.brightness(bright), 1)


def test_the_ten_means_are_far_apart_and_bright():
  means = colored_mnist.COLOR_MEANS
  distance = np.linalg.norm(means[:, None] - means, axis=-1)
  assert distance[~np.eye(10, dtype=bool)].min() >= 0.5
  assert means.max(axis=1).min() == 1  # Each has one channel at full light.
  assert means.shape == (10, 3) and means.dtype == np.float32
  assert means.min() >= 0 and means.max() <= 1


def test_an_image_is_the_ink_times_the_colour_padded_with_black():
  digits = load_digits('embedded', 'train', limit=50)
  data = colored_mnist.make(digits, sigma=0.1, seed=1, biased=True)
  color = colors(digits, sigma=0.1, seed=1, biased=True)
  for i in range(50):
    ink = digits.image[i][..., None].astype(np.float64)
    inside = data.image[i, 2:30, 2:30]
    # Rounded to 8 bits: half a step, and 1/100 more, as halves go down.
    np.testing.assert_allclose(inside, ink * color[i], atol=0.511)
  edge = np.ones((32, 32), bool)
  edge[2:30, 2:30] = False
  assert not data.image[:, edge].any()
  assert data.image.shape == (50, 32, 32, 3)
  assert data.image.dtype == np.uint8
  assert data.label.dtype == np.int32
  np.testing.assert_array_equal(data.label, digits.label)


def test_at_sigma_zero_a_training_digit_has_exactly_its_class_mean():
  digits = blank_digits(500)
  data = colored_mnist.make(digits, sigma=0, seed=3, biased=True)
  np.testing.assert_array_equal(
    colors(digits, sigma=0, seed=3, biased=True),
    colored_mnist.COLOR_MEANS[digits.label],
  )
  np.testing.assert_array_equal(data.groups['color'], digits.label)


def test_sigma_is_the_standard_deviation_of_channels_that_do_not_clip():
  digits = Digits(*blank_digits(8000)[:1], np.full(8000, 9, np.int32), 'idx')
  color = colors(digits, sigma=0.05, seed=0, biased=True)
  inner = color[:, 1:]  # Pink's 0.5 and 0.75: 5 sigma or more from edges.
  # 4 standard errors: sigma / sqrt(n) = 6e-4 and sigma / sqrt(2 n) = 4e-4.
  np.testing.assert_allclose(inner.mean(0), [0.5, 0.75], atol=2.4e-3)
  np.testing.assert_allclose(inner.std(0), 0.05, atol=1.6e-3)
  assert abs(np.corrcoef(inner.T)[0, 1]) < 4 / np.sqrt(8000)
  # Pink's red lies on the edge: half of its draws clip to 1, none passes it.
  assert abs((color[:, 0] == 1).mean() - 0.5) < 4 * 0.5 / np.sqrt(8000)


def test_sigma_moves_colours_in_proportion_and_never_the_choice_of_mean():
  digits = blank_digits(300, 'test')
  mean, near, far = (
    colors(digits, sigma=s, seed=0, biased=False) for s in (0, 0.01, 0.02)
  )
  free = (far > 0) & (far < 1)
  assert free.mean() > 0.4  # Most means lie on a face of the cube.
  # Colours are rounded to float32 (6e-8 near 1): once in far, twice in near.
  np.testing.assert_allclose(
    (far - mean)[free], 2 * (near - mean)[free], rtol=0, atol=3e-7
  )


def test_unbiased_colours_are_uniform_and_independent_of_the_label():
  data = colored_mnist.make(
    blank_digits(10_000, 'test'), sigma=0, seed=0, biased=False
  )
  choice = data.groups['color']
  painted = nearest(data.image, colored_mnist.COLOR_MEANS)
  np.testing.assert_array_equal(painted, choice)
  table = counts(data.label, choice, (10, 10))
  assert chi_square(table) < CHI2_81
  # Each count is binomial(10000, 0.1): standard deviation 30, allow 4 of them.
  assert abs(table.sum(0) - 1000).max() < 120


@pytest.mark.parametrize('sigma', [0.0, 0.4])
def test_nearest_color_is_that_of_the_paint(sigma):
  """Read from the image; with noise it's often not the one that was drawn."""
  data = colored_mnist.make(
    blank_digits(1000), sigma=sigma, seed=0, biased=True
  )
  near = data.groups['nearest_color']
  painted = nearest(data.image, colored_mnist.COLOR_MEANS)
  # 8 bits per channel move a colour across a border now and then.
  assert (painted == near).mean() > 0.99
  drawn = (near == data.label).mean()
  assert drawn == 1 if sigma == 0 else 0.2 < drawn < 0.8


def test_the_chi_square_test_would_notice_a_slight_bias():
  data = colored_mnist.make_skewed(
    blank_digits(10_000), sigma=0, seed=0, fraction=0.15
  )
  choice = data.groups['color']
  assert chi_square(counts(data.label, choice, (10, 10))) > CHI2_81


@pytest.mark.parametrize('fraction', [0.0, 0.5, 0.99])
def test_skewed_sets_keep_the_class_colour_for_the_given_fraction(fraction):
  num = 10_000
  data = colored_mnist.make_skewed(
    blank_digits(num), sigma=0, seed=5, fraction=fraction
  )
  choice = data.groups['color']
  own = choice == data.label
  tolerance = 4 * np.sqrt(fraction * (1 - fraction) / num)  # 4 std errors.
  assert abs(own.mean() - fraction) <= tolerance
  # The others are uniform over nine: the distance along the circle of classes.
  shift = (choice - data.label)[~own] % 10
  share = np.bincount(shift, minlength=10)[1:] / shift.size
  assert abs(share - 1 / 9).max() < 4 * np.sqrt(8 / 81 / shift.size)


def test_fraction_one_is_the_biased_set_and_a_tenth_the_unbiased_one():
  digits = blank_digits(200)
  for fraction, biased in ((1, True), (0.1, False)):
    skewed = colored_mnist.make_skewed(
      digits, sigma=0.1, seed=2, fraction=fraction
    )
    plain = colored_mnist.make(digits, sigma=0.1, seed=2, biased=biased)
    np.testing.assert_array_equal(skewed.image, plain.image)
    np.testing.assert_array_equal(skewed.groups['color'], plain.groups['color'])


def test_rgb_colours_have_the_given_fractions_whatever_the_label():
  num = 20_000
  fractions = np.array([0.999, 0.0005, 0.0005])  # Table 2, most biased.
  data = colored_mnist.make_rgb(
    blank_digits(num), sigma=0, seed=0, fractions=fractions
  )
  choice = data.groups['color']
  share = np.bincount(choice, minlength=3) / num
  error = np.sqrt(fractions * (1 - fractions) / num)
  assert (abs(share - fractions) < 4 * error).all()
  np.testing.assert_array_equal(
    data.image.max((1, 2)), 255 * colored_mnist.RGB_MEANS[choice]
  )
  even = colored_mnist.make_rgb(
    blank_digits(num), sigma=0, seed=0, fractions=(1 / 3, 1 / 3, 1 / 3)
  )
  table = counts(
    even.label, nearest(even.image, colored_mnist.RGB_MEANS), (10, 3)
  )
  assert chi_square(table) < 45  # 18 degrees of freedom: P(X > 45) = 4e-4.


def test_colours_are_a_pure_function_of_the_seed():
  digits = blank_digits(100)
  first = colored_mnist.make(digits, sigma=0.2, seed=7, biased=False)
  np.random.seed(0)  # Global state must not matter.
  again = colored_mnist.make(digits, sigma=0.2, seed=7, biased=False)
  other = colored_mnist.make(digits, sigma=0.2, seed=8, biased=False)
  np.testing.assert_array_equal(first.image, again.image)
  different = (first.image != other.image).any(axis=(1, 2, 3))
  assert different.mean() > 0.8


def test_training_and_test_colours_come_from_different_streams():
  train, test = (
    colored_mnist.make(
      blank_digits(2000, split), sigma=0, seed=0, biased=False
    ).groups['color']
    for split in ('train', 'test')
  )
  same = (train == test).mean()
  assert abs(same - 0.1) < 4 * np.sqrt(0.09 / 2000)  # By chance: one in ten.


def test_a_digit_keeps_its_colour_when_fewer_are_loaded():
  few, many = (
    colored_mnist.make(blank_digits(n), sigma=0.1, seed=0, biased=False)
    for n in (10, 1000)
  )
  np.testing.assert_array_equal(few.image, many.image[:10])


def test_the_default_data_never_change():
  config = small_config()
  config.num_train = config.num_test = 0
  train = datasets.load(config, 'train')
  test = datasets.load(config, 'test')
  assert (len(train.image), len(test.image)) == (10_000, 2_000)
  # Shipped latents name these hashes, so no version of NumPy may move them.
  assert image_hash.set_name(train.image) == GOLDEN_TRAIN
  assert image_hash.set_name(test.image) == GOLDEN_TEST


def test_noisy_colours_never_change():
  """Nor do choice and noise share a stream of random numbers."""
  for split, golden in GOLDEN_NOISY.items():
    found = datasets.load(small_config(sigma=0.1), split)
    assert image_hash.set_name(found.image) == golden


def test_load_paints_what_the_config_says():
  config = small_config(sigma=0.1, seed=4)
  train = datasets.load(config, 'train')
  digits = load_digits('embedded', 'train', limit=1000)
  expected = colored_mnist.make(digits, sigma=0.1, seed=4, biased=True)
  np.testing.assert_array_equal(train.image, expected.image)
  assert train.source == 'embedded'
  config.variant = 'less_biased'
  config.less_biased = 0.7
  skewed = datasets.load(config, 'train')
  expected = colored_mnist.make_skewed(digits, sigma=0.1, seed=4, fraction=0.7)
  np.testing.assert_array_equal(skewed.image, expected.image)


@pytest.mark.parametrize('variant', ['biased', 'more_biased', 'less_biased'])
@pytest.mark.parametrize('name', colored_mnist.NAMES)
def test_the_test_split_is_unbiased_in_every_variant(name, variant):
  biased = datasets.load(small_config(name=name, variant=variant), 'test')
  plain = datasets.load(small_config(name=name, variant='unbiased'), 'test')
  np.testing.assert_array_equal(biased.image, plain.image)
  num_colors = len(np.unique(plain.groups['color']))
  assert num_colors == {'colored_mnist': 10, 'rgb_mnist': 3}[name]


def test_with_a_sigma_of_its_own_the_test_split_does_not_move():
  sets = [
    datasets.load(small_config(sigma=sigma, test_sigma=0.1), 'test').image
    for sigma in (0.0, 0.1, 0.7)
  ]
  np.testing.assert_array_equal(sets[0], sets[2])
  same = datasets.load(small_config(sigma=0.1), 'test').image  # None: sigma.
  np.testing.assert_array_equal(sets[1], same)
  train, plain = (
    datasets.load(small_config(sigma=0.3, test_sigma=sigma), 'train').image
    for sigma in (0.1, None)
  )
  np.testing.assert_array_equal(train, plain)


def test_digit_shares_skew_the_training_digits_alone():
  shares = (0.45, 0.45, *[0.0125] * 8)
  config = small_config(digit_shares=shares, num_train=80)
  label = datasets.load(config, 'train').label
  np.testing.assert_array_equal(np.bincount(label), [36, 36, *[1] * 8])
  other = small_config(digit_shares=shares, num_train=80, seed=config.seed + 1)
  ink, others = (colored_mnist.load_ink(c, 'train') for c in (config, other))
  np.testing.assert_array_equal(ink.label, label)
  np.testing.assert_array_equal(np.bincount(others.label), np.bincount(label))
  assert not np.array_equal(ink.image, others.image)  # Drawn by the seed.
  plain = small_config(num_train=80)
  np.testing.assert_array_equal(
    datasets.load(config, 'test').image, datasets.load(plain, 'test').image
  )


def test_rgb_variants_name_the_fraction_of_red():
  config = small_config(name='rgb_mnist', variant='more_biased')
  config.more_biased = 0.8
  color = datasets.load(config, 'train').groups['color']
  share = np.bincount(color, minlength=3) / len(color)
  error = 4 * np.sqrt(0.8 * 0.2 / 1000)
  np.testing.assert_allclose(share, [0.8, 0.1, 0.1], atol=error)
  config.variant = 'biased'
  red = datasets.load(config, 'train')
  assert (red.groups['color'] == 0).all() and not red.image[..., 1:].any()


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    (
      {'name': 'mnist'},
      "data.name is 'mnist', expected .*colored_mnist.*rgb_mnist",
    ),
    ({'source': 'web'}, "unknown data source 'web'.*embedded.*idx.*tfds"),
    ({'variant': 'worst'}, "unknown variant 'worst'.*biased.*unbiased"),
    ({'sigma': -0.1}, r'sigma is -0\.1, expected .* >= 0'),
    ({'sigma': float('nan')}, 'sigma is nan, expected'),
    ({'seed': -1}, 'seed is -1, expected'),
    ({'num_train': 10_001}, 'limit is 10001, expected 0 .* to 10000'),
    ({'num_train': -1}, 'limit is -1, expected'),
    ({'variant': 'less_biased', 'less_biased': 1.5}, 'less_biased is 1.5'),
    ({'test_sigma': -1.0}, 'sigma is -1.0'),
    ({'digit_shares': (1.0,)}, 'digit_shares has 1 numbers, expected 10'),
    (
      {'digit_shares': (1.0, *[0] * 9), 'num_train': 2000},
      '2000 images of class 0, expected at most 1001',
    ),
  ],
)
def test_a_bad_field_is_named_in_one_line(fields, message):
  split = 'test' if 'test_sigma' in fields else 'train'
  with pytest.raises(ValueError, match=message) as error:
    datasets.load(small_config(**fields), split)
  assert '\n' not in str(error.value)


def test_bad_fractions_and_splits_are_refused():
  digits = blank_digits(10)
  with pytest.raises(ValueError, match='fraction is 1.2'):
    colored_mnist.make_skewed(digits, sigma=0, seed=0, fraction=1.2)
  for fractions in ((0.5, 0.5), (0.5, 0.6, 0.1), (1.5, -0.5, 0)):
    with pytest.raises(ValueError, match='fractions are'):
      colored_mnist.make_rgb(digits, sigma=0, seed=0, fractions=fractions)
  with pytest.raises(ValueError, match="unknown split 'valid'.*train.*test"):
    datasets.load(small_config(), 'valid')


def test_the_config_of_a_name_makes_that_data_set():
  for name in datasets.NAMES:
    assert datasets.default_config(name).name == name
