"""Claims about advmix_jax/training.py."""

import logging

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import made_images, tiny_runs

from advmix_jax import (
  classifiers,
  datasets,
  generators,
  methods,
  training,
  types,
)
from advmix_jax.encoder import lookup
from advmix_jax.report import tables
from advmix_jax.runtime import (
  checkpoints,
  files,
  metrics,
  preemption,
  run_folder,
)

pytestmark = pytest.mark.usefixtures('compile_fast')


def test_one_step_is_adam_on_the_mean_cross_entropy():
  config = tiny_runs.config()
  step, state, batch, _ = tiny_runs.step_fn(config)
  before = jax.tree.map(np.array, state.params)
  x = (2 * batch.image - 1).reshape(8, -1).astype(np.float64)
  p = before['linear/logits']
  logits = x @ p['w'] + p['b']
  error = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  error[np.arange(8), batch.label] -= 1
  gradient = {'w': x.T @ error / 8, 'b': error.mean(0)}
  state, record = step(state, batch, jax.random.key(0), None)
  for name in ('w', 'b'):
    # The first step of Adam, bias-corrected: rate * g / (|g| + eps).
    g = gradient[name]
    want = p[name] - 1e-3 * g / (np.abs(g) + 1e-8)
    got = state.params['linear/logits'][name]
    # Signs of gradients near 0 are rounding; few, and the step is 1e-3.
    assert np.mean(np.abs(got - want) > 1e-5) < 1e-3
  loss = -np.log(
    np.exp(logits)[np.arange(8), batch.label] / np.exp(logits).sum(-1)
  )
  np.testing.assert_allclose(record['loss'], loss.mean(), rtol=1e-5)
  hits = (logits.argmax(-1) == batch.label).mean()
  np.testing.assert_allclose(record['accuracy'], hits)


@pytest.mark.parametrize('name', ['colored_mnist', 'rgb_mnist'])
@pytest.mark.parametrize('method', list(methods.METHODS))
def test_three_steps_of_every_method_on_every_dataset(method, name):
  config = tiny_runs.config(method=method, **{'data.name': name})
  config.optimizer.learning_rate = 1e-2
  step, state, batch, params = tiny_runs.step_fn(config)
  data = tiny_runs.dataset(name)
  image = datasets.to_float(data.image[:8])
  batch = batch._replace(image=image, label=data.label[:8])
  before = jax.tree.map(np.array, state.params)
  losses = []
  for _ in range(3):
    state, record = step(state, batch, jax.random.key(0), params)
    losses.append(float(record['loss']))
  assert int(state.step) == 3 and np.isfinite(losses).all()
  change = jax.tree.map(lambda a, b: np.abs(a - b).max(), before, state.params)
  assert max(jax.tree.leaves(change)) > 1e-3
  assert step._cache_size() == 1  # One compile, whatever the attack found.


def test_draws_depend_on_the_seed_and_the_step_alone():
  config = tiny_runs.config(method='mixup')
  step, state, batch, params = tiny_runs.step_fn(config)
  copy = jax.tree.map(jnp.copy, state)
  later = jax.tree.map(jnp.copy, state)._replace(step=jnp.int32(1))
  other_seed = jax.tree.map(jnp.copy, state)
  _, first = step(state, batch, jax.random.key(0), params)
  _, again = step(copy, batch, jax.random.key(0), params)
  _, later = step(later, batch, jax.random.key(0), params)
  _, other = step(other_seed, batch, jax.random.key(1), params)
  assert first['loss'] == again['loss']
  assert first['loss'] not in (later['loss'], other['loss'])


def test_every_epoch_shows_every_digit_once_in_another_order():
  config = tiny_runs.config()
  n = 20
  data = types.Batch(np.arange(n), np.arange(n), None)
  batch = training._batch_fn(config, data)
  steps = [batch(i).label for i in range(6)]
  first, second = np.concatenate(steps[:3]), np.concatenate(steps[3:])
  assert set(first) == set(second) == set(range(n))
  assert not np.array_equal(first, second)
  # Starting in the middle gives the same batches as passing by.
  batch = training._batch_fn(config, data)
  middle = [batch(i).label for i in (4, 5)]
  np.testing.assert_array_equal(middle, steps[4:])


@pytest.mark.parametrize('method', ['nominal', 'advmix'])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, method):
  config = tiny_runs.config(method=method, checkpoint_every=4)
  whole = tiny_runs.train(config, tmp_path / 'whole')

  class Killed(Exception):
    """As if the process died in step 6, after the checkpoint of step 4."""

  def kill(manager, step, state, save=checkpoints.save):
    save(manager, step, state)
    if step == 4:
      raise Killed

  with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
    patch.setattr(checkpoints, 'save', kill)
    tiny_runs.train(config, tmp_path / 'killed')
  assert tiny_runs.steps(tmp_path / 'killed') == [4]
  resumed = tiny_runs.train(config, tmp_path / 'killed')
  chex.assert_trees_all_equal(resumed, whole)
  records = [
    [{k: v for k, v in r.items() if 'seconds' not in k} for r in run]
    for run in map(metrics.read, (tmp_path / 'whole', tmp_path / 'killed'))
  ]
  assert records[0] == records[1]  # No step twice, none missing.


def test_sigterm_saves_the_step_and_the_next_call_goes_on(tmp_path):
  config = tiny_runs.config(checkpoint_every=4)
  whole = tiny_runs.train(config, tmp_path / 'whole')
  answers = iter([False] * 5 + [True])
  with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
    patch.setattr(preemption, 'asked', lambda step, every: next(answers))
    tiny_runs.train(config, tmp_path / 'stopped')
  assert e.value.code == 143
  assert tiny_runs.steps(tmp_path / 'stopped') == [4, 6]
  resumed = tiny_runs.train(config, tmp_path / 'stopped')
  chex.assert_trees_all_equal(resumed, whole)


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
  config = tiny_runs.config()
  first = tiny_runs.train(config, tmp_path)
  monkeypatch.setattr(
    training,
    'make_train_step',
    lambda *_: pytest.fail,  # Called in a step.
  )
  chex.assert_trees_all_equal(tiny_runs.train(config, tmp_path), first)


def test_results_of_a_generator_that_was_made_anew_are_refused(tmp_path):
  path, run = tmp_path / 'generator.npz', tmp_path / 'run'
  path.write_bytes(b'first')
  config = tiny_runs.config()
  config.generator.update(name='stylegan', path=str(path))
  run_folder.claim_workdir(config, run)
  files.write_json(run / 'results.json', {})
  generators.claim(config.generator, run)
  path.write_bytes(b'second')
  with pytest.raises(ValueError, match='holds a run of another generator'):
    training.train_and_evaluate(config, run)


def test_a_corrupt_newest_checkpoint_falls_back_to_the_one_before(
  tmp_path, caplog
):
  config = tiny_runs.config()
  first = tiny_runs.train(config, tmp_path)
  assert tiny_runs.steps(tmp_path) == [3, 6]
  for file in (tmp_path / 'checkpoints' / '6').rglob('*'):
    if file.is_file():
      file.write_bytes(file.read_bytes()[:10])
  with caplog.at_level(logging.WARNING):
    again = tiny_runs.train(config, tmp_path)
  assert 'checkpoint 6 is corrupt' in caplog.text
  chex.assert_trees_all_equal(again, first)


def test_methods_see_the_number_of_the_train_step():
  """In the first step of a ramp adversarial training is nominal training."""

  def losses(method):
    fields = {'method': method, 'pixel_attack.ramp_steps': 1}
    step, state, batch, params = tiny_runs.step_fn(tiny_runs.config(**fields))
    found = []
    for _ in range(2):
      state, record = step(state, batch, jax.random.key(0), params)
      found.append(float(record['loss']))
    return found

  nominal, attacked = losses('nominal'), losses('adversarial_training')
  np.testing.assert_allclose(attacked[0], nominal[0], rtol=1e-6)
  assert attacked[1] > nominal[1] + 0.01


def test_a_loss_that_is_not_finite_stops_with_the_checkpoint_kept(tmp_path):
  config = tiny_runs.config()
  config.optimizer.epochs = 1
  tiny_runs.train(config, tmp_path / 'good')  # Writes the checkpoint of step 3.
  config.optimizer.epochs = 2
  for name in ('config.json', 'data.sha256'):
    (tmp_path / 'good' / name).unlink()
  data = tiny_runs.dataset()
  broken = data._replace(image=np.full(data.image.shape, np.nan))
  with (
    np.errstate(invalid='ignore'),
    pytest.raises(ValueError, match='loss is nan in steps 4..4') as error,
  ):
    training.train_classifier(config, tmp_path / 'good', broken)
  text = str(error.value)
  assert 'last good checkpoint, step 3, is kept' in text and '\n' not in text
  assert tiny_runs.steps(tmp_path / 'good') == [3]
  assert not any('NaN' in str(r) for r in metrics.read(tmp_path / 'good'))


def test_a_workdir_of_another_config_is_refused_and_untouched(tmp_path):
  config = tiny_runs.config()
  run_folder.claim_workdir(config, tmp_path)
  before = (tmp_path / 'config.json').read_bytes()
  other = tiny_runs.config(method='mixup', seed=1)
  with pytest.raises(ValueError, match='another config') as error:
    training.train_and_evaluate(other, tmp_path)
  assert "method='nominal' (now 'mixup'), seed=0 (now 1)" in str(error.value)
  assert '\n' not in str(error.value)
  assert (tmp_path / 'config.json').read_bytes() == before
  assert [f.name for f in tmp_path.iterdir()] == ['config.json']


def test_a_run_does_not_go_on_with_other_data_of_the_same_config(tmp_path):
  config = tiny_runs.config()
  tiny_runs.train(config, tmp_path)
  data = tiny_runs.dataset()
  other = data._replace(label=(data.label + 1) % 10)
  with pytest.raises(ValueError, match='a run on other data'):
    training.train_classifier(config, tmp_path, other)
  tiny_runs.train(config, tmp_path)


def test_a_run_does_not_go_on_with_other_latents(tmp_path, monkeypatch):
  config = tiny_runs.config(method='randmix')
  tiny_runs.train(config, tmp_path)
  load = lookup.load_latents
  with monkeypatch.context() as patch:
    patch.setattr(lookup, 'load_latents', lambda *a: load(*a)[::-1])
    with pytest.raises(ValueError, match='holds a run of other latents: '):
      tiny_runs.train(config, tmp_path)
  tiny_runs.train(config, tmp_path)


def test_a_run_does_not_go_on_with_other_environments(tmp_path):
  """They come from groups, which the hash of images and labels leaves out."""
  config = tiny_runs.config(method='irm')
  tiny_runs.train(config, tmp_path)
  data = tiny_runs.dataset()
  groups = {k: np.zeros_like(v) for k, v in data.groups.items()}
  other = data._replace(groups=groups)
  with pytest.raises(ValueError, match='holds a run of other environments: '):
    training.train_classifier(config, tmp_path, other)
  tiny_runs.train(config, tmp_path)


def test_a_strangers_config_does_not_say_where_images_are_cached(
  tmp_path, monkeypatch
):
  made_images.write_celeba(tmp_path)
  config = training.default_config('celeba')
  config.data.update(data_dir=str(tmp_path), cache_dir=str(tmp_path / 'theirs'))
  run_folder.claim_workdir(config, tmp_path / 'run')
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'ours'))
  found = training.stored_config(tmp_path / 'run')
  assert len(datasets.load(found.data, 'train').label) == 4
  assert (tmp_path / 'ours').exists() and not (tmp_path / 'theirs').exists()


def test_a_foreign_checkpoint_is_refused_and_kept(tmp_path):
  config = tiny_runs.config()
  manager = checkpoints.make_manager(tmp_path)
  checkpoints.save(manager, 5, {'other': jnp.zeros(3)})
  with pytest.raises(ValueError, match='no checkpoint fits this run'):
    tiny_runs.train(config, tmp_path)
  assert tiny_runs.steps(tmp_path) == [5]


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('method', 'magic', "method is 'magic', expected one of .*'nominal'"),
    ('classifier.name', 'none', "classifier.name is 'none', expected .*'vgg'"),
    ('optimizer.learning_rate', 0.0, 'learning_rate is 0.0, expected > 0'),
    ('optimizer.epochs', 0, 'optimizer.epochs is 0, expected > 0'),
    ('data.source', 'web', "data source 'web', expected 'embedded'"),
    ('data.sigma', -1.0, 'sigma is -1.0, expected'),
    ('generator.name', 'vae', "generator.name is 'vae', expected .*'ideal'"),
    ('optimizer.learning_rate', float('nan'), 'learning_rate is nan'),
    ('data.sigma', float('nan'), 'sigma is nan'),
    ('seed', 2**63, 'seed is 9223372036854775808, expected'),
    ('log_every', 0, 'log_every is 0, expected >= 1'),
    ('parallel', 'both', "parallel is 'both', expected one of"),
    ('attack.eps', float('inf'), 'attack.eps is inf'),
    ('pixel_attack.alpha', -1.0, 'pixel_attack.alpha is -1.0'),
    ('eval.batch_size', 0, 'eval.batch_size is 0, expected >= 1'),
    ('eval.num_examples', -1, 'eval.num_examples is -1, expected >= 0'),
    ('eval.attack.alpha', float('nan'), 'eval.attack.alpha is nan'),
    ('eval.attack.unit', 'cm', "attack.unit is 'cm', expected one of"),
    ('encoder.start', 'x', "encoder.start is 'x', expected one of"),
  ],
)
def test_a_bad_field_is_one_line_and_writes_nothing(
  tmp_path, field, value, message
):
  config = tiny_runs.config(**{'method': 'randmix', field: value})
  with pytest.raises(ValueError, match=message) as error:
    training.train_and_evaluate(config, tmp_path / 'run')
  assert '\n' not in str(error.value)
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('field', ['encoder.path', 'encoder.features'])
def test_a_mistyped_path_leaves_the_corrected_command_free(field, tmp_path):
  for method in ('nominal', 'randmix'):
    fields = {'generator.name': 'stylegan', field: '/nowhere/x.npz'}
    config = tiny_runs.config(method=method, **fields)
    with pytest.raises(FileNotFoundError, match='/nowhere/x.npz'):
      training.train_and_evaluate(config, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_the_summary_warns_of_a_failed_gate():
  results = {'method': 'advmix', 'wall_seconds': 3.0, 'valid': True}
  results |= {'clean_accuracy': 0.5, 'perturbed_accuracy': 0.25}
  results |= {'ci95': {'clean': [0.4, 0.6], 'perturbed': [0.2, 0.3]}}
  line = tables.summary(results, 'runs/x')
  assert line.startswith('advmix: clean 50.0%') and '\n' not in line
  results |= {'valid': False, 'failed_gates': ['gradients_alive']}
  warning, last = tables.summary(results, 'runs/x').splitlines()
  assert last == line
  assert warning.startswith('warning: ') and 'gradients_alive' in warning


@pytest.mark.parametrize('seed', [0, 3])
def test_weights_draws_and_order_follow_the_seed(tmp_path, seed):
  """What a t-interval over seeds stands on; no example of an epoch is lost."""
  config, keys, labels = tiny_runs.config(seed=seed), [], []
  num, size = 20, config.optimizer.batch_size  # No multiple of the batch.
  image = np.zeros((1, 4, 4, 3), np.float32)
  classifier = classifiers.make_classifier(config.classifier, 10)
  state = training.create_train_state(config, classifier, image)
  expected = jax.jit(classifier.init)(jax.random.key(seed, impl='rbg'), image)
  chex.assert_trees_all_equal(state.params, expected)

  def train_step(state, batch, rng, generator_params):
    keys.append(jax.random.key_data(rng))
    labels.append(batch.label)
    return state, {'loss': jnp.float32(0)}

  data = types.Batch(np.zeros((num, 1, 1, 1), np.uint8), np.arange(num))
  training._train(config, tmp_path, train_step, state, data, None)
  rng = jax.random.fold_in(jax.random.key(seed), 1)
  for key in keys:
    np.testing.assert_array_equal(key, jax.random.key_data(rng))
  epochs = [datasets.epoch_batches((seed, e), num, size) for e in range(2)]
  np.testing.assert_array_equal(np.stack(labels), np.concatenate(epochs))
