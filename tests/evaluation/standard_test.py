"""The standard evaluation: its numbers, its report, and bad input."""

import json
import pathlib

import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from helpers import toy_subject as toy
from helpers.standard_toy import GENERATOR, evaluate, examples, report

import advmix_jax
from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits
from advmix_jax.encoder import learned_start
from advmix_jax.evaluation import run, standard
from advmix_jax.generators import ideal
from advmix_jax.report import statistics
from advmix_jax.runtime import files

pytestmark = pytest.mark.usefixtures('compile_fast')


def test_the_numbers_are_those_of_the_evaluation_of_runs():
  batch = examples()
  subject = toy.SUBJECT._replace(generator=GENERATOR[0])
  options = {'attack': toy.attack_config(), **toy.SIZE}
  results = run.assess(subject, batch, with_ladder=False, **options).results
  short = evaluate(with_ladder=False)
  assert {n: short.results[n] for n in results} == results
  assert short.table[0][0] == 'Run' and 'Algorithm 2' in short.table[0]
  whole = run.assess(subject, batch, **options).results
  assert {name: report().results[name] for name in whole} == whole
  own = set(report().results) - set(whole)
  assert own == {
    *('model', 'seed', 'num_classes', 'gradients', 'warnings'),
    *('reconstruction_error', 'by_class'),
  }


def test_attacked_images_that_leave_0_to_1_are_said():
  """The toy's images are normal numbers."""
  assert any('not in [0, 1]' in text for text in report().results['warnings'])
  assert standard._leaving(np.array([0.0, 1.0005])) == ''
  assert standard._leaving(np.array([-0.25, 0.5])).startswith(
    'attacked images have values from -0.250 to 0.500, not in [0, 1]'
  )


def test_another_seed_has_other_draws():
  other = evaluate(seed=1, with_ladder=False)
  draws = [r.outcomes.first_random for r in (report(), other)]
  assert (draws[0] != draws[1]).any()


def test_intervals_are_wilsons():
  for row in report().results['ladder']:
    right = round(row['accuracy'] * toy.NUM)
    assert row['ci95'] == list(statistics.wilson_interval(right, toy.NUM))
  name, cell = report().table[-1][:2]
  assert name == 'Worst of all rows'
  assert cell == statistics.percent(row['accuracy'], *row['ci95'])


def test_json_comes_back_and_csv_has_a_row_per_image():
  found = report()
  assert json.loads(found.to_json()) == found.results
  lines = found.to_csv().splitlines()
  assert len(lines) == 1 + toy.NUM
  assert lines[0].endswith(',equal_compute,margin,adam,corners,worst,image')


def test_each_row_of_the_csv_has_the_name_of_its_image():
  names = [f'{i % 3}/{i}.png' for i in range(toy.NUM)]
  found = evaluate(sources=names, with_ladder=False)
  head, *lines = found.to_csv().splitlines()
  assert head.endswith(',image,source')
  assert [line.rpartition(',')[2] for line in lines] == names
  assert found.results == evaluate(with_ladder=False).results


def test_pages_load_nothing_and_escape_names():
  page = evaluate(name='<script>x</script>', with_ladder=False).to_html()
  for text in ('<script', 'http', '<link'):
    assert text not in page
  assert 'Robustness of &lt;script&gt;' in page
  assert report()._repr_html_().startswith('<iframe srcdoc="&lt;!DOCTYPE')
  assert 'Algorithm 2' in repr(report())
  assert 'reconstructions: ' in repr(report())
  assert f'on {toy.NUM} images\n' in repr(report())


def test_the_worst_images_were_right_and_are_most_wrong():
  found = report()
  assert len(found.worst['index']) == 10
  named = found.worst['probabilities']
  right = found.worst['label']
  assert (named['image'].argmax(-1) == right).all()
  sure = named['adversarial'][np.arange(10), right]
  assert (np.diff(sure) >= 0).all() and sure[0] < 0.5


def test_an_image_that_is_wrong_before_the_attack_is_none_of_the_worst():
  label = np.arange(toy.NUM) % 2  # All images are of class 1.
  found = evaluate(labels=label, with_ladder=False)
  assert len(found.worst['index']) == 10 and found.worst['label'].all()


def test_the_error_of_the_reconstructions_is_a_mean_square():
  image = examples().image  # A fifth of what the toy's latents decode to.
  error = report().results['reconstruction_error']
  assert error == pytest.approx(np.square(5 * image - image).mean())


def test_a_report_is_saved_as_three_files(tmp_path):
  report().save(tmp_path / 'new')
  written = {path.name: path for path in (tmp_path / 'new').iterdir()}
  assert set(written) == {'report.html', 'report.json', 'per_example.csv'}
  assert written['report.json'].read_text() == report().to_json()
  assert written['per_example.csv'].read_text() == report().to_csv()


def test_a_judge_audits():
  judged = evaluate(judge_fn=lambda images: np.zeros(len(images), int))
  row = judged.results['ladder'][5]
  assert row['name'] == 'algorithm_2' and row['audited_accuracy'] == 1.0
  assert 'Audited' in judged.table[0]


def test_a_bad_judge_is_found_before_anything_long(monkeypatch):
  monkeypatch.setattr(standard, '_encode', None)
  monkeypatch.setattr(standard.measures, 'predict', None)
  with pytest.raises(ValueError, match=r'shape \(8, 1\) for 8 images'):
    evaluate(judge_fn=lambda x: np.ones((len(x), 1), int), latents=None)


def _digits(count):
  digits = load_digits('embedded', 'test', limit=count)
  return colored_mnist.make(digits, sigma=0.0, seed=0, biased=False)


def test_the_ideal_generator_has_an_exact_encoder():
  data = _digits(8)
  pair = ideal.default_generator()
  w = np.asarray(ideal.encode(datasets.to_float(data.image)))

  def logits_fn(image):
    return image.mean(axis=(1, 2)) @ jnp.ones((3, 10)) * jnp.arange(10)

  shared = {'generator': pair, 'attack': toy.attack_config(restarts=1)}
  reports = [
    advmix_jax.evaluate(
      logits_fn, data.image, data.label, with_ladder=False, **shared, **given
    )
    for given in ({}, {'latents': w})
  ]
  assert reports[0].results == reports[1].results
  assert reports[0].results['reconstruction_error'] < 1e-4


def test_any_generator_is_inverted_by_algorithm_1(monkeypatch):
  seen = {}

  def encode(images, **options):
    seen.update(options)
    return toy.batch().latents, None

  monkeypatch.setattr(standard.algorithm1, 'encode', encode)
  monkeypatch.setattr(standard.perceptual, 'load', lambda: None)
  assert evaluate(latents=None, with_ladder=False).valid
  assert seen['config'].start == 'average' and seen['start_fn'] is None
  assert seen['generator'] is GENERATOR[0]


def test_a_path_is_encoded_from_its_learned_start(monkeypatch, tmp_path):
  seen = []

  def encode(images, config):
    seen.append(config)
    return toy.batch().latents, None

  monkeypatch.setattr(standard.generators, 'load', lambda config: GENERATOR)
  monkeypatch.setattr(standard.pipeline, 'encode', encode)
  for start in ('average', 'network'):
    evaluate(
      latents=None, generator=tmp_path / 'generator.npz', with_ladder=False
    )
    assert seen[-1].encoder.start == start
    assert seen[-1].generator.path == str(tmp_path / 'generator.npz')
    (tmp_path / 'generator.npz').touch()
    made_for = {'generator': files.file_hash(tmp_path / 'generator.npz')}
    kind, arrays = learned_start.KIND, {'inverter': {'mean': np.zeros(1)}}
    files.save_npz(tmp_path / 'encoder.npz', arrays, made_for, kind=kind)


def test_the_standard_attack_is_that_of_evaluations(monkeypatch):
  seen = []

  def assess(*_, attack, **__):
    seen.append(attack)
    raise InterruptedError

  monkeypatch.setattr(standard.run, 'assess', assess)
  with pytest.raises(InterruptedError):
    evaluate(attack='standard')
  assert seen[0] == run.default_config().attack
  assert (seen[0].restarts, seen[0].steps) == (10, 5)


def test_the_accuracy_of_each_class_is_counted_and_shown():
  batch = examples()
  label = np.arange(toy.NUM) % 2
  found = evaluate(labels=label)
  rungs = {rung.name: rung.right for rung in found.rungs}
  for name in ('clean', 'algorithm_2', 'worst'):
    count = found.results['by_class'][name]
    assert count == {
      str(k): [int(rungs[name][label == k].sum()), int((label == k).sum())]
      for k in (0, 1)
    }
  assert count['0'][0] == 0 < count['1'][0]  # All images are of class 1.
  assert len(batch.label) == sum(images for _, images in count.values())
  assert 'Accuracy in % by class' in found.to_html()


def test_a_search_without_gradients_is_not_called_algorithm_2():
  found = evaluate(attack=toy.attack_config(direction='corners'))
  names = [rung.name for rung in found.rungs]
  assert 'corners' in names and 'algorithm_2' not in names
  assert 'corners_below_gradient' not in found.results['gates']


def test_any_name_and_seed_give_a_report_of_three_files(tmp_path):
  found = evaluate(name='a $^$ b', seed=np.int64(3), with_ladder=False)
  found.save(tmp_path)
  text = (tmp_path / 'report.json').read_text()
  assert (json.loads(text)['seed'], json.loads(text)['model']) == (3, 'a $^$ b')
  assert 'a $^$ b' in (tmp_path / 'report.html').read_text()


def test_nothing_is_saved_where_a_page_cannot_be_made(tmp_path, monkeypatch):
  found = evaluate(with_ladder=False)
  monkeypatch.setattr(standard.pages, 'single', lambda *_, **__: 1 / 0)
  with pytest.raises(ZeroDivisionError):
    found.save(tmp_path)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'name': pathlib.Path('a')}, 'name is a PosixPath, expected text'),
    ({'name': '\ud800'}, 'expected text that UTF-8 can hold'),
    ({'seed': 1.5}, 'seed is 1.5, expected an integer'),
    ({'seed': np.int64(-1)}, 'seed is -1, expected >= 0'),
    ({'labels': np.full(toy.NUM, 2**32)}, 'labels are from 4294967296'),
    (
      {'attack': ml_collections.ConfigDict({'eps': 0.1})},
      'attack lacks alpha, clean_fallback',
    ),
  ],
)
def test_names_seeds_labels_and_attacks_are_checked(change, message):
  with pytest.raises(ValueError, match=message):
    evaluate(with_ladder=False, **change)


def test_a_frozen_attack_is_as_good_as_another():
  attack = ml_collections.FrozenConfigDict(toy.attack_config())
  assert evaluate(attack=attack).results == evaluate().results
