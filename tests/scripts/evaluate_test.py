"""experiments/evaluate.py: which judge a folder and a record are of."""

import jax
import numpy as np
import pytest
from helpers import scripts

from advmix_jax import classifiers, datasets, training, types
from advmix_jax.datasets import image_hash
from advmix_jax.evaluation import attributes
from advmix_jax.runtime import files, run_folder


def test_each_judge_has_a_folder_of_its_own(monkeypatch, tmp_path):
  names = set()
  for content in (b'one', b'two', None):
    path = tmp_path / 'judge.npz'
    if content:
      path.write_bytes(content)
    judge = str(path) if content else ''
    script = scripts.load('evaluate', monkeypatch, JUDGE=judge)
    names.add(script._name(training.default_config()))
  assert len(names) == 3
  assert sum('judge=' in name for name in names) == 2


def test_a_judge_that_nothing_asks_is_refused(monkeypatch):
  script = scripts.load(
    'evaluate', monkeypatch, WORKDIR='run', JUDGE='judge.npz', LADDER=False
  )
  with pytest.raises(ValueError, match='--judge audits the ladder'):
    script._config()


def test_a_training_that_has_not_ended_is_named(monkeypatch, tmp_path):
  script = scripts.load('evaluate', monkeypatch)
  with pytest.raises(FileNotFoundError, match='the training has not ended'):
    script._evaluate(training.default_config(), tmp_path, tmp_path / 'out')


def test_classes_that_changed_since_the_training_are_refused(
  monkeypatch, tmp_path
):
  """A class that was renamed gives the others new numbers."""
  config = training.default_config('folder')
  config.classifier.name = 'linear'
  image = np.zeros((1, 8, 8, 3), np.float32)
  classifier = classifiers.make_classifier(config.classifier, 2)
  classifiers.save(
    tmp_path / 'classifier.npz',
    config.classifier,
    classifier.init(jax.random.key(0), image),
    num_classes=2,
    classes=('hawk', 'owl'),
  )
  label = np.zeros(1, np.int32)
  test = types.Dataset(image, label, 2, {}, '', classes=('owl', 'zhawk'))
  monkeypatch.setattr(datasets, 'load', lambda *_: test)
  script = scripts.load('evaluate', monkeypatch)
  with pytest.raises(ValueError, match='were hawk, owl in training'):
    script._evaluate(config, tmp_path, tmp_path / 'out')


def test_a_judge_of_renamed_classes_is_refused(monkeypatch, tmp_path):
  """Its answers are numbers: a new name may give the others new ones."""
  classifier, judge = tmp_path / 'classifier.npz', tmp_path / 'judge.npz'
  params = {'a': {'w': np.ones(1, np.float32)}}
  config = training.default_config('folder')
  classifiers.save(
    classifier, config.classifier, params, num_classes=2, classes=('b', 'c')
  )
  files.save_npz(judge, params, {'classes': ['a', 'b']}, kind=attributes.KIND)
  script = scripts.load('evaluate', monkeypatch, JUDGE=str(judge))
  with pytest.raises(ValueError, match='judge.npz: the classes were a, b in'):
    script._judge_fn(config, tmp_path)


@pytest.mark.parametrize('added', [0, 1])
def test_other_training_images_than_the_run_had_are_said(
  added, monkeypatch, tmp_path, capsys
):
  def data(count):
    image = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    return types.Dataset(image, np.zeros(count, np.int32), 2, {}, '')

  config = training.default_config('folder')
  run_folder.claim_workdir(config, tmp_path, image_hash.data_hash(data(3)))
  monkeypatch.setattr(datasets, 'load', lambda *_: data(3 + added))
  script = scripts.load('evaluate', monkeypatch)
  script._warn_of_other_data(config, tmp_path)
  assert ('trained on other images' in capsys.readouterr().out) == bool(added)
