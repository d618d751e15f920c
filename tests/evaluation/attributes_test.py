"""The judge of attributes: learns what can be seen, says what it is sure of."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import row_generator

from advmix_jax import datasets, generators, types
from advmix_jax.evaluation import attributes, judge


def _dataset(seed, count):
  """Noise; two groupings say which halves are brighter, one is chance."""
  rng = np.random.default_rng(seed)
  left, top, coin = rng.integers(0, 2, (3, count), np.int32)
  image = rng.integers(0, 128, (count, 16, 16, 1), np.uint8)
  image[:, :, :8] += np.uint8(100) * left.astype(np.uint8)[:, None, None, None]
  image[:, :8] += np.uint8(27) * top.astype(np.uint8)[:, None, None, None]
  groups = {'left': left, 'top': top, 'coin': coin}
  return types.Dataset(image, left, 2, groups, 'made')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  return attributes.train(
    _dataset(0, 640), tmp_path_factory.mktemp('run'), epochs=6
  )


def test_it_learns_what_can_be_seen_and_nothing_else(trained):
  found = attributes.accuracy(trained, _dataset(1, 500))
  assert found['left'] > 0.95 and found['top'] > 0.95
  assert 0.4 < found['coin'] < 0.6


def test_the_probability_is_that_of_the_answer(trained):
  images = _dataset(1, 50).image
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
  assert again.names == ('left', 'top', 'coin')
  images = _dataset(1, 100).image
  before = judge.logits(trained.judge, images)
  # Weights in 16 bits: 11 bits of mantissa, a few thousand summands.
  np.testing.assert_allclose(
    judge.logits(again.judge, images), before, atol=0.02 * np.abs(before).max()
  )
  with pytest.raises(ValueError, match='judge'):
    judge.load(path, view_fn=attributes.whole)


def test_groupings_of_other_values_are_refused(tmp_path):
  data = _dataset(1, 50)
  two = {'label': 2 * data.label}
  with pytest.raises(ValueError, match=r"'label' .* \[0, 2\], expected"):
    attributes.train(data._replace(groups=two), tmp_path)
  with pytest.raises(ValueError, match='no groupings'):
    attributes.train(data._replace(groups={}), tmp_path)


def test_a_file_without_its_names_is_refused(trained, tmp_path):
  path = tmp_path / 'judge.npz'
  attributes.save(path, trained._replace(names=('left',)), {})
  message = '1 different names of 3 outputs, expected one each'
  with pytest.raises(ValueError, match=message):
    attributes.load(path)
  params = dict(trained.judge.params)
  params['vgg/conv2_1'] = params['vgg/conv1_1']
  network = trained.judge._replace(params=params)
  attributes.save(path, trained._replace(judge=network), {})
  with pytest.raises(ValueError, match='vgg/conv2_1/b has shape .16,., expect'):
    attributes.load(path)


def test_images_and_answers_that_teach_nothing_are_refused(tmp_path):
  data = _dataset(1, 50)
  flat = data._replace(image=data.image[:, :8])
  with pytest.raises(ValueError, match='images are 8x16, expected squares'):
    attributes.train(flat, tmp_path)
  same = data._replace(groups={'class_0': np.ones(50, np.int32)})
  with pytest.raises(ValueError, match='all images have the same class_0'):
    attributes.train(same, tmp_path)


def test_a_judge_of_one_attribute_names_that_one(trained, tmp_path):
  path = tmp_path / 'judge.npz'
  attributes.save(path, trained, {})
  images = _dataset(2, 60).image
  answers, _ = attributes.answer(attributes.load(path), images)
  found = attributes.judge_fn(path, 'top')(images)
  np.testing.assert_array_equal(found, answers[:, 1])
  with pytest.raises(ValueError, match="'bottom', expected one of left, top"):
    attributes.judge_fn(path, 'bottom')


def test_it_sees_the_size_that_it_was_trained_on_and_no_other(trained):
  assert attributes.image_size(trained) == 16
  colour = row_generator.make()

  def grey(*arguments):
    return colour.synthesize(*arguments)[..., :1]

  small = colour._replace(
    synthesize=grey,
    coarse=lambda params, z_par: z_par,
    fine=lambda *parts: grey(parts[0], jnp.concatenate(parts[1:], axis=1)),
  )
  attributes.check_generator(trained, generators.resized(small, 16), {})
  message = (
    r'makes images \(4, 5, 1\), expected \(16, 16, 1\), as the judge sees; '
    '--size=16 resizes them'
  )
  with pytest.raises(ValueError, match=message):
    attributes.check_generator(trained, small, {}, option='--size')


def test_the_class_is_that_of_the_largest_logit_with_its_own_probability(
  monkeypatch,
):
  odds = np.array([[3.0, 0.1], [0.5, 4.0], [0.25, 0.2], [9.0, 1.0]])
  monkeypatch.setattr(judge, 'logits', lambda judge, images: np.log(odds))
  classes = attributes.AttributeJudge(None, ('class_0', 'class_1'))
  names, probability = attributes.name_class(classes, None)
  np.testing.assert_array_equal(names, [0, 1, 0, 0])
  np.testing.assert_allclose(probability, [0.75, 0.8, 0.2, 0.9])
  label = np.array([0, 1, 0, 1])
  groups = {f'class_{k}': (label == k).astype(np.int32) for k in (0, 1)}
  found = attributes.accuracy(
    classes, types.Dataset(None, label, 2, groups, 'made')
  )
  # A logit of 0 is no yes: the odds 1 of the last image.
  assert found == {'class_0': 0.5, 'class_1': 0.75, 'class': 0.75}
