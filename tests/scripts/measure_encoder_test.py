"""Claims about what experiments/measure_encoder.py takes and repeats."""

import itertools

import numpy as np
import pytest
from helpers import scripts

from advmix_jax import datasets, training, types
from advmix_jax.encoder import algorithm1
from advmix_jax.runtime import shipped


@pytest.fixture
def script(monkeypatch):
  return scripts.load('measure_encoder', monkeypatch, NUM=3)


def config_of(name):
  config = training.default_config()
  config.data = datasets.default_config(name)
  return config


def test_every_setting_of_the_ablation_is_a_valid_config(script):
  for changes in script.SETTINGS.values():
    config = algorithm1.default_config()
    config.update(changes)  # Raises for a field that does not exist.
    algorithm1.check(config)


def test_more_images_than_there_are_is_refused(script, monkeypatch):
  five = types.Dataset(np.zeros([5, 8, 8, 3]), np.arange(5), 5, {}, 'made')
  monkeypatch.setattr(datasets, 'load', lambda config, split: five)
  found = script._dataset(config_of('arrays'), '')
  np.testing.assert_array_equal(found.label, [0, 1, 2])
  script.FIRST.value = 3
  with pytest.raises(
    ValueError, match='num is 3, expected at most 2,.* from 3'
  ):
    script._dataset(config_of('arrays'), '')


def test_red_green_and_blue_digits_are_refused(script):
  """They would be measured as digits of ten colours."""
  with pytest.raises(ValueError, match="expected 'colored_mnist' for digits"):
    script._dataset(config_of('rgb_mnist'), 'unbiased')


def test_drawn_images_need_an_attribute_to_be_labelled_by(script):
  script.DRAWN.value = True
  with pytest.raises(ValueError, match='expected data with an attribute'):
    script._dataset(config_of('arrays'), '')


def test_a_record_of_drawn_images_is_none_of_real_ones(script):
  key = {'setting': 'pixels_0', 'num_images': 3}
  real, drawn = key | {'seconds': 1}, key | {'seconds': 1, 'drawn': True}
  assert script._is_of(real, key) and not script._is_of(drawn, key)
  script.DRAWN.value = True
  key |= {'drawn': True}
  assert script._is_of(drawn, key) and not script._is_of(real, key)


def test_another_judge_seed_or_data_is_another_record(script, tmp_path):
  def key(**fields):
    config = config_of('arrays')
    config.generator.path = str(shipped.DATA / 'generator.npz')
    config.update_from_flattened_dict(fields)
    ((found, _),) = script._wanted(config)
    return found

  for name in 'ab':
    (tmp_path / name).write_text(name)
  script.JUDGE.value = str(tmp_path / 'a')
  keys = [key(), key(seed=1), key(**{'data.num_train': 5})]
  assert key() == keys[0]
  script.JUDGE.value = str(tmp_path / 'b')
  keys.append(key())
  assert all(a != b for a, b in itertools.combinations(keys, 2))
