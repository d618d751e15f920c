"""Claims about gates: a sound evaluation passes, three unsound ones fail."""

import jax
from helpers import toy_subject as toy

from advmix_jax.evaluation import gates
from advmix_jax.evaluation import run as evaluation


def test_gates_pass_on_an_honest_subject():
  batch = toy.batch()
  measured = evaluation.measure(
    toy.SUBJECT, batch, attack=toy.attack_config(), **toy.SIZE
  )
  assert all(
    gates.check(toy.SUBJECT, batch.image, measured, **toy.SIZE).values()
  )


def test_gates_see_masked_gradients():
  def masked(params, image):
    return jax.lax.stop_gradient(toy.logits(params, image))

  batch = toy.batch()
  subject = toy.SUBJECT._replace(logits_fn=masked)
  attack = toy.attack_config(steps=20, restarts=1)
  measured = evaluation.measure(subject, batch, attack=attack, **toy.SIZE)
  passed = gates.check(subject, batch.image, measured, **toy.SIZE)
  assert not passed['gradients_alive']
  assert not passed['random_below_gradient']


def test_gates_see_logits_that_depend_on_the_batch():
  def normalised(params, image):
    logits = toy.logits(params, image)
    return logits - logits.mean(axis=0)

  batch = toy.batch()
  subject = toy.SUBJECT._replace(logits_fn=normalised)
  measured = evaluation.measure(
    subject, batch, attack=toy.attack_config(), **toy.SIZE
  )
  passed = gates.check(subject, batch.image, measured, **toy.SIZE)
  assert not passed['logits_ignore_batch']
