"""Claims about the judge: blind to colour, right about digits, repeatable."""

import jax
import numpy as np
import pytest

from advmix_jax.datasets import colored_mnist as datasets
from advmix_jax.evaluation import judge


def _dataset(limit, seed=0, split='train', biased=False):
  digits = datasets.load_digits('embedded', split, limit=limit)
  return datasets.colored_mnist(digits, sigma=0.0, seed=seed, biased=biased)


def test_grey_is_the_ink_whatever_its_colour_and_brightness():
  ink = np.random.default_rng(0).random((4, 5, 5, 1), np.float32)
  ink[:, 2, 2] = 1
  colors = np.float32([[1, 0, 0], [0, 0.4, 0.8], [1, 1, 1], [0.5, 0.2, 0.1]])
  # A product of three float32 factors, divided by two of them.
  np.testing.assert_allclose(
    judge.grey(ink * colors[:, None, None]), ink, atol=1e-6
  )


def test_grey_of_black_is_black_and_of_more_than_white_is_white():
  np.testing.assert_array_equal(judge.grey(np.zeros((1, 5, 5, 3))), 0)
  np.testing.assert_array_equal(judge.grey(np.full((1, 5, 5, 3), 1.5)), 1)


def test_the_judge_is_blind_to_colour_and_right_on_unbiased_digits():
  images = [_dataset(400, seed, 'test') for seed in (0, 1)]
  params = judge.load()
  names = [judge.name(params, data.image)[0] for data in images]
  np.testing.assert_array_equal(*names)
  # 98.6% of the 2,000 test digits; 400 of them within 4 standard errors.
  assert (names[0] == images[0].label).mean() > 0.96


def test_names_and_confidences_do_not_depend_on_the_batch_size():
  params, image = judge.load(), _dataset(7).image
  label, confidence = judge.name(params, image)
  assert label.shape == confidence.shape == (7,) and label.dtype == np.int32
  again, other = judge.name(params, image, batch_size=3)
  np.testing.assert_array_equal(again, label)
  # Another batch size may sum in another order.
  np.testing.assert_allclose(other, confidence, atol=1e-5)
  assert (confidence >= 0.1).all() and (confidence <= 1).all()  # Largest of 10.


def test_accuracy_is_the_share_of_names_that_are_labels():
  params, data = judge.load(), _dataset(20)
  name = judge.name(params, data.image)[0]
  data = data._replace(label=np.where(np.arange(20) < 5, (name + 1) % 10, name))
  assert judge.accuracy(params, data) == 15 / 20


def test_training_teaches_digits_and_not_their_colours():
  params = judge.train(_dataset(128, biased=True), epochs=12)
  # By colour alone, which was the label, chance is what remains: 0.1, with a
  # standard deviation of 0.027 over 128 digits.
  assert judge.accuracy(params, _dataset(128)) > 0.2


def test_training_depends_on_its_seed_alone():
  data = _dataset(64)
  first, again, other = (judge.train(data, seed=s, epochs=1) for s in (0, 0, 1))
  jax.tree.map(np.testing.assert_array_equal, again, first)
  pairs = zip(jax.tree.leaves(other), jax.tree.leaves(first), strict=True)
  assert not all(np.array_equal(a, b) for a, b in pairs)


def test_a_judge_survives_its_file(tmp_path):
  path, params = tmp_path / 'judge.npz', {'a': {'b': np.ones(1)}}
  judge.save(path, params, {})
  jax.tree.map(np.testing.assert_array_equal, judge.load(path), params)


def test_a_file_that_is_no_judge_is_refused():
  with pytest.raises(ValueError, match='expected a judge'):
    judge.load(judge.SHIPPED.with_name('generator.npz'))
