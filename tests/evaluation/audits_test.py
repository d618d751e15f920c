"""Each data set has the judge that knows its labels."""

import numpy as np
import pytest

from advmix_jax import datasets, types
from advmix_jax.evaluation import attributes, audits
from advmix_jax.runtime import shipped


def test_the_judge_of_digits_sees_no_colour():
  config = datasets.default_config()
  config.num_test = 100
  test = datasets.load(config, 'test')
  grey = test.image.max(-1, keepdims=True).repeat(3, -1)
  judge_fn = audits.judge_fn(config)
  named = judge_fn(test.image)
  np.testing.assert_array_equal(named, judge_fn(grey))
  # README: right on 98.6% of the test digits.
  assert (named == test.label).mean() >= 0.95


@pytest.mark.parametrize(
  ('size', 'name'), [(32, 'face_judge_32.npz'), (64, 'face_judge.npz')]
)
def test_faces_have_the_judge_that_ships_and_its_answer_for_the_attribute(
  size, name
):
  config = datasets.default_config('celeba')
  config.update(attribute='Male', resolution=size)
  images = np.random.default_rng(0).random((4, size, size, 3))
  images = images.astype(np.float32)
  found = attributes.load(shipped.DATA / name)
  has, _ = attributes.answer(found, images)
  expected = has[:, found.names.index('Male')]
  np.testing.assert_array_equal(audits.judge_fn(config)(images), expected)


def test_an_attribute_that_the_judge_does_not_know_is_named():
  config = datasets.default_config('celeba')
  config.attribute = 'Tall'
  with pytest.raises(ValueError, match="attribute is 'Tall', expected one of"):
    audits.judge_fn(config)


def test_a_judge_of_another_size_is_refused_before_it_sees_an_image():
  config = datasets.default_config('celeba')
  config.resolution = 48
  with pytest.raises(ValueError, match='images of 64x64, expected 48x48'):
    audits.judge_fn(config)


def test_data_without_a_judge_are_not_audited():
  assert audits.judge_fn(datasets.default_config('folder')) is None


def _judge_of_classes(path, favourite):
  """A judge whose answer is always `favourite`: its logits are biases."""
  images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
  names = attributes.class_names(3)
  groups = {name: np.arange(8, dtype=np.int32) % 2 for name in names}
  data = types.Dataset(images, groups['class_0'], 3, groups, 'made')
  judge = attributes.train(data, path.parent / 'run', epochs=1)
  params = dict(judge.judge.params)
  weights = params['vgg/logits']
  bias = np.full(3, -9, np.float32)
  bias[favourite] = -8  # Unlikely, and yet the likeliest of the three.
  params['vgg/logits'] = {'w': 0 * weights['w'], 'b': bias}
  network = judge.judge._replace(params=params)
  attributes.save(path, judge._replace(judge=network), {})


def test_a_judge_of_classes_names_the_likeliest(tmp_path):
  path = tmp_path / 'judge.npz'
  _judge_of_classes(path, 2)
  config = datasets.default_config('folder')
  config.resolution = 16
  judge_fn = audits.judge_fn(config, path)
  assert judge_fn(np.zeros((5, 16, 16, 3), np.uint8)).tolist() == [2] * 5
  config.resolution = 32
  with pytest.raises(ValueError, match='images of 16x16, expected 32x32'):
    audits.judge_fn(config, path)
  del config.resolution  # Data sets need not have it.
  judge_fn = audits.judge_fn(config, path)
  assert judge_fn(np.zeros((5, 16, 16, 3), np.uint8)).tolist() == [2] * 5
  config.resolution = 0  # As the arrays are: their size is seen later.
  judge_fn = audits.judge_fn(config, path, num_classes=3)
  with pytest.raises(ValueError, match='images of 16x16, not 32x32'):
    judge_fn(np.zeros((1, 32, 32, 3), np.uint8))
  with pytest.raises(ValueError, match='judges 3 classes, expected 10'):
    audits.judge_fn(config, path, num_classes=10)


def test_digits_have_one_judge():
  with pytest.raises(ValueError, match='judge is mine.npz, but colored_mnist'):
    audits.judge_fn(datasets.default_config('colored_mnist'), 'mine.npz')


def test_a_judge_of_attributes_is_none_of_classes():
  config = datasets.default_config('folder')
  with pytest.raises(ValueError, match='Young, expected class_0, class_1, ...'):
    audits.judge_fn(config, shipped.DATA / 'face_judge.npz')
