"""What a generator of official size needs in memory, as XLA plans it.

  python experiments/benchmark/memory.py --resolution=1024 --batch=16 \
    --only=attack --plans=0,1,2,1+remat,1+remat+bfloat16
  python experiments/benchmark/memory.py --budget_gb=8 --plans=1+remat
  python experiments/benchmark/memory.py --resolution=128 --execute

The network has the official widths (fmap_base 8192, fmap_max 512, latents of
512); no weights exist. A plan is generator.microbatch, then maybe +remat and
+bfloat16. Each line has MiB of arguments, results and temporaries:

synthesis  the batch's images, resized to --size
attack     Algorithm 2 as training runs it, N_r = 5 and K = 1, truncated VGG
encode     the gradient of one step of Algorithm 1, VGG-16

Nothing runs without --execute, which also prints seconds and the peak of
resident memory above that before, in MiB; only the first plan's peak counts, as
the heap keeps what it has. --budget_gb finds the largest power of two that fits
as micro-batch, with the options of the first plan.

The compiler is XLA for the CPU, so these are estimates for a GPU. It traces the
formulas of other processors (--formulas=cpu: the CPU's own), keeps the barriers
of remat and works at one operation at a time, as a GPU does. It turns
convolutions of 16 bits to 32 bits, which a GPU doesn't do; scratch memory of
convolutions is not in the plan.
"""

import functools
import time
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from advmix_jax import attacks, classifiers, generators, types
from advmix_jax.encoder import algorithm1, perceptual
from advmix_jax.generators import memory, stylegan
from advmix_jax.runtime import cli

RESOLUTION = flags.DEFINE_integer('resolution', 1024, 'Of the generator.', 8)
SPLIT = flags.DEFINE_integer(
  'split', 10, 'Coarse layers; at most half of the layers are.', 1
)
SIZE = flags.DEFINE_integer('size', 64, "The classifier's pixels.", 8)
BATCH = flags.DEFINE_integer('batch', 16, 'Examples per batch.', 1)
ONLY = flags.DEFINE_list('only', ['synthesis', 'attack', 'encode'], 'Which.')
PLANS = flags.DEFINE_list('plans', ['0', '1', '1+remat'], 'As above.')
BUDGET_GB = flags.DEFINE_float('budget_gb', 0, 'GiB of the device; 0 = none.')
FORMULAS = flags.DEFINE_enum('formulas', 'gpu', ['gpu', 'cpu'], 'Of ops/.')
EXECUTE = flags.DEFINE_bool('execute', False, 'Run it, with made weights.')

_OPTIONS = {
  'xla_disable_hlo_passes': 'cse_barrier_expander',
  'xla_cpu_enable_concurrency_optimized_scheduler': False,
}


class Plan(NamedTuple):
  """The three fields of config.generator."""

  microbatch: int
  remat: bool
  dtype: str

  def __str__(self) -> str:
    """The plan as the command line has it."""
    half = '+bfloat16' if self.dtype == 'bfloat16' else ''
    return f'{self.microbatch}{"+remat" if self.remat else ""}{half}'


def _plan(text) -> Plan:
  number, *options = text.split('+')
  if not number.isdigit() or set(options) - {'remat', 'bfloat16'}:
    raise ValueError(
      f'--plans has {text!r}, expected a number, then maybe +remat, +bfloat16'
    )
  dtype = 'bfloat16' if 'bfloat16' in options else 'float32'
  return Plan(int(number), 'remat' in options, dtype)


def _generator(plan: Plan) -> types.Generator:
  """A network of official widths, its images clipped and resized."""
  config = stylegan.default_config()
  blocks = RESOLUTION.value.bit_length() - 2
  config.update(
    resolution=RESOLUTION.value,
    fmaps=tuple(min(512, 8192 >> (i + 1)) for i in range(blocks)),
    latent_size=512,
    dlatent_size=512,
    mapping_fmaps=512,
    mapping_layers=8,
    split=min(SPLIT.value, blocks),
  )
  generator = stylegan.make_generator(config)
  if SIZE.value != RESOLUTION.value:
    generator = generators.resized(generator, SIZE.value)
  return stylegan.clipped(memory.planned(generator, **plan._asdict()))


def _batch(generator) -> types.Batch:
  """The shapes of a batch."""
  b, size = BATCH.value, SIZE.value
  latents = (b, generator.num_layers, generator.dlatent_size)
  return types.Batch(
    image=jax.ShapeDtypeStruct((b, size, size, 3), jnp.float32),
    label=jax.ShapeDtypeStruct((b,), jnp.int32),
    latents=jax.ShapeDtypeStruct(latents, jnp.float32),
  )


def _synthesis(generator, params, batch):
  return generator.synthesize, (params, batch.latents)


def _attack(generator, params, batch):
  classifier = classifiers.make_classifier(classifiers.default_config(), 2)
  rng = jax.random.key(0)
  weights = jax.eval_shape(classifier.init, rng, batch.image)
  attack = attacks.default_config()

  def run(weights, params, batch):
    logits_fn = functools.partial(classifier.apply, weights)
    result, _ = attacks.algorithm2(
      rng, logits_fn, batch, generator, params, attack=attack
    )
    return result.x

  return run, (weights, params, batch)


def _encode(generator, params, batch):
  config = algorithm1.default_config()
  target_fn, losses = algorithm1.make_losses(generator, config)

  def run(features_fn, params, batch, fine):
    target = target_fn(features_fn, batch.image)

    def loss(w):
      rec, mix, *_ = losses(params, features_fn, w, target, fine)
      return (rec + mix).sum()

    return jax.grad(loss)(batch.latents)

  fine = batch.latents.shape
  fine = (fine[0], 1, fine[1] - generator.split, fine[2])
  fine = jax.ShapeDtypeStruct(fine, jnp.float32)
  return run, (perceptual.load(), params, batch, fine)


_WORK = {'synthesis': _synthesis, 'attack': _attack, 'encode': _encode}


def _compiled(name, plan):
  """(compiled program, shapes of its arguments)."""
  generator = _generator(plan)
  params = jax.eval_shape(generator.init, jax.random.key(0))
  run, args = _WORK[name](generator, params, _batch(generator))
  with mock.patch.object(jax, 'default_backend', lambda: FORMULAS.value):
    # A function of its own, whose trace no other plan has left behind.
    lowered = jax.jit(lambda *a: run(*a)).lower(*args)
  return lowered.compile(compiler_options=_OPTIONS), args


def _mib(compiled) -> tuple[float, float, float]:
  """MiB of arguments, results and temporaries."""
  plan = compiled.memory_analysis()
  sizes = (
    plan.argument_size_in_bytes,
    plan.output_size_in_bytes,
    plan.temp_size_in_bytes,
  )
  return tuple(size / 2**20 for size in sizes)


def _made(args):
  """Random arrays of these shapes; labels are 0."""
  rng = np.random.default_rng(0)

  def draw(a):
    if not isinstance(a, jax.ShapeDtypeStruct):
      return a
    if a.dtype == jnp.int32:
      return jnp.zeros(a.shape, a.dtype)
    return jnp.asarray(rng.standard_normal(a.shape, np.float32))

  return jax.tree.map(draw, args)


def _resident(field) -> float:
  """MiB of this process: 'VmRSS', or its peak 'VmHWM'. Linux only."""
  with open('/proc/self/status') as lines:
    line = next(line for line in lines if line.startswith(field))
  return int(line.split()[1]) / 1024


def _execute(compiled, args) -> tuple[float, float]:
  """Seconds of a second call, and the peak of a first one in MiB."""
  args = jax.block_until_ready(_made(args))
  with open('/proc/self/clear_refs', 'w') as file:
    file.write('5')  # The peak starts again from here.
  before = _resident('VmRSS')
  jax.block_until_ready(compiled(*args))
  peak, started = _resident('VmHWM') - before, time.perf_counter()
  jax.block_until_ready(compiled(*args))
  return time.perf_counter() - started, peak


def _measure(name, plan) -> float:
  """Prints a line of the table; returns MiB of the whole program."""
  started = time.perf_counter()
  compiled, args = _compiled(name, plan)
  sizes = _mib(compiled)
  text = ''.join(f'{size:>10.0f}' for size in (*sizes, sum(sizes)))
  text += f'{time.perf_counter() - started:>10.0f}'
  if EXECUTE.value:
    seconds, peak = _execute(compiled, args)
    text += f'{seconds:>10.2f}{peak:>10.0f}'
  print(f'{name:10s}{plan!s:20s}{text}', flush=True)
  return sum(sizes)


def _fit(name, plan) -> None:
  """Finds the largest power of two that fits; a line from two points helps."""
  budget = BUDGET_GB.value * 1024
  one, two = (_measure(name, plan._replace(microbatch=n)) for n in (1, 2))
  most = 1 + max(0, int((budget - one) / max(two - one, 1e-3)))
  fitting = 1 << (min(most, BATCH.value).bit_length() - 1)
  needed = {1: one, 2: two}
  while fitting > 1:
    if fitting not in needed:
      part = plan._replace(microbatch=fitting)
      needed[fitting] = _measure(name, part)
    if needed[fitting] <= budget:
      break
    fitting //= 2
  if needed[fitting] > budget:
    print(f'{name}: nothing fits in {BUDGET_GB.value:g} GiB')
    return
  print(
    f'{name}: --config.generator.microbatch={fitting} '
    f'--config.generator.remat={plan.remat} '
    f'--config.generator.dtype={plan.dtype}  '
    f'# {needed[fitting] / 1024:.1f} GiB'
  )


def main(_) -> None:
  """Prints the table, or what fits."""
  unknown = set(ONLY.value) - set(_WORK)
  if unknown:
    raise ValueError(f'--only has {sorted(unknown)}, expected {list(_WORK)}')
  plans = [_plan(text) for text in PLANS.value]
  columns = ['arguments', 'results', 'temporary', 'total', 'compile s']
  columns += ['run s', 'peak'] if EXECUTE.value else []
  print(f'{"":10s}{"plan":20s}' + ''.join(f'{c:>10s}' for c in columns))
  for name in ONLY.value:
    if BUDGET_GB.value:
      _fit(name, plans[0])
      continue
    for plan in plans:
      _measure(name, plan)


if __name__ == '__main__':
  cli.run(main)
