"""Classifiers of other libraries: without gradients, lists, NaN, failures."""

import functools
import gc
import warnings
import weakref

import jax.numpy as jnp
import numpy as np
import pytest
from helpers.standard_toy import evaluate, examples, logits_fn, report

from advmix_jax.evaluation import foreign

pytestmark = pytest.mark.usefixtures('compile_fast')


def on_host(image):
  assert type(image) is np.ndarray
  score = image[:, 0, 0, 0] + image[:, 0, 0, 1]
  return np.stack([np.zeros_like(score), score], axis=-1)


@functools.cache
def without_gradients():
  with pytest.warns(UserWarning, match='has no gradients'):
    return evaluate(on_host)


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


@pytest.mark.parametrize('library', [np, jnp])
def test_a_mix_without_finite_logits_is_no_success_of_the_classifier(library):
  """All examples are of class 0, which argmax of NaN would name."""
  batch = examples()

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


def test_a_function_of_numpy_may_work_in_its_own_copy_of_the_images():
  def shifted(image):
    image -= 0.5  # As own preprocessing does.
    return on_host(image)

  image = examples().image
  adapted = foreign.adapt(shifted, image)
  np.testing.assert_array_equal(image, examples().image)
  np.testing.assert_array_equal(
    adapted.logits_fn({}, image), on_host(image - np.float32(0.5))
  )


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
