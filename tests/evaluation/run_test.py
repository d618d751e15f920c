"""Evaluators against brute force, on a generator small enough to enumerate.

The toy: latents [B, 2, 1], split at 1; an image is one pixel with the channels
(z_∥, z_⊥), z ~ N(0, 1) is its own latent. The classifier says 1 where
z_∥ + z_⊥ > 0. So a mix of an example of class 1 fails where z_⊥ <= -z_∥, and
Algorithm 2, which can lower z_⊥ by eps, where a start is below eps - z_∥.
"""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from advmix_jax import classifiers, types
from advmix_jax.evaluation import measures, outcomes
from advmix_jax.evaluation import run as evaluation
from advmix_jax.generators import stylegan
from advmix_jax.report import pages, statistics
from advmix_jax.runtime import shipped

N = 23  # No multiple of any batch size below.
SIZE = {'batch_size': 8}  # Attacks of at most 8 compile a single loop.


def toy_generator():
  def fine(params, activations, z_perp):
    del params
    pixel = jnp.concatenate([activations, z_perp[:, 0]], axis=-1)
    return pixel[:, None, None, :]

  def coarse(params, z_par):
    del params
    return z_par[:, 0]

  return types.Generator(
    init=lambda rng: {},
    map=lambda params, z: jnp.stack([z, z], axis=1),
    synthesize=lambda params, w, rng=None: fine(
      params, coarse(params, w[:, :1]), w[:, 1:]
    ),
    coarse=coarse,
    fine=fine,
    num_layers=2,
    split=1,
    latent_size=1,
    dlatent_size=1,
  )


def toy_logits(params, image):
  score = params * (image[:, 0, 0, 0] + image[:, 0, 0, 1])
  return jnp.stack([jnp.zeros_like(score), score], axis=-1)


SUBJECT = measures.Subject(toy_logits, jnp.float32(1), toy_generator(), {})


def attack_config(**changes):
  attack = {
    'restarts': 3,
    'steps': 2,
    'alpha': 0.25,
    'eps': 0.5,
    'direction': 'sign',
    'gradient_at': 'current',
    'typical_set': False,
  }
  return ml_collections.ConfigDict(attack | changes)


def toy_batch():
  """Examples of class 1 with z_∥ in [0, 3] and z_⊥ = 1, all clean-correct."""
  z_par = np.linspace(0, 3, N, dtype=np.float32)
  latents = np.stack([z_par, np.ones(N, np.float32)], axis=1)[..., None]
  image = np.asarray(toy_generator().synthesize({}, latents))
  return types.Batch(image, np.ones(N, np.int32), latents)


def draws(rng, numbers):
  """z of draw n of example i, [len(numbers), N]."""

  def one(n, i):
    key = jax.random.fold_in(jax.random.fold_in(rng, n), i)
    return jax.random.normal(key, (1,))[0]

  rows = [jax.vmap(lambda i, n=n: one(n, i))(jnp.arange(N)) for n in numbers]
  return np.stack(rows)


def test_random_failures_are_those_of_brute_force():
  batch, rng = toy_batch(), jax.random.key(3)
  first = measures.random_failures(
    SUBJECT, rng, batch, num_draws=12, batch_size=10, draws_per_round=5
  )
  wrong = batch.latents[:, 0, 0] + draws(rng, range(12)) <= 0
  expected = np.where(wrong.any(axis=0), wrong.argmax(axis=0), -1)
  np.testing.assert_array_equal(first, expected)
  assert 0 < (first >= 0).sum() < N


def test_random_failures_ignore_how_they_are_batched():
  batch, rng = toy_batch(), jax.random.key(3)
  few = measures.random_failures(
    SUBJECT, rng, batch, num_draws=9, batch_size=4, draws_per_round=2
  )
  many = measures.random_failures(SUBJECT, rng, batch, num_draws=9)
  np.testing.assert_array_equal(few, many)


def test_a_second_run_of_the_same_networks_compiles_nothing():
  """What two runs of a comparison do: each loads its own networks."""
  path = shipped.DATA / 'generator.npz'
  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 2})
  made = [
    (
      classifiers.make_classifier(config, 10).apply,
      stylegan.clipped(stylegan.load(path)[0]),
    )
    for _ in range(2)
  ]
  assert made[0] == made[1]
  config.width = 3
  assert classifiers.make_classifier(config, 10).apply != made[0][0]
  run = measures._compiled(SUBJECT.logits_fn, 'pmap', 1, 1)
  images = toy_batch().image
  before = run._cache_size()
  for _ in range(2):
    measures.predict(SUBJECT, images, batch_size=5)
  assert measures._compiled(SUBJECT.logits_fn, 'pmap', 1, 1) is run
  assert run._cache_size() == before + 1


def test_worst_of_more_draws_is_never_better():
  batch, rng = toy_batch(), jax.random.key(0)
  broken = [
    measures.random_failures(SUBJECT, rng, batch, num_draws=n) >= 0
    for n in (1, 2, 5, 20)
  ]
  for fewer, more in zip(broken, broken[1:], strict=False):
    assert (more >= fewer).all()
  assert broken[-1].sum() > broken[0].sum()


def test_random_mixes_are_draw_zero():
  batch, rng = toy_batch(), jax.random.key(5)
  mixes = measures.random_mixes(SUBJECT, rng, batch.latents)
  np.testing.assert_array_equal(mixes[:, 0], batch.latents[:, 0])
  np.testing.assert_allclose(mixes[:, 1, 0], draws(rng, [0])[0], rtol=1e-6)


@pytest.mark.parametrize('batch_size', [5, 16])
def test_algorithm2_reaches_the_corner_of_every_ball(batch_size):
  batch, rng = toy_batch(), jax.random.key(1)
  attacked = measures.attack_examples(
    SUBJECT, rng, batch, attack=attack_config(), batch_size=batch_size
  )
  lowest = draws(rng, [1, 2, 3]).min(axis=0) - 0.5  # Restarts count from 1.
  broken = batch.latents[:, 0, 0] + lowest <= 0
  np.testing.assert_array_equal(attacked.success, broken)
  assert 0 < broken.sum() < N
  image = measures.adversarial_images(SUBJECT, batch, attacked)
  wrong = measures.predict(SUBJECT, image).argmax(-1) != batch.label
  np.testing.assert_array_equal(wrong, broken)


def test_a_wrong_clean_example_counts_as_broken():
  batch = toy_batch()
  batch = batch._replace(label=np.where(np.arange(N) < 5, 0, 1))
  measured = evaluation.measure(SUBJECT, batch, attack=attack_config(), **SIZE)
  good = outcomes.correct(measured)
  assert not good['perturbed'][:5].any() and not good['worst_random'][:5].any()
  assert measured.attacked.kept_clean[:5].all()
  assert (measured.attacked.first_success[:5] == 0).all()


def test_typical_set_searches_z():
  # One dimension: the shell is |z| <= 2, so z_∥ > 2 cannot be broken.
  attack = attack_config(typical_set=True, steps=8, alpha=2.0, eps=8.0)
  attacked = measures.attack_examples(
    SUBJECT, jax.random.key(0), toy_batch(), attack=attack, **SIZE
  )
  z_par = toy_batch().latents[:, 0, 0]
  np.testing.assert_array_equal(attacked.success, z_par <= 2)


def test_gates_pass_on_an_honest_subject():
  batch = toy_batch()
  measured = evaluation.measure(SUBJECT, batch, attack=attack_config(), **SIZE)
  assert all(evaluation.gates(SUBJECT, batch.image, measured, **SIZE).values())


def test_gates_see_masked_gradients():
  def masked(params, image):
    return jax.lax.stop_gradient(toy_logits(params, image))

  batch = toy_batch()
  subject = SUBJECT._replace(logits_fn=masked)
  attack = attack_config(steps=20, restarts=1)
  measured = evaluation.measure(subject, batch, attack=attack, **SIZE)
  passed = evaluation.gates(subject, batch.image, measured, **SIZE)
  assert not passed['gradients_alive']
  assert not passed['random_below_gradient']


def test_gates_see_logits_that_depend_on_the_batch():
  def normalised(params, image):
    logits = toy_logits(params, image)
    return logits - logits.mean(axis=0)

  batch = toy_batch()
  subject = SUBJECT._replace(logits_fn=normalised)
  measured = evaluation.measure(subject, batch, attack=attack_config(), **SIZE)
  passed = evaluation.gates(subject, batch.image, measured, **SIZE)
  assert not passed['logits_ignore_batch']


def fixed_outcomes():
  """Four examples: never right, broken at random, by the attack, never."""
  return outcomes.Outcomes(
    label=np.array([3, 1, 4, 1], np.int32),
    clean=np.array([5, 1, 4, 1], np.int32),
    reconstruction=np.array([3, 1, 9, 1], np.int32),
    first_random=np.array([-1, 0, 2, -1], np.int32),
    attacked=measures.Attacked(
      z_perp=np.zeros((4, 1, 1), np.float32),
      success=np.array([True, True, True, False]),
      first_success=np.array([[0, 0], [1, 0], [2, 1], [-1, -1]], np.int32),
      kept_clean=np.array([True, False, False, False]),
      steepest=np.ones(4, np.float32),
    ),
    verified=np.ones(4, bool),
  )


CSV = """\
index,label,clean_prediction,reconstruction_prediction,clean,reconstruction,\
random_mix,worst_random,perturbed,first_random,first_restart,first_step
0,3,5,3,0,1,1,0,0,,0,0
1,1,1,1,1,1,0,0,0,0,1,0
2,4,4,9,1,0,1,0,0,2,2,1
3,1,1,1,1,1,1,1,1,,,
"""


def test_csv_byte_for_byte():
  assert outcomes.csv_text(fixed_outcomes()) == CSV


def test_summary_of_fixed_outcomes():
  clean = np.array([False, True, True, True, True])
  attack = attack_config(restarts=2, steps=1)
  results = outcomes.summarise(clean, fixed_outcomes(), attack=attack)
  assert json.loads(json.dumps(results)) == results
  accuracies = {k: v for k, v in results.items() if k.endswith('_accuracy')}
  assert accuracies == {
    'clean_accuracy': 0.8,
    'reconstruction_accuracy': 0.75,
    'random_mix_accuracy': 0.75,
    'worst_random_accuracy': 0.25,
    'perturbed_accuracy': 0.25,
  }
  assert results['accuracy_by_restarts'] == [0.75, 0.5, 0.25]
  assert results['accuracy_by_steps'] == [0.5, 0.5]
  assert results['accuracy_by_draws'] == [0.75, 0.5, 0.5, 0.25, 0.25]
  assert results['perturbed_attack']['N_r'] == 2
  assert results['perturbed_attack']['K'] == 1
  assert results['num_attacked'] == 4 and results['num_random_draws'] == 4
  low, high = statistics.wilson_interval(4, 5)
  assert results['ci95']['clean'] == [low, high]


@pytest.fixture(name='toy_run')
def fixture_toy_run(monkeypatch):
  """A config whose data, generator and classifier are the toy's."""
  batch = toy_batch()
  test = types.Dataset(batch.image, batch.label, 2, {}, 'toy')
  replacements = {
    (evaluation.generators, 'load'): lambda c: (toy_generator(), {}),
    (evaluation.lookup, 'load_latents'): lambda c, data, *_: batch.latents[
      : len(data.label)
    ],
    (evaluation.datasets, 'load'): lambda c, split: test,
    (evaluation.classifiers, 'make_classifier'): lambda c, k: (
      evaluation.classifiers.Classifier(None, toy_logits)
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
    'generator': {},
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
    *(toy_run, tmp_path, SUBJECT.params),
    num_examples=10,
    attack=attack_config(),
    output=tmp_path / 'again',
  )
  assert results['num_attacked'] == 10
  assert results['ci95']['clean'] == list(statistics.wilson_interval(N, N))
  lines = (tmp_path / 'again' / 'per_example.csv').read_text().splitlines()
  assert len(lines) == 11
  broken = [line.split(',')[8] for line in lines[1:]].count('0')
  assert results['perturbed_accuracy'] == pytest.approx(1 - broken / 10)
  assert 'http' not in (tmp_path / 'again' / 'report.html').read_text()
  record = {'method': 'advmix', 'seed': 0} | results
  assert 'Worst of 9 random mixes' in pages.listing(record)


def test_evaluate_run_refuses_a_negative_number(toy_run, tmp_path):
  with pytest.raises(ValueError, match='num_examples is -1'):
    evaluation.evaluate_run(
      *(toy_run, tmp_path, SUBJECT.params),
      num_examples=-1,
      attack=attack_config(),
    )


def test_a_larger_ball_never_helps_the_defender(toy_run, tmp_path):
  accuracies = evaluation.eps_sweep(
    *(toy_run, tmp_path, SUBJECT.params),
    num_examples=0,
    attack=attack_config(),
    factors=(0.0, 1.0, 100.0),
  )
  values = list(accuracies.values())
  assert values == sorted(values, reverse=True)
  assert list(accuracies) == ['0', '0.5', '50'] and values[-1] == 0


@pytest.mark.parametrize(
  'command, message',
  [
    ('evaluate.py', '--workdir is missing'),
    ('evaluate.py --workdir=nowhere', 'nowhere: no run here'),
    ('demo.py --methods=nominal,foo', "method is 'foo'"),
    ('demo.py --seeds=0,x', "--seeds has 'x'"),
  ],
)
def test_scripts_end_bad_input_with_one_line(command, message, tmp_path):
  script, *arguments = command.split()
  root = pathlib.Path(__file__).resolve().parents[2]
  result = subprocess.run(
    [sys.executable, str(root / 'experiments' / script), *arguments],
    cwd=tmp_path,
    env=os.environ | {'PYTHONPATH': str(root)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 1 and not list(tmp_path.iterdir())
  assert message in result.stderr and result.stderr.count('\n') == 1
