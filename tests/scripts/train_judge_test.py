"""experiments/train_judge.py: what the judge learns of a data set."""

import importlib

import numpy as np
import pytest
from helpers import paths, scripts

from advmix_jax import datasets
from advmix_jax.types import Dataset


@pytest.fixture
def groups_of(monkeypatch):
  """Groupings {name: [4]} -> those that the judge of such data learns."""
  script = scripts.load('train_judge', monkeypatch)

  def find(groups):
    image, label = np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 2, 2])
    groups = {name: np.array(group) for name, group in groups.items()}
    data = Dataset(image, label, 3, groups, 'made')
    monkeypatch.setattr(datasets, 'load', lambda *_: data)
    test, train = script._load(None)
    assert test.groups.keys() == train.groups.keys()
    return {name: group.tolist() for name, group in train.groups.items()}

  return find


def test_groupings_of_0_and_1_are_attributes(groups_of):
  smiling = [0, 1, 1, 0]
  assert groups_of({'style': [3, 3, 7, 1], 'smiling': smiling}) == {
    'smiling': smiling
  }


@pytest.mark.parametrize('groups', [{}, {'color': [0, 1, 2, 0]}], ids=str)
def test_other_data_have_their_classes(groups_of, groups):
  assert groups_of(groups) == {
    'class_0': [1, 0, 0, 0],
    'class_1': [0, 1, 0, 0],
    'class_2': [0, 0, 1, 1],
  }


@pytest.mark.parametrize('given, mirror', [({}, True), ({'data.mirror': 0}, 0)])
def test_images_are_mirrored_unless_that_is_refused(
  given, mirror, monkeypatch, tmp_path
):
  """Left and right may be the classes."""
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  config = importlib.import_module('configs.folder').get_config()
  script = scripts.load(
    'train_judge',
    monkeypatch,
    CONFIG=config,
    OUTPUT=str(tmp_path / 'judge.npz'),
    WORKDIR=str(tmp_path / 'run'),
  )
  monkeypatch.setattr(script.cli, 'given_fields', lambda: given)
  seen = []

  def load(config):
    seen.append(config.mirror)
    raise RuntimeError('loads')

  monkeypatch.setattr(script, '_load', load)
  with pytest.raises(RuntimeError, match='loads'):
    script.main([])
  assert seen == [mirror]
