"""Speed of the parts, beside this machine's matrix product and a PyTorch peer.

  python experiments/benchmark.py
  python experiments/benchmark.py --only=synthesis,attack --json
  python experiments/benchmark.py --peer=peer_torch.py --rounds=3

synthesis  StyleGAN v1, latents -> images                              images/s
attack     Algorithm 2, all N_r = 5 restarts and K = 5 steps    example-steps/s
train      one Adam step of the truncated VGG, cross-entropy         examples/s
gan        one G and one D step, R1 every step                         images/s
encode     Algorithm 1                                            image-steps/s
evaluate   Algorithm 2 with early exit on the runs in --runs, N_r = 10, K = 5,
           and the same without early exit                           examples/s
official   synthesis of StyleGAN v1 at 1024x1024, batch 1              images/s

The first four have the peer's shapes: 32x32 images, maps of 64, 64, 64, 32,
latents of 64, a VGG of 32, 64, 128 channels, batches of 64. Each number is the
median of --repeats calls after a warm one; the first call's seconds are apart.
A peer is a script that prints one JSON object of the same names with '_per_s';
it and ours take turns, --rounds times, and the ratio is that of the medians.
"""

import functools
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import flags

try:
  from advmix_jax import (
    attacks,
    classifiers,
    cli,
    configs,
    datasets,
    encoder,
    encoding,
    evaluators,
    gan,
    inputs,
    methods,
    stylegan,
    training,
    types,
  )
except ModuleNotFoundError as error:
  raise SystemExit(
    f'benchmark.py: error: {error}; run `make install` or `pip install -e .` '
    "in the project's root, and use that Python."
  ) from None

RESTARTS, STEPS = 5, 5
UNITS = {
  'synthesis': 'images',
  'attack': 'example_steps',
  'train': 'examples',
  'gan': 'images',
  'encode': 'image_steps',
  'evaluate': 'examples',
  'official': 'images',
}

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
ONLY = flags.DEFINE_list('only', list(UNITS), 'Which parts.')
AS_JSON = flags.DEFINE_bool('json', False, 'Print one JSON object, no table.')
BATCH = flags.DEFINE_integer('batch', 64, 'Examples per batch.', lower_bound=1)
REPEATS = flags.DEFINE_integer('repeats', 5, 'Timed calls.', lower_bound=1)
ROUNDS = flags.DEFINE_integer('rounds', 1, 'Turns of ours and the peer.')
PEER = flags.DEFINE_string('peer', '', 'Script of the peer; "": none.')
RUNS = flags.DEFINE_string(
  'runs', 'runs/demo', 'Folder of trained runs: nominal/ and advmix/.'
)


class Part(NamedTuple):
  """What is timed."""

  work: object  # () -> arrays
  amount: float  # Units per call.
  flops: float = 0.0  # Per call, as XLA counts them; 0: unknown.


def _flops(fn, *args) -> float:
  """Floating-point operations of fn(*args), as XLA counts them."""
  analysis = jax.jit(fn).lower(*args).compile().cost_analysis()
  return float((analysis or {}).get('flops', 0.0))


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


def _latents(generator):
  shape = (BATCH.value, generator.num_layers, generator.dlatent_size)
  return jax.random.normal(jax.random.key(1), shape)


def _classifier():
  config = ml_collections.ConfigDict({'name': 'vgg', 'width': 32})
  return classifiers.make_classifier(config, 10)


def _images():
  return jax.random.uniform(jax.random.key(2), (BATCH.value, 32, 32, 3))


def _synthesis():
  generator, params = _generator()
  w, rng = _latents(generator), jax.random.key(3)
  run = jax.jit(generator.synthesize)
  flops = _flops(generator.synthesize, params, w, rng)
  yield 'synthesis', Part(lambda: run(params, w, rng), BATCH.value, flops)


def _attack():
  generator, params = _generator()
  classifier = _classifier()
  weights = classifier.init(jax.random.key(4, impl='rbg'), _images())
  labels = jnp.arange(BATCH.value) % 10
  s = generator.split

  def loss_fn(weights, params, x, activations):
    image = generator.fine(params, activations, x)
    logits = classifier.apply(weights, image)
    target = jax.nn.one_hot(labels, 10)
    return methods.cross_entropy(logits, target), logits

  @jax.jit
  def run(weights, params, w, rng):
    activations = generator.coarse(params, w[:, :s])
    size = (BATCH.value, generator.latent_size)
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

  w, rng = _latents(generator), jax.random.key(5)
  activations = generator.coarse(params, w[:, :s])
  x = w[:, s:]
  step = _flops(
    jax.grad(lambda x, a: loss_fn(weights, params, x, a)[0].sum()),
    *(x, activations),
  )
  last = _flops(lambda x, a: loss_fn(weights, params, x, a), x, activations)
  coarse = _flops(generator.coarse, params, w[:, :s])
  flops = coarse + RESTARTS * (STEPS * step + last)
  amount = BATCH.value * RESTARTS * STEPS
  yield 'attack', Part(lambda: run(weights, params, w, rng), amount, flops)


def _train():
  classifier = _classifier()
  config = CONFIG.value.copy_and_resolve_references()
  config.method, config.optimizer.batch_size = 'nominal', BATCH.value
  method = methods.make_method('nominal', config, num_classes=10)
  step = training.make_train_step(config, classifier, method)
  images = np.asarray(_images())
  batch = types.Batch(images, np.arange(BATCH.value) % 10, None)
  rng = jax.random.key(6)
  state = training.create_train_state(config, classifier, images)
  flops = _flops(step, state, batch, rng, None)

  def work():
    nonlocal state
    state, record = step(state, batch, rng, None)
    return record

  yield 'train', Part(work, BATCH.value, flops)


def _gan():
  config = gan.default_config()
  config.update(batch_size=BATCH.value, r1_interval=1, r1_gamma=10.0)
  step = gan.make_step(_network(), config)
  state = gan.init(jax.random.key(7, impl='rbg'), _network(), config)
  args = _images(), jax.random.key(8), jnp.float32(0)
  static = {'level': 0, 'with_r1': True, 'with_mix': False}
  flops = _flops(functools.partial(step, **static), state, *args)

  def work():
    nonlocal state
    state, record = step(state, *args, **static)
    return record

  yield 'gan', Part(work, BATCH.value, flops)


def _encode():
  config = CONFIG.value.copy_and_resolve_references()
  setting = encoding.load_setting(config)
  images = datasets.load(config.data, 'test').image[: BATCH.value]
  setting.config.batch_size = len(images)

  def work():
    return encoder.encode(
      images,
      generator=setting.generator,
      generator_params=setting.params,
      features_fn=setting.features_fn,
      config=setting.config,
      start_fn=setting.start_fn,
      rng=jax.random.key(0),
    )

  yield 'encode', Part(work, len(images) * setting.config.steps)


def _evaluate():
  """Early exit on trained classifiers; without one it is worth nothing."""
  for method in ('nominal', 'advmix'):
    folder = pathlib.Path(RUNS.value) / method
    if not (folder / 'classifier.npz').exists():
      print(f'evaluate: no run in {folder}; `make demo` makes it')
      continue
    config = configs.load_workdir(folder)
    subject, batch = _subject(config, folder)
    attack = config.eval.attack
    attack.update(restarts=10, steps=5)

    def work(subject=subject, batch=batch, attack=attack):
      rng = jax.random.key(0)
      return evaluators.algorithm2(subject, rng, batch, attack=attack)

    yield f'evaluate_{method}', Part(work, len(batch.label))
    if method == 'nominal':
      full = _without_exit(subject, batch, attack)
      yield 'evaluate_without_exit', Part(full, len(batch.label))


def _subject(config, folder):
  """A trained classifier, and 100 test digits."""
  generator, params = inputs.load_generator(config.generator)
  classifier, weights = classifiers.load(folder / 'classifier.npz')
  test = datasets.load(config.data, 'test')
  latents = inputs.load_latents(config, test, generator, params, folder)
  batch = types.Batch(test.image[:100], test.label[:100], latents[:100])
  return evaluators.Subject(classifier.apply, weights, generator, params), batch


def _without_exit(subject, batch, attack):
  generator, s = subject.generator, subject.generator.split
  options = {k: attack[k] for k in ('restarts', 'steps', 'alpha', 'eps')}

  @jax.jit
  def run(weights, params, batch, rng):
    activations = generator.coarse(params, batch.latents[:, :s])
    target = jax.nn.one_hot(batch.label, 10)
    size = (len(batch.label), generator.latent_size)

    def loss_fn(x):
      image = generator.fine(params, activations, x)
      logits = subject.logits_fn(weights, image)
      return methods.cross_entropy(logits, target), logits

    def start(key):
      return generator.map(params, jax.random.normal(key, size))[:, s:]

    return attacks.pgd(loss_fn, rng, start, batch.label, **options).success

  rng = jax.random.key(0)
  return lambda: run(subject.params, subject.generator_params, batch, rng)


def _official():
  """The shapes of the official 1024x1024 networks, with random weights."""
  config = stylegan.default_config()
  fmaps = (512, 512, 512, 512, 256, 128, 64, 32, 16)
  config.update(resolution=1024, fmaps=fmaps, split=8)
  config.update(latent_size=512, dlatent_size=512, mapping_fmaps=512)
  generator = stylegan.make_generator(config)
  params = generator.init(jax.random.key(0, impl='rbg'))
  w = jnp.zeros((1, generator.num_layers, 512))
  run = jax.jit(generator.synthesize)
  flops = _flops(generator.synthesize, params, w)
  yield 'official', Part(lambda: run(params, w), 1, flops)


PARTS = {
  'synthesis': _synthesis,
  'attack': _attack,
  'train': _train,
  'gan': _gan,
  'encode': _encode,
  'evaluate': _evaluate,
  'official': _official,
}


def _seconds(work) -> float:
  started = time.perf_counter()
  jax.block_until_ready(work())
  return time.perf_counter() - started


def _matmul_rate() -> float:
  """Floating-point operations per second of a float32 matrix product."""
  n = 2048
  a = jax.random.normal(jax.random.key(0), (n, n))
  product = jax.jit(lambda a: a @ a)
  _seconds(lambda: product(a))
  return 2 * n**3 / min(_seconds(lambda: product(a)) for _ in range(5))


def _measure(part: Part, first: float, rate: float) -> dict:
  seconds = [_seconds(part.work) for _ in range(REPEATS.value)]
  middle = statistics.median(seconds)
  record = {
    'per_s': part.amount / middle,
    'slowest_per_s': part.amount / max(seconds),
    'first_call_s': first,
  }
  if part.flops:
    record['share_of_matmul'] = part.flops / middle / rate
  return record


def _run_peer() -> dict:
  """One turn of the peer; its numbers by our names."""
  path = pathlib.Path(PEER.value)
  if not path.is_file():
    raise FileNotFoundError(f'--peer={path}: no such file')
  command = [sys.executable, str(path), f'--batch={BATCH.value}']
  command += [f'--repeats={REPEATS.value}']
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode:
    last = (done.stderr.strip().splitlines() or ['no output'])[-1]
    raise ValueError(f'--peer={path} failed: {last}')
  return json.loads(done.stdout.strip().splitlines()[-1])


def _summary(rounds, peers) -> dict:
  """Medians over the rounds, and the ratios to the peer's."""
  found = {}
  for name in rounds[0]:
    keys = rounds[0][name]
    found[name] = {
      k: statistics.median(r[name][k] for r in rounds) for k in keys
    }
    theirs = f'{name}_{_unit(name)}_per_s'
    if peers and theirs in peers[0]:
      found[name]['peer_per_s'] = statistics.median(p[theirs] for p in peers)
      ratio = found[name]['per_s'] / found[name]['peer_per_s']
      found[name]['ratio'] = ratio
  return found


def _unit(name):
  return UNITS[name.partition('_')[0]]


def _table(result) -> str:
  head = ('part', 'unit/s', 'peer', 'ours / peer', 'of matmul', 'first call')
  lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
  for name, r in result['parts'].items():
    share = r.get('share_of_matmul')
    cells = (
      f'{name} ({_unit(name)})',
      f'{r["per_s"]:.4g}',
      f'{r["peer_per_s"]:.4g}' if 'ratio' in r else '',
      f'{r["ratio"]:.2f}' if 'ratio' in r else '',
      f'{100 * share:.0f}%' if share else '',
      f'{r["first_call_s"]:.1f} s',
    )
    lines.append('| ' + ' | '.join(cells) + ' |')
  lines.append(
    f'\n{result["device"]}; matrix product {result["matmul_gflops"]:.0f} '
    f'GFLOP/s, peak memory {result["peak_memory_mb"]:.0f} MB, jax '
    f'{jax.__version__}, commit {result["commit"]}'
  )
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  """Times the parts and prints the table."""
  del argv  # cli.run has refused any.
  for name in ONLY.value:
    if name not in PARTS:
      raise ValueError(f'--only has {name!r}, expected {", ".join(PARTS)}')
  rate = _matmul_rate()
  parts = {k: v for name in ONLY.value for k, v in PARTS[name]()}
  first = {name: _seconds(part.work) for name, part in parts.items()}
  rounds, peers = [], []
  for _ in range(ROUNDS.value):
    if PEER.value:
      peers.append(_run_peer())
    rounds.append(
      {k: _measure(part, first[k], rate) for k, part in parts.items()}
    )
  memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  result = {
    'device': f'{jax.device_count()} x {jax.devices()[0].device_kind}',
    'matmul_gflops': rate / 1e9,
    'peak_memory_mb': memory,
    'batch': BATCH.value,
    'commit': configs.commit(),
    'parts': _summary(rounds, peers),
  }
  print(json.dumps(result, indent=2) if AS_JSON.value else _table(result))


if __name__ == '__main__':
  cli.run(main)
