"""The judge of attributes: learns what can be seen, says what it is sure of."""

import numpy as np
import pytest

from advmix_jax import datasets, types
from advmix_jax.datasets import digits
from advmix_jax.evaluation import attributes, judge


def _dataset(split, limit):
  """Digits with two groupings that can be seen, and one of chance."""
  found = digits.load_digits('embedded', split, limit=limit)
  image = np.pad(found.image, ((0, 0), (2, 2), (2, 2)))[..., None]
  coin = np.random.default_rng(0).integers(0, 2, limit)
  return types.Dataset(
    image=image,
    label=found.label,
    num_classes=10,
    groups={
      'is_one': (found.label == 1).astype(np.int32),
      'is_even': (found.label % 2 == 0).astype(np.int32),
      'coin': coin.astype(np.int32),
    },
    source='embedded',
  )


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  return attributes.train(
    _dataset('train', 1000), tmp_path_factory.mktemp('run'), epochs=2
  )


def test_it_learns_what_can_be_seen_and_nothing_else(trained):
  found = attributes.accuracy(trained, _dataset('test', 500))
  assert found['is_one'] > 0.96  # The larger class has 88%.
  assert found['is_even'] > 0.8  # The larger class has 51%.
  assert 0.4 < found['coin'] < 0.6


def test_the_probability_is_that_of_the_answer(trained):
  images = _dataset('test', 50).image
  has, probability = attributes.answer(trained, images)
  logits = judge.logits(trained.judge, images)
  wanted = 1 / (1 + np.exp(-logits))
  np.testing.assert_allclose(
    probability, np.where(has == 1, wanted, 1 - wanted), rtol=1e-5
  )
  assert (probability >= 0.5).all()
  floats = attributes.answer(trained, datasets.to_float(images))
  np.testing.assert_array_equal(floats[0], has)


def test_a_file_keeps_the_answers(trained, tmp_path):
  path = tmp_path / 'judge.npz'
  attributes.save(path, trained, {'seed': 0})
  again = attributes.load(path)
  assert again.names == ('is_one', 'is_even', 'coin')
  images = _dataset('test', 100).image
  before = judge.logits(trained.judge, images)
  # Weights in 16 bits: 11 bits of mantissa, a few thousand summands.
  np.testing.assert_allclose(
    judge.logits(again.judge, images), before, atol=0.02 * np.abs(before).max()
  )
  with pytest.raises(ValueError, match='judge'):
    judge.load(path, view_fn=attributes.whole)


def test_groupings_of_other_values_are_refused(tmp_path):
  data = _dataset('test', 50)
  with pytest.raises(ValueError, match="'label'.*other values than 0 and 1"):
    attributes.train(data._replace(groups={'label': data.label}), tmp_path)
  with pytest.raises(ValueError, match='no groupings'):
    attributes.train(data._replace(groups={}), tmp_path)
