"""The evaluation of a run, on the subject of helpers/toy_subject.py."""

import ml_collections
import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax import types
from advmix_jax.evaluation import ladder, outcomes
from advmix_jax.evaluation import run as evaluation
from advmix_jax.report import pages, statistics

pytestmark = pytest.mark.usefixtures('compile_fast')


def test_a_wrong_clean_example_counts_as_broken():
  batch = toy.batch()
  batch = batch._replace(label=np.where(np.arange(toy.NUM) < 5, 0, 1))
  measured = evaluation.measure(
    toy.SUBJECT, batch, attack=toy.attack_config(), **toy.SIZE
  )
  good = outcomes.correct(measured)
  assert not good['perturbed'][:5].any() and not good['worst_random'][:5].any()
  assert measured.attacked.kept_clean[:5].all()
  assert (measured.attacked.first_success[:5] == 0).all()


@pytest.fixture(name='toy_run')
def fixture_toy_run(monkeypatch):
  """A config whose data, generator and classifier are the toy's."""
  batch = toy.batch()
  names = tuple(f'{i}.png' for i in range(toy.NUM))
  test = types.Dataset(batch.image, batch.label, 2, {}, 'toy', names)
  replacements = {
    (evaluation.generators, 'load'): lambda c: (toy.generator(), {}),
    (evaluation.lookup, 'load_latents'): lambda c, data, *_: batch.latents[
      : len(data.label)
    ],
    (evaluation.datasets, 'load'): lambda c, split: test,
    (evaluation.classifiers, 'make_classifier'): lambda c, k: (
      evaluation.classifiers.Classifier(None, toy.logits)
    ),
    (evaluation, '_pictures'): lambda *_: toy_pictures(),
  }
  for (module, name), value in replacements.items():
    monkeypatch.setattr(module, name, value)
  config = {
    'method': 'advmix',
    'seed': 0,
    'parallel': 'pmap',
    'data': {},
    'generator': {'name': 'toy'},
    'classifier': {},
    'eval': {'batch_size': 8},
  }
  return ml_collections.ConfigDict(config)


def toy_pictures():
  kinds = ('image', 'reconstruction', 'random_mix', 'adversarial')
  return {
    'label': np.array([1, 1]),
    'images': {kind: np.zeros((2, 4, 4, 3), np.uint8) for kind in kinds},
    'probabilities': {kind: np.array([[0.9, 0.1]] * 2) for kind in kinds},
  }


def test_evaluate_run_writes_what_it_saw(toy_run, tmp_path):
  results = evaluation.evaluate_run(
    *(toy_run, tmp_path, toy.SUBJECT.params),
    num_examples=10,
    attack=toy.attack_config(),
    output=tmp_path / 'again',
  )
  assert results['num_attacked'] == 10
  assert results['ci95']['clean'] == list(
    statistics.wilson_interval(toy.NUM, toy.NUM)
  )
  lines = (tmp_path / 'again' / 'per_example.csv').read_text().splitlines()
  assert len(lines) == 11
  assert [line.rpartition(',')[2] for line in lines[1:]] == [
    f'{i}.png' for i in range(10)
  ]
  broken = [line.split(',')[8] for line in lines[1:]].count('0')
  assert results['perturbed_accuracy'] == pytest.approx(1 - broken / 10)
  assert 'http' not in (tmp_path / 'again' / 'report.html').read_text()
  record = {'method': 'advmix', 'seed': 0} | results
  assert 'Worst of 9 random mixes' in pages.listing(record)


def test_a_ladder_adds_to_what_was_written(toy_run, tmp_path, monkeypatch):
  """With known rungs: those of a real ladder are in ladder_test.py."""
  names = ('clean', 'worst_random', 'equal_compute', 'algorithm_2', 'corners')
  right = np.arange(10) > 2

  def climb(*_, **__):
    rungs = [ladder.Rung(name, right, 9, 9) for name in names]
    return rungs, {'restarts': right, 'steps': right}

  arguments = (toy_run, tmp_path, toy.SUBJECT.params)
  options = {'num_examples': 10, 'attack': toy.attack_config()}
  plain = evaluation.evaluate_run(*arguments, **options)
  old = (tmp_path / 'per_example.csv').read_text().splitlines()
  monkeypatch.setattr(ladder, 'climb', climb)
  results = evaluation.evaluate_run(*arguments, **options, with_ladder=True)
  new = (tmp_path / 'per_example.csv').read_text().splitlines()
  assert set(results) - set(plain) == {'ladder', 'doubled', 'gradient'}
  for name in set(plain) - {'converged', 'gates', 'gate_values'}:
    assert results[name] == plain[name]
  assert results['valid'] and 'corners_below_gradient' in results['gates']
  for line, before in zip(new, old, strict=True):
    *cells, image, source = before.split(',')
    assert line.startswith(','.join(cells))
    assert line.endswith(f',{image},{source}')
  assert new[0].endswith(',equal_compute,corners,image,source')
  assert 'Ladder of attacks' in (tmp_path / 'report.html').read_text()


def test_pictures_show_what_was_right_before_and_wrong_after():
  batch = toy.batch()
  batch = batch._replace(label=np.where(np.arange(toy.NUM) < 2, 0, 1))
  measured = evaluation.measure(
    toy.SUBJECT, batch, attack=toy.attack_config(), **toy.SIZE
  )
  index = evaluation._shown(measured)
  right = measured.clean == measured.label
  assert (right & measured.attacked.success)[index].all() and len(index) > 0
  never = measured.attacked._replace(success=np.zeros(toy.NUM, bool))
  np.testing.assert_array_equal(
    evaluation._shown(measured._replace(attacked=never)), np.arange(10)
  )


def test_evaluate_run_refuses_a_negative_number(toy_run, tmp_path):
  with pytest.raises(ValueError, match='num_examples is -1'):
    evaluation.evaluate_run(
      *(toy_run, tmp_path, toy.SUBJECT.params),
      num_examples=-1,
      attack=toy.attack_config(),
    )
