"""What experiments/benchmark times: one function per part.

Each yields (name, Part) with everything made and nothing run yet. The first
four have the shapes of the PyTorch peer, see __main__.py.

Contents: Options, Part, PARTS, UNITS.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from advmix_jax import (
  attacks,
  classifiers,
  datasets,
  generators,
  methods,
  training,
  types,
)
from advmix_jax.encoder import algorithm1, lookup, pipeline
from advmix_jax.evaluation import measures
from advmix_jax.generators import gan, stylegan
from advmix_jax.ops import conv

RESTARTS, STEPS = 5, 5  # The peer's.
UNITS = {
  'synthesis': 'images',
  'attack': 'example_steps',
  'train': 'examples',
  'gan': 'images',
  'encode': 'image_steps',
  'evaluate': 'examples',
  'official': 'images',
}


class Options(NamedTuple):
  """What the command line chooses."""

  batch: int
  config: ml_collections.ConfigDict
  runs: str  # Folder of trained runs.


class Part(NamedTuple):
  """What is timed."""

  work: Callable[[], Any]  # () -> arrays
  amount: float  # Units per call.
  flops: float = 0.0  # Per call, as XLA counts them; 0: unknown.
  memory: float = 0.0  # Bytes: arguments, results, temporaries; 0: unknown.
  program: str = ''  # The compiled program's text.


def _flops(fn, *args) -> float:
  """Floating-point operations of fn(*args), as XLA counts them.

  XLA counts the body of a loop once, so weight gradients are in one part here.
  """
  cache, conv._CACHE = conv._CACHE, float('inf')
  try:
    compiled = jax.jit(lambda *args: fn(*args)).lower(*args).compile()
  finally:
    conv._CACHE = cache
    jax.clear_caches()  # Of traces with one part.
  return float((compiled.cost_analysis() or {}).get('flops', 0.0))


def _compiled(fn, *args):
  return getattr(fn, 'lower', jax.jit(fn).lower)(*args).compile()


def _memory(compiled) -> float:
  """Bytes that a program needs while it runs, as XLA plans them; 0: unknown."""
  plan = compiled.memory_analysis()
  if plan is None:
    return 0.0
  return float(
    plan.argument_size_in_bytes
    + plan.output_size_in_bytes
    - plan.alias_size_in_bytes
    + plan.temp_size_in_bytes
  )


def _network():
  config = stylegan.default_config()
  config.update(
    fmaps=(64, 64, 64, 32), latent_size=64, dlatent_size=64, mapping_layers=8
  )
  return config


def _generator():
  generator = stylegan.make_generator(_network())
  params = generator.init(jax.random.key(0, impl='rbg'))
  return generator, jax.tree.map(jnp.asarray, params)


def _latents(options, generator):
  shape = (options.batch, generator.num_layers, generator.dlatent_size)
  return jax.random.normal(jax.random.key(1), shape)


def _classifier():
  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 32})
  return classifiers.make_classifier(config, 10)


def _images(options):
  return jax.random.uniform(jax.random.key(2), (options.batch, 32, 32, 3))


def _synthesis(options):
  generator, params = _generator()
  w, rng = _latents(options, generator), jax.random.key(3)
  run = jax.jit(generator.synthesize)
  args = generator.synthesize, params, w, rng
  yield (
    'synthesis',
    Part(
      lambda: run(params, w, rng),
      options.batch,
      _flops(*args),
      _memory(_compiled(*args)),
    ),
  )


def _attack(options):
  generator, params = _generator()
  classifier = _classifier()
  weights = classifier.init(jax.random.key(4, impl='rbg'), _images(options))
  labels = jnp.arange(options.batch) % 10
  s = generator.split

  def loss_fn(weights, params, x, activations):
    image = generator.fine(params, activations, x)
    logits_fn = functools.partial(classifier.apply, weights)
    return attacks.cross_entropy_and_logits(logits_fn, image, labels)

  @jax.jit
  def run(weights, params, w, rng):
    activations = generator.coarse(params, w[:, :s])
    size = (options.batch, generator.latent_size)
    return attacks.pgd(
      lambda x: loss_fn(weights, params, x, activations),
      rng,
      lambda key: generator.map(params, jax.random.normal(key, size))[:, s:],
      labels,
      restarts=RESTARTS,
      steps=STEPS,
      alpha=0.005,
      eps=0.03,
    ).x

  w, rng = _latents(options, generator), jax.random.key(5)
  activations = generator.coarse(params, w[:, :s])
  x = w[:, s:]
  step = _flops(
    jax.grad(lambda x, a: loss_fn(weights, params, x, a)[0].sum()),
    *(x, activations),
  )
  last = _flops(lambda x, a: loss_fn(weights, params, x, a), x, activations)
  coarse = _flops(generator.coarse, params, w[:, :s])
  flops = coarse + RESTARTS * (STEPS * step + last)
  amount = options.batch * RESTARTS * STEPS
  args = weights, params, w, rng
  compiled = _compiled(run, *args)
  cost = flops, _memory(compiled), compiled.as_text()
  yield 'attack', Part(lambda: run(*args), amount, *cost)


def _train(options):
  classifier = _classifier()
  config = options.config.copy_and_resolve_references()
  config.method, config.optimizer.batch_size = 'nominal', options.batch
  method = methods.make('nominal', config, num_classes=10)
  step = training.make_train_step(config, classifier, method)
  images = np.asarray(_images(options))
  batch = types.Batch(images, np.arange(options.batch) % 10, None)
  rng = jax.random.key(6)
  state = training.create_train_state(config, classifier, images)
  args = step, state, batch, rng, None
  compiled = _compiled(*args)
  cost = _flops(*args), _memory(compiled), compiled.as_text()

  def work():
    nonlocal state
    state, record = step(state, batch, rng, None)
    return record

  yield 'train', Part(work, options.batch, *cost)


def _gan(options):
  config = gan.default_config()
  config.update(batch_size=options.batch, r1_interval=1, r1_gamma=10.0)
  step = gan.make_step(_network(), config)
  state = gan.init(jax.random.key(7, impl='rbg'), _network(), config)
  batch = types.Batch(_images(options), jnp.zeros(options.batch, int))
  args = batch, jax.random.key(8), jnp.float32(0)
  static = {'level': 0, 'with_r1': True}
  program = functools.partial(step, **static)
  cost = (
    _flops(program, state, *args),
    _memory(_compiled(program, state, *args)),
  )

  def work():
    nonlocal state
    state, record = step(state, *args, **static)
    return record

  yield 'gan', Part(work, options.batch, *cost)


def _encode(options):
  config = options.config.copy_and_resolve_references()
  setting = pipeline.load_setting(config)
  images = datasets.load(config.data, 'test').image[: options.batch]
  setting.config.batch_size = len(images)

  def work():
    return algorithm1.encode(
      images,
      generator=setting.generator,
      generator_params=setting.params,
      features_fn=setting.features_fn,
      config=setting.config,
      start_fn=setting.start_fn,
      rng=jax.random.key(0),
    )

  yield 'encode', Part(work, len(images) * setting.config.steps)


def _evaluate(options):
  """Early exit on trained classifiers; without one it is worth nothing."""
  for method in ('nominal', 'advmix'):
    folder = pathlib.Path(options.runs) / method
    if not (folder / 'classifier.npz').exists():
      print(f'evaluate: no run in {folder}; `make demo` makes it')
      continue
    config = training.stored_config(folder)
    subject, batch = _subject(config, folder)
    attack = config.eval.attack
    attack.update(restarts=10, steps=5)

    def work(subject=subject, batch=batch, attack=attack):
      rng = jax.random.key(0)
      return measures.attack_examples(subject, rng, batch, attack=attack)

    yield f'evaluate_{method}', Part(work, len(batch.label))
    if method == 'nominal':
      full = _without_exit(subject, batch, attack)
      yield 'evaluate_without_exit', Part(full, len(batch.label))


def _subject(config, folder):
  """A trained classifier, and 100 test digits."""
  generator, params = generators.load(config.generator)
  classifier, weights = classifiers.load(folder / 'classifier.npz')
  test = datasets.load(config.data, 'test')
  latents = lookup.load_latents(config, test, generator, params, folder)
  images = datasets.to_float(test.image[:100])
  batch = types.Batch(images, test.label[:100], latents[:100])
  return measures.Subject(classifier.apply, weights, generator, params), batch


def _without_exit(subject, batch, attack):
  generator, s = subject.generator, subject.generator.split
  given = {k: attack[k] for k in ('restarts', 'steps', 'alpha', 'eps')}

  @jax.jit
  def run(weights, params, batch, rng):
    activations = generator.coarse(params, batch.latents[:, :s])
    logits_fn = functools.partial(subject.logits_fn, weights)
    size = (len(batch.label), generator.latent_size)

    def loss_fn(x):
      image = generator.fine(params, activations, x)
      return attacks.cross_entropy_and_logits(logits_fn, image, batch.label)

    def start(key):
      return generator.map(params, jax.random.normal(key, size))[:, s:]

    return attacks.pgd(loss_fn, rng, start, batch.label, **given).success

  rng = jax.random.key(0)
  return lambda: run(subject.params, subject.generator_params, batch, rng)


def _official(options):
  """The shapes of the official 1024x1024 networks, with random weights."""
  config = stylegan.default_config()
  fmaps = (512, 512, 512, 512, 256, 128, 64, 32, 16)
  config.update(resolution=1024, fmaps=fmaps, split=8)
  config.update(latent_size=512, dlatent_size=512, mapping_fmaps=512)
  generator = stylegan.make_generator(config)
  params = generator.init(jax.random.key(0, impl='rbg'))
  w = jnp.zeros((1, generator.num_layers, 512))
  run = jax.jit(generator.synthesize)
  args = generator.synthesize, params, w
  cost = _flops(*args), _memory(_compiled(*args))
  yield 'official', Part(lambda: run(params, w), 1, *cost)


PARTS = {
  'synthesis': _synthesis,
  'attack': _attack,
  'train': _train,
  'gan': _gan,
  'encode': _encode,
  'evaluate': _evaluate,
  'official': _official,
}
