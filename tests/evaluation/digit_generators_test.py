"""The measures of generators of coloured digits, and their real digits."""

import json

import jax
import numpy as np
import pytest
from helpers import coverage, row_generator, tiny_gan

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.evaluation import digit_generators
from advmix_jax.generators import ideal, stylegan


def _data(**fields):
  config = datasets.default_config()
  config.update(fields)
  return config


def test_held_out_digits_are_none_that_the_generator_saw():
  trained_on = _data(num_train=40)
  images, held_out = digit_generators.real_images(
    trained_on, _data(num_train=100), 60
  )
  assert held_out and images.shape == (60, 32, 32, 3)
  rest = datasets.load(_data(num_train=100), 'train').image[40:]
  as_set = lambda x: {image.tobytes() for image in x}  # noqa: E731
  assert as_set(images) == as_set(rest)


def test_too_few_new_digits_leave_those_of_the_training():
  trained_on = _data(num_train=40)
  images, held_out = digit_generators.real_images(
    trained_on, _data(num_train=100), 61
  )
  assert not held_out and len(images) == 61
  again, _ = digit_generators.real_images(trained_on, trained_on, 61)
  assert len(again) == 40


def test_a_moved_folder_is_read_for_the_training_digits_too():
  data = _data(source='idx', data_dir='/old')

  def folder(source, data_dir):
    return digit_generators._trained_on(data, source, data_dir).data_dir

  assert folder('idx', '/new') == folder('', '/new') == '/new'
  assert folder('', '') == folder('tfds', '/other') == '/old'
  with pytest.raises(ValueError, match='expected a source that has one'):
    digit_generators._trained_on(_data(), '', '/new')


def test_an_exact_generator_is_on_the_floor():
  data = _data(num_train=400, variant='unbiased')
  bank = datasets.to_float(datasets.load(data, 'train').image)
  generator = ideal.make_generator(bank, colors=colored_mnist.COLOR_MEANS)
  record = digit_generators.measure(
    generator, generator.init(None), data, num_mixes=100, num_real=200
  )
  ours, floor = record['quality']['generated'], record['quality']['floor']
  # Digits of the bank against other digits: one distribution.
  expected = coverage.expected_coverage(20, 20)  # Subsets of 20.
  assert ours['kid'][1][0] < floor['kid'][1][1]  # Intervals overlap.
  for found in (ours, floor):
    # Over 200 digits, the standard errors are about 0.04 and 0.01.
    assert abs(found['density'][0] - 1) < 0.2
    assert abs(found['coverage'][0] - expected) < 0.05
    assert found['confident'][0] > 0.9
  assert record['quality']['held_out']  # 9,600 others are embedded.
  assert record['label_follows'][0] == 1
  for name, share in record['train'].items():
    assert sum(share) == pytest.approx(1, abs=1e-3)
    found = record['largest_deviation'][name]
    difference = record[name][found['index']] - share[found['index']]
    assert found['deviation'] == pytest.approx(difference, abs=1e-4)
    # 200 samples of a tenth: 0.02 is a standard error; ten of them, and 400.
    assert abs(found['deviation']) < 0.1


def test_the_images_of_quality_are_none_of_the_mixes(monkeypatch):
  data = _data(num_train=40)
  bank = datasets.to_float(datasets.load(data, 'train').image)
  generator = ideal.make_generator(bank, colors=colored_mnist.COLOR_MEANS)
  monkeypatch.setattr(digit_generators, '_quality', lambda *arguments: {})
  drawn = []

  def noted(params, z):
    drawn.append({row.tobytes() for row in np.asarray(z)})
    return generator.map(params, z)

  digit_generators.measure(
    generator._replace(map=noted),
    generator.init(None),
    data,
    num_mixes=4,
    num_real=4,
  )
  of_mixes, of_quality = drawn
  assert not of_mixes & of_quality


def test_images_of_another_size_are_refused_undrawn():
  generator = row_generator.make()._replace(map=None)  # Nothing can be drawn.
  message = r'images \(4, 5, 3\), expected \(32, 32, 3\), as the digits are'
  with pytest.raises(ValueError, match=message):
    digit_generators.measure(
      generator, {}, _data(num_train=40), num_mixes=4, num_real=4
    )


def test_the_exact_generator_has_no_other_split():
  with pytest.raises(ValueError, match='generator.split is 3, expected 0 for'):
    digit_generators.load('ideal', split=3)


def test_the_style_has_the_colours_of_the_data():
  for name, means in (
    ('colored_mnist', colored_mnist.COLOR_MEANS),
    ('rgb_mnist', colored_mnist.RGB_MEANS),
  ):
    style = digit_generators.style_of(name)
    data = datasets.load(_data(name=name, num_train=30), 'train')
    shown = style.measure_fn(datasets.to_float(data.image))
    distance = np.square(shown[:, None] - style.prototypes).sum(-1)
    np.testing.assert_array_equal(style.prototypes, means)
    # The ink is grey at its edge, which costs brightness, not the nearest mean.
    right = distance.argmin(-1) == data.groups['color']
    assert right.mean() > 0.9


def test_a_generator_says_what_it_was_trained_on(tmp_path):
  config = tiny_gan.config(1)
  init = stylegan.make_generator(config.network).init
  params = init(jax.random.key(0, impl='rbg'))
  path = tmp_path / 'generator.npz'
  stylegan.save(path, config.network, params, training=config.to_dict())
  generator, _, training = digit_generators.load(path, split=4)
  assert generator.split == 4
  assert training['data'] == json.loads(json.dumps(config.data.to_dict()))
  config.data.name = 'faces'
  stylegan.save(path, config.network, params, training=config.to_dict())
  with pytest.raises(ValueError, match="trained on 'faces', expected one of"):
    digit_generators.load(path)
  stylegan.save(path, config.network, params)
  with pytest.raises(ValueError, match='trained on None'):
    digit_generators.load(path)
