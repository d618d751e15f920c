"""Colours of Colored-MNIST, as claims about their distribution."""

import numpy as np
import pytest

from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.datasets import image_hash
from advmix_jax.datasets.digits import Digits

GOLDEN_TRAIN, GOLDEN_TEST = 'e014754ea6f15f47', '64e5ed932834b250'
# Chi-square, 81 degrees of freedom: P(X > 140) = 5e-5 under independence; the
# colours are a fixed function of the seed, so the test can't flicker.
CHI2_81 = 140


def blank_digits(num, split='train', num_classes=10):
  """Digits of full ink whose labels cycle: cheap where only colours matter."""
  image = np.zeros((num, 28, 28), np.uint8)
  image[:, 10:18, 10:18] = 255
  label = np.arange(num, dtype=np.int32) % num_classes
  return Digits(image, label, 'embedded', split)


def nearest(color, means):
  """Index of the nearest mean for each colour."""
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


def test_the_ten_means_are_far_apart_and_bright():
  means = datasets.COLOR_MEANS
  distance = np.linalg.norm(means[:, None] - means, axis=-1)
  assert distance[~np.eye(10, dtype=bool)].min() >= 0.5
  assert means.max(axis=1).min() == 1  # Each has one channel at full light.
  assert means.shape == (10, 3) and means.dtype == np.float32
  assert means.min() >= 0 and means.max() <= 1


def test_an_image_is_the_ink_times_the_colour_padded_with_black():
  digits = datasets.load_digits('embedded', 'train', limit=50)
  data = datasets.colored_mnist(digits, sigma=0.1, seed=1, biased=True)
  for i in range(50):
    ink = digits.image[i][..., None] / 255
    inside = data.image[i, 2:30, 2:30]
    # One float32 rounding each in the quotient, colour and product: < 2e-7.
    np.testing.assert_allclose(inside, ink * data.color[i], atol=2e-7)
  edge = np.ones((32, 32), bool)
  edge[2:30, 2:30] = False
  assert not data.image[:, edge].any()
  assert data.image.min() >= 0 and data.image.max() <= 1
  assert data.image.shape == (50, 32, 32, 3)
  assert data.image.dtype == data.color.dtype == np.float32
  assert data.label.dtype == np.int32
  np.testing.assert_array_equal(data.label, digits.label)


def test_at_sigma_zero_a_training_digit_has_exactly_its_class_mean():
  digits = blank_digits(500)
  data = datasets.colored_mnist(digits, sigma=0, seed=3, biased=True)
  np.testing.assert_array_equal(data.color, datasets.COLOR_MEANS[data.label])


def test_sigma_is_the_standard_deviation_of_channels_that_do_not_clip():
  digits = Digits(*blank_digits(8000)[:1], np.full(8000, 9, np.int32), 'idx')
  data = datasets.colored_mnist(digits, sigma=0.05, seed=0, biased=True)
  inner = data.color[:, 1:]  # Pink's 0.5 and 0.75: 5 sigma or more from edges.
  # 4 standard errors: sigma / sqrt(n) = 6e-4 and sigma / sqrt(2 n) = 4e-4.
  np.testing.assert_allclose(inner.mean(0), [0.5, 0.75], atol=2.4e-3)
  np.testing.assert_allclose(inner.std(0), 0.05, atol=1.6e-3)
  assert abs(np.corrcoef(inner.T)[0, 1]) < 4 / np.sqrt(8000)
  # Pink's red lies on the edge: half of its draws clip to 1, none passes it.
  assert abs((data.color[:, 0] == 1).mean() - 0.5) < 4 * 0.5 / np.sqrt(8000)


def test_sigma_moves_colours_in_proportion_and_never_the_choice_of_mean():
  digits = blank_digits(300, 'test')
  mean, near, far = (
    datasets.colored_mnist(digits, sigma=s, seed=0, biased=False).color
    for s in (0, 0.01, 0.02)
  )
  free = (far > 0) & (far < 1)
  assert free.mean() > 0.4  # Most means lie on a face of the cube.
  # Colours are rounded to float32 (6e-8 near 1): once in far, twice in near.
  np.testing.assert_allclose(
    (far - mean)[free], 2 * (near - mean)[free], rtol=0, atol=3e-7
  )


def test_unbiased_colours_are_uniform_and_independent_of_the_label():
  data = datasets.colored_mnist(
    blank_digits(10_000, 'test'), sigma=0, seed=0, biased=False
  )
  choice = nearest(data.color, datasets.COLOR_MEANS)
  table = counts(data.label, choice, (10, 10))
  assert chi_square(table) < CHI2_81
  # Each count is binomial(10000, 0.1): standard deviation 30, allow 4 of them.
  assert abs(table.sum(0) - 1000).max() < 120


def test_the_chi_square_test_would_notice_a_slight_bias():
  data = datasets.skewed_colored_mnist(
    blank_digits(10_000), sigma=0, seed=0, fraction=0.15
  )
  choice = nearest(data.color, datasets.COLOR_MEANS)
  assert chi_square(counts(data.label, choice, (10, 10))) > CHI2_81


@pytest.mark.parametrize('fraction', [0.0, 0.5, 0.99])
def test_skewed_sets_keep_the_class_colour_for_the_given_fraction(fraction):
  num = 10_000
  data = datasets.skewed_colored_mnist(
    blank_digits(num), sigma=0, seed=5, fraction=fraction
  )
  choice = nearest(data.color, datasets.COLOR_MEANS)
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
    skewed = datasets.skewed_colored_mnist(
      digits, sigma=0.1, seed=2, fraction=fraction
    )
    plain = datasets.colored_mnist(digits, sigma=0.1, seed=2, biased=biased)
    np.testing.assert_array_equal(skewed.color, plain.color)


def test_rgb_colours_have_the_given_fractions_whatever_the_label():
  num = 20_000
  fractions = np.array([0.999, 0.0005, 0.0005])  # Table 2, most biased.
  data = datasets.rgb_mnist(
    blank_digits(num), sigma=0, seed=0, fractions=fractions
  )
  choice = nearest(data.color, datasets.RGB_MEANS)
  share = np.bincount(choice, minlength=3) / num
  error = np.sqrt(fractions * (1 - fractions) / num)
  assert (abs(share - fractions) < 4 * error).all()
  np.testing.assert_array_equal(data.color, datasets.RGB_MEANS[choice])
  even = datasets.rgb_mnist(
    blank_digits(num), sigma=0, seed=0, fractions=(1 / 3, 1 / 3, 1 / 3)
  )
  table = counts(even.label, nearest(even.color, datasets.RGB_MEANS), (10, 3))
  assert chi_square(table) < 45  # 18 degrees of freedom: P(X > 45) = 4e-4.


def test_colours_are_a_pure_function_of_the_seed():
  digits = blank_digits(100)
  first = datasets.colored_mnist(digits, sigma=0.2, seed=7, biased=False)
  np.random.seed(0)  # Global state must not matter.
  again = datasets.colored_mnist(digits, sigma=0.2, seed=7, biased=False)
  other = datasets.colored_mnist(digits, sigma=0.2, seed=8, biased=False)
  np.testing.assert_array_equal(first.image, again.image)
  assert (first.color != other.color).any(axis=1).mean() > 0.8


def test_training_and_test_colours_come_from_different_streams():
  train, test = (
    datasets.colored_mnist(
      blank_digits(2000, split), sigma=0, seed=0, biased=False
    ).color
    for split in ('train', 'test')
  )
  same = (train == test).all(axis=1).mean()
  assert abs(same - 0.1) < 4 * np.sqrt(0.09 / 2000)  # By chance: one in ten.


def test_a_digit_keeps_its_colour_when_fewer_are_loaded():
  few, many = (
    datasets.colored_mnist(blank_digits(n), sigma=0.1, seed=0, biased=False)
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


def test_load_paints_what_the_config_says():
  config = small_config(sigma=0.1, seed=4)
  train = datasets.load(config, 'train')
  digits = datasets.load_digits('embedded', 'train', limit=1000)
  expected = datasets.colored_mnist(digits, sigma=0.1, seed=4, biased=True)
  np.testing.assert_array_equal(train.image, expected.image)
  assert train.source == 'embedded'
  config.variant = 'less_biased'
  config.less_biased = 0.7
  skewed = datasets.load(config, 'train')
  expected = datasets.skewed_colored_mnist(
    digits, sigma=0.1, seed=4, fraction=0.7
  )
  np.testing.assert_array_equal(skewed.image, expected.image)


@pytest.mark.parametrize('variant', ['biased', 'more_biased', 'less_biased'])
@pytest.mark.parametrize('name', datasets.NAMES)
def test_the_test_split_is_unbiased_in_every_variant(name, variant):
  biased = datasets.load(small_config(name=name, variant=variant), 'test')
  plain = datasets.load(small_config(name=name, variant='unbiased'), 'test')
  np.testing.assert_array_equal(biased.image, plain.image)
  num_colors = len(np.unique(plain.color, axis=0))
  assert num_colors == {'colored_mnist': 10, 'rgb_mnist': 3}[name]


def test_rgb_variants_name_the_fraction_of_red():
  config = small_config(name='rgb_mnist', variant='more_biased')
  config.more_biased = 0.8
  color = datasets.load(config, 'train').color
  share = color.mean(axis=0)  # One-hot colours: the mean counts them.
  error = 4 * np.sqrt(0.8 * 0.2 / 1000)
  np.testing.assert_allclose(share, [0.8, 0.1, 0.1], atol=error)
  config.variant = 'biased'
  color = datasets.load(config, 'train').color
  assert (color == datasets.RGB_MEANS[0]).all()


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'name': 'mnist'}, "unknown data name 'mnist'.*colored_mnist.*rgb_mnist"),
    ({'source': 'web'}, "unknown data source 'web'.*embedded.*idx.*tfds"),
    ({'variant': 'worst'}, "unknown variant 'worst'.*biased.*unbiased"),
    ({'sigma': -0.1}, r'sigma is -0\.1, expected .* >= 0'),
    ({'sigma': float('nan')}, 'sigma is nan, expected'),
    ({'seed': -1}, 'seed is -1, expected'),
    ({'num_train': 10_001}, 'limit is 10001, expected 0 .* to 10000'),
    ({'num_train': -1}, 'limit is -1, expected'),
    ({'variant': 'less_biased', 'less_biased': 1.5}, 'less_biased is 1.5'),
  ],
)
def test_a_bad_field_is_named_in_one_line(fields, message):
  with pytest.raises(ValueError, match=message) as error:
    datasets.load(small_config(**fields), 'train')
  assert '\n' not in str(error.value)


def test_bad_fractions_and_splits_are_refused():
  digits = blank_digits(10)
  with pytest.raises(ValueError, match='fraction is 1.2'):
    datasets.skewed_colored_mnist(digits, sigma=0, seed=0, fraction=1.2)
  for fractions in ((0.5, 0.5), (0.5, 0.6, 0.1), (1.5, -0.5, 0)):
    with pytest.raises(ValueError, match='fractions are'):
      datasets.rgb_mnist(digits, sigma=0, seed=0, fractions=fractions)
  with pytest.raises(ValueError, match="unknown split 'valid'.*train.*test"):
    datasets.load(small_config(), 'valid')


@pytest.mark.parametrize(('num', 'size'), [(10, 4), (12, 4), (3, 8), (1, 1)])
def test_an_epoch_visits_every_example_and_fills_the_last_batch(num, size):
  index = datasets.batches(0, num, size)
  assert index.shape == (-(-num // size), size) and index.dtype == np.int32
  flat = index.ravel()
  assert sorted(flat[:num]) == list(range(num))
  np.testing.assert_array_equal(
    flat[num:], np.resize(flat[:num], flat.size)[num:]
  )


def test_the_order_is_a_pure_function_of_seed_and_epoch():
  first, second = (datasets.batches((0, e), 1000, 64) for e in (1, 2))
  np.testing.assert_array_equal(first, datasets.batches((0, 1), 1000, 64))
  assert (first != second).mean() > 0.9
  with pytest.raises(ValueError, match='batch_size 0'):
    datasets.batches(0, 10, 0)
