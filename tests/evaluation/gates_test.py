"""Claims about gates: a sound evaluation passes, three unsound ones fail."""

import json

import jax
import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax.evaluation import gates, ladder
from advmix_jax.evaluation import run as evaluation

pytestmark = pytest.mark.usefixtures('compile_fast')


def test_gates_pass_on_an_honest_subject():
  batch = toy.batch()
  measured = evaluation.measure(
    toy.SUBJECT, batch, attack=toy.attack_config(), **toy.SIZE
  )
  found = gates.check(toy.SUBJECT, batch.image, measured, **toy.SIZE)
  results = gates.summarise(found)
  assert results['valid'] and results['failed_gates'] == []
  assert all(results['gates'].values())
  assert json.loads(json.dumps(results)) == results
  bounds = {n: gate['bound'] for n, gate in results['gate_values'].items()}
  assert bounds == {
    'random_below_gradient': 'at least',
    'kept_images_verified': 'at most',
    'logits_ignore_batch': 'at most',
    'gradients_alive': 'at least',
  }


def test_gates_see_masked_gradients():
  def masked(params, image):
    return jax.lax.stop_gradient(toy.logits(params, image))

  batch = toy.batch()
  subject = toy.SUBJECT._replace(logits_fn=masked)
  attack = toy.attack_config(steps=20, restarts=1)
  measured = evaluation.measure(subject, batch, attack=attack, **toy.SIZE)
  passed = gates.check(subject, batch.image, measured, **toy.SIZE)
  assert not passed['gradients_alive'].passed
  assert not passed['random_below_gradient'].passed
  results = gates.summarise(passed)
  assert results['valid'] is False
  assert results['failed_gates'] == ['random_below_gradient', 'gradients_alive']


@pytest.mark.parametrize('batch_size', [1, 7, 8])
def test_gates_see_logits_that_depend_on_the_batch(batch_size):
  def normalised(params, image):
    logits = toy.logits(params, image)
    return logits - logits.mean(axis=0)

  batch = toy.batch()
  subject = toy.SUBJECT._replace(logits_fn=normalised)
  measured = evaluation.measure(
    subject, batch, attack=toy.attack_config(), **toy.SIZE
  )
  for images in (batch.image, batch.image[:7], batch.image[:1]):
    passed = gates.check(subject, images, measured, batch_size=batch_size)
    assert not passed['logits_ignore_batch'].passed
    passed = gates.check(toy.SUBJECT, images, measured, batch_size=batch_size)
    assert passed['logits_ignore_batch'].passed


@pytest.mark.parametrize('more, passed', [(6, True), (7, False)])
def test_a_paired_gate_fails_beyond_chance_alone(more, passed):
  """Broken by the other attack alone: p = 2^-6 = 0.016, 2^-7 = 0.008."""
  wrong = np.arange(50) < more
  right = {'clean': ~wrong | True, 'algorithm_2': ~wrong | True}
  rungs = [
    ladder.Rung(name, row, 1, 1)
    for name, row in (right | {'corners': ~wrong}).items()
  ]
  gate = gates.check_ladder(rungs)['corners_below_gradient']
  assert gate.passed is passed
  assert gate.value == pytest.approx(2.0**-more)
