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
  found = gates.check(toy.SUBJECT, toy.batch().image, _measured(), **toy.SIZE)
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


def _measured():
  return evaluation.measure(
    toy.SUBJECT, toy.batch(), attack=toy.attack_config(), **toy.SIZE
  )


def test_a_kept_image_that_is_not_verified_fails_its_gate():
  measured = _measured()
  verified = measured.verified.copy()
  verified[3] = False
  measured = measured._replace(verified=verified)
  found = gates.check(toy.SUBJECT, toy.batch().image, measured, **toy.SIZE)
  assert found['kept_images_verified'].value == 1
  assert gates.summarise(found)['failed_gates'] == ['kept_images_verified']


def test_images_that_were_wrong_before_are_not_in_a_paired_gate():
  measured = _measured()
  never = np.zeros(toy.NUM, bool)
  measured = measured._replace(
    clean=np.where(np.arange(toy.NUM) < 10, 0, 1),  # Of class 1, all of them.
    first_random=np.full(toy.NUM, -1),
    attacked=measured.attacked._replace(success=never),
  )
  found = gates.check(toy.SUBJECT, toy.batch().image, measured, **toy.SIZE)
  assert found['random_below_gradient'].value == 1  # With the ten, 2^-10.
  clean = np.arange(50) >= 10
  rungs = [
    ladder.Rung(name, right, 1, 1)
    for name, right in (
      ('clean', clean),
      ('corners', clean),
      ('algorithm_2', np.ones(50, bool)),
    )
  ]
  assert gates.check_ladder(rungs)['corners_below_gradient'].value == 1


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


@pytest.mark.parametrize('scale', [1.0, 1e-5])
@pytest.mark.parametrize('batch_size', [1, 7, 8])
def test_gates_see_logits_that_depend_on_the_batch(batch_size, scale):
  """However small the logits are."""

  def normalised(params, image):
    logits = scale * toy.logits(params, image)
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


def test_the_unit_of_logits_is_how_far_they_lie_apart_and_at_most_1():
  logits = np.array([[0.0, 0.1], [7.0, 7.2], [3.0, 8.0]])
  np.testing.assert_allclose(gates.unit(logits), 0.2)  # Of 0.1, 0.2 and 5.
  assert gates.unit(100 * logits) == 1


def test_logits_that_are_all_the_same_pass():
  """A constant classifier is right about class 0, and ignores the batch."""

  def constant(params, image):
    return 0 * toy.logits(params, image)

  batch = toy.batch()
  subject = toy.SUBJECT._replace(logits_fn=constant)
  for label in (0, 1):
    labelled = batch._replace(label=np.full(toy.NUM, label))
    measured = evaluation.measure(
      subject, labelled, attack=toy.attack_config(), **toy.SIZE
    )
    found = gates.check(subject, batch.image, measured, **toy.SIZE)
    assert found['kept_images_verified'].passed
    assert found['logits_ignore_batch'].passed


def test_the_gradient_is_that_of_the_loss_of_the_attack():
  """A softmax that is very sure has none; the margin still has one."""

  def sure(params, image):
    return 1e4 * toy.logits(params, image)

  subject = toy.SUBJECT._replace(logits_fn=sure)
  batch = toy.batch()
  passed = {}
  for loss in ('cross_entropy', 'margin'):
    attack = toy.attack_config(loss=loss)
    measured = evaluation.measure(subject, batch, attack=attack, **toy.SIZE)
    found = gates.check(subject, batch.image, measured, **toy.SIZE)
    passed[loss] = found['gradients_alive'].passed
  assert passed == {'cross_entropy': False, 'margin': True}
