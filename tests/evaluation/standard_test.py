"""The standard evaluation: its numbers, its report, and bad input."""

import functools
import gc
import json
import pathlib
import warnings
import weakref

import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from helpers import toy_subject as toy

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


def _colored(decode):
  """The toy's images with a third channel, so that they can be drawn."""

  def call(*arguments):
    return jnp.pad(decode(*arguments), ((0, 0), (0, 0), (0, 0), (0, 1)))

  return call


_TOY = toy.generator()
GENERATOR = (
  _TOY._replace(synthesize=_colored(_TOY.synthesize), fine=_colored(_TOY.fine)),
  {},
)


def _batch():
  batch = toy.batch()
  image = np.pad(batch.image / 5, ((0, 0), (0, 0), (0, 0), (0, 1)))
  return batch._replace(image=image)


def logits_fn(image):
  return toy.logits(jnp.float32(1), image)


def on_host(image):
  assert type(image) is np.ndarray
  score = image[:, 0, 0, 0] + image[:, 0, 0, 1]
  return np.stack([np.zeros_like(score), score], axis=-1)


def evaluate(function=logits_fn, **changes):
  """The standard evaluation of the toy's examples, all of class 1."""
  batch = _batch()
  arguments = {
    'images': batch.image,
    'labels': batch.label,
    'generator': GENERATOR,
    'latents': batch.latents,
    'attack': toy.attack_config(),
    **toy.SIZE,
  } | changes
  return standard.evaluate(function, **arguments)


@functools.cache
def report():
  return evaluate(name='toy')


@functools.cache
def without_gradients():
  with pytest.warns(UserWarning, match='has no gradients'):
    return evaluate(on_host)


def test_the_numbers_are_those_of_the_evaluation_of_runs():
  batch = _batch()
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


def test_a_report_is_saved_as_three_files(tmp_path):
  report().save(tmp_path / 'new')
  written = {path.name: path for path in (tmp_path / 'new').iterdir()}
  assert set(written) == {'report.html', 'report.json', 'per_example.csv'}
  assert written['report.json'].read_text() == report().to_json()
  assert written['per_example.csv'].read_text() == report().to_csv()


def test_a_function_of_numpy_is_searched_without_gradients():
  found = without_gradients()
  assert found.results['gradients'] is False and found.valid
  assert set(found.results['gates']) == {
    *('kept_images_verified', 'logits_ignore_batch'),
  }
  names = [rung.name for rung in found.rungs]
  assert names == [
    *('clean', 'reconstruction', 'random_mix', 'worst_random'),
    *('equal_compute', 'corners', 'worst'),
  ]
  attack = found.results['perturbed_attack']
  # As many forward passes as the attack with gradients: 3 (1 + 6) = 21.
  assert (attack['direction'], attack['N_r'], attack['K']) == ('corners', 3, 6)
  for text in (found.to_html(), repr(found)):
    assert 'has no gradients' in text
    assert 'Search without gradients' in text and 'Algorithm 2' not in text


def test_its_random_draws_are_those_of_all_classifiers():
  """The same draws and, on the host, the same answers."""
  theirs, ours = (
    r.outcomes.first_random for r in (without_gradients(), report())
  )
  seen = ours >= 0
  np.testing.assert_array_equal(theirs[seen], ours[seen])
  right = {rung.name: rung.right for rung in report().rungs}
  np.testing.assert_array_equal(
    right['corners'], without_gradients().rungs[-2].right
  )


def test_a_function_of_jax_without_gradients_is_known():
  def hard(image):
    score = image[:, 0, 0, 0] + image[:, 0, 0, 1]
    return jnp.stack([score <= 0, score > 0], axis=-1).astype(jnp.int32)

  with pytest.warns(UserWarning, match='no gradients'):
    found = evaluate(hard, with_ladder=False)
  for ours, theirs in zip(
    found.outcomes[:4], without_gradients().outcomes[:4], strict=True
  ):
    np.testing.assert_array_equal(ours, theirs)


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


@pytest.mark.parametrize('library', [np, jnp])
def test_a_mix_without_finite_logits_is_no_success_of_the_classifier(library):
  """All examples are of class 0, which argmax of NaN would name."""
  batch = _batch()

  def nan_on_mixes(image):
    score = image[:, 0, 0, 0] + 0 * image[:, 0, 0, 1]
    lost = library.where(image[:, 0, 0, 1] < 0.19, library.nan, 1.0)
    return library.stack([lost * (10 + score), lost * score], axis=-1)

  if library is np:
    traced, nan_on_mixes = nan_on_mixes, lambda x: traced(np.asarray(x))
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # NumPy's have no gradients.
    found = evaluate(nan_on_mixes, labels=0 * batch.label)
  right = {rung.name: rung.right.mean() for rung in found.rungs}
  assert right['clean'] == right['reconstruction'] == 1
  assert right['worst_random'] == right['corners'] == right['worst'] == 0
  assert any('NaN or infinite' in text for text in found.results['warnings'])


def test_the_accuracy_of_each_class_is_counted_and_shown():
  batch = _batch()
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


def test_a_classifier_that_fails_later_fails_in_its_own_words():
  calls = []

  def flaky(image):
    calls.append(len(image))
    if len(calls) > 5:
      raise OSError('the server is gone')
    return on_host(image)

  def wider(image):
    calls.append(len(image))
    logits = on_host(image)
    return np.pad(logits, ((0, 0), (0, int(len(calls) > 5))))

  for function, message in (
    (flaky, 'OSError: the server is gone'),
    (wider, 'logits_fn returns 3 logits, and returned 2 before'),
  ):
    calls.clear()
    with (
      pytest.warns(UserWarning, match='no gradients'),
      pytest.raises(ValueError, match=message),
    ):
      evaluate(function)


def test_rows_in_a_list_are_logits():
  def rows(image):
    return list(logits_fn(image))

  assert evaluate(rows).results == evaluate().results


def test_an_evaluation_does_not_keep_its_classifier():
  class Classifier:
    def __call__(self, image):
      return logits_fn(image)

  classifier = Classifier()
  kept = weakref.ref(classifier)
  evaluate(classifier, with_ladder=False)
  del classifier
  gc.collect()
  assert kept() is None
