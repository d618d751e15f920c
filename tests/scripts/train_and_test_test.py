"""Claims about experiments/train_and_test.py that need no process."""

import importlib
import types

import numpy as np
import pytest
from helpers import paths

from advmix_jax.datasets import Dataset
from advmix_jax.evaluation import attributes


@pytest.fixture
def script(monkeypatch):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  return importlib.import_module('train_and_test')


def test_groups_have_the_accuracy_of_their_own_images(script, monkeypatch):
  names = ['Male', 'Blurry', 'not there']
  monkeypatch.setattr(script, 'GROUPS', types.SimpleNamespace(value=names))
  male = np.array([1, 1, 1, 1, 0, 0])
  groups = {'Male': male, 'Blurry': np.zeros(6, int)}
  data = Dataset(np.zeros((6, 1, 1, 3), np.uint8), male, 2, groups, 'made')
  right = np.array([True, True, True, False, False, True])
  found = script._groups(data, right)
  assert set(found) == {'Male', 'Blurry'}
  assert [(share, n) for share, _, n in found['Male']] == [(0.5, 2), (0.75, 4)]
  low, high = found['Male'][1][1]
  assert low < 0.75 < high
  assert [(share, n) for share, _, n in found['Blurry']] == [
    (4 / 6, 6),
    (None, 0),
  ]


def test_the_judge_of_an_attack_is_that_of_the_label(script, monkeypatch):
  judge = attributes.AttributeJudge(None, ('Male', 'Smiling'))
  monkeypatch.setattr(script, 'JUDGE', types.SimpleNamespace(value='j.npz'))
  monkeypatch.setattr(attributes, 'load', lambda path: judge)
  answers = np.array([[0, 1], [1, 0], [1, 1]])
  monkeypatch.setattr(
    attributes, 'answer', lambda judge, images: (answers, None)
  )
  config = importlib.import_module('configs.celeba').get_config()
  judge_fn = script._judge_fn(config)
  np.testing.assert_array_equal(judge_fn(np.zeros((3, 4, 4, 3))), [1, 0, 1])
  digits = importlib.import_module('configs.colored_mnist').get_config()
  assert script._judge_fn(digits) is None
