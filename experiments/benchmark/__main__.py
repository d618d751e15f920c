"""Speed of the parts, beside this machine's matrix product and a PyTorch peer.

  python experiments/benchmark
  python experiments/benchmark --only=synthesis,attack --json
  python experiments/benchmark --peer=peer_torch.py --rounds=3
  python experiments/benchmark --only=train,attack --profile

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
Memory is what XLA plans for the program: arguments, results and temporaries.
A peer is a script that prints one JSON object of the same names with '_per_s';
it and ours take turns, --rounds times, and the ratio is that of the medians.
"""

import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import jax
from absl import flags

try:
  import operations
  import parts as parts_

  from advmix_jax.runtime import cli, run_folder, untrusted
except ModuleNotFoundError as error:
  raise SystemExit(
    f'benchmark.py: error: {error}; run `make install` or `pip install -e .` '
    "in the project's root, and use that Python."
  ) from None

PARTS, UNITS = parts_.PARTS, parts_.UNITS

CONFIG = cli.define_config(
  pathlib.Path(__file__).parent, 'configs/colored_mnist.py'
)
ONLY = flags.DEFINE_list('only', list(UNITS), 'Which parts.')
AS_JSON = flags.DEFINE_bool('json', False, 'Print one JSON object, no table.')
BATCH = flags.DEFINE_integer('batch', 64, 'Examples per batch.', lower_bound=1)
REPEATS = flags.DEFINE_integer('repeats', 5, 'Timed calls.', lower_bound=1)
ROUNDS = flags.DEFINE_integer('rounds', 1, 'Turns of ours and the peer.')
PEER = flags.DEFINE_string('peer', '', 'Script of the peer; "": none.')
PROFILE = flags.DEFINE_bool(
  'profile', False, 'Show where the time of train and attack goes.'
)
RUNS = flags.DEFINE_string(
  'runs', 'runs/demo', 'Folder of trained runs: nominal/ and advmix/.'
)


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


def _measure(part: parts_.Part, first: float, rate: float) -> dict:
  seconds = [_seconds(part.work) for _ in range(REPEATS.value)]
  middle = statistics.median(seconds)
  record = {
    'per_s': part.amount / middle,
    'slowest_per_s': part.amount / max(seconds),
    'first_call_s': first,
  }
  if part.flops:
    record['share_of_matmul'] = part.flops / middle / rate
  if part.memory:
    record['memory_mb'] = part.memory / 1e6
  return record


def _profile(parts, batch, rate) -> list[dict]:
  """The operations of train and attack, as far as they are among the parts."""
  rows = []
  for name in ('train', 'attack'):
    found = parts.get(name)
    found = operations.profile(found, batch) if found else []
    whole = sum(row.seconds for row in found)
    for what, seconds, flops in found:
      row = {'part': name, 'what': what, 'ms': 1e3 * seconds}
      row['share'] = seconds / whole
      if flops:
        row['gflops'] = flops / seconds / 1e9
        row['share_of_matmul'] = flops / seconds / rate
      rows.append(row)
  return rows


def _head(names) -> list[str]:
  """The first two lines of a Markdown table."""
  return ['| ' + ' | '.join(names) + ' |', '|---' * len(names) + '|']


def _profile_table(rows) -> str:
  head = ('part', 'operation', 'ms', 'share', 'GFLOP/s', 'of matmul')
  lines = _head(head)
  for r in rows:
    rate, share = r.get('gflops'), r.get('share_of_matmul')
    cells = (
      *(r['part'], r['what'], f'{r["ms"]:.1f}', f'{100 * r["share"]:.0f}%'),
      *(f'{rate:.0f}' if rate else '', f'{100 * share:.0f}%' if share else ''),
    )
    lines.append('| ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def _run_peer() -> dict:
  """One turn of the peer; its numbers by our names."""
  path = pathlib.Path(PEER.value)
  untrusted.check_file(path, '--peer=')
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
  head = ('part', 'unit/s', 'peer', 'ours / peer', 'of matmul', 'memory')
  head += ('first call',)
  lines = _head(head)
  for name, r in result['parts'].items():
    share, memory = r.get('share_of_matmul'), r.get('memory_mb')
    cells = (
      f'{name} ({_unit(name)})',
      f'{r["per_s"]:.4g}',
      f'{r["peer_per_s"]:.4g}' if 'ratio' in r else '',
      f'{r["ratio"]:.2f}' if 'ratio' in r else '',
      f'{100 * share:.0f}%' if share else '',
      f'{memory:.0f} MB' if memory else '',
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
  if PROFILE.value and not {'train', 'attack'} & set(ONLY.value):
    raise ValueError('--profile speaks of train and attack, --only of neither')
  for name in ONLY.value:
    if name not in PARTS:
      raise ValueError(f'--only has {name!r}, expected {", ".join(PARTS)}')
  rate = _matmul_rate()
  options = parts_.Options(BATCH.value, CONFIG.value, RUNS.value)
  parts = {k: v for name in ONLY.value for k, v in PARTS[name](options)}
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
    'commit': run_folder.commit(),
    'parts': _summary(rounds, peers),
  }
  if PROFILE.value:
    result['profile'] = _profile(parts, BATCH.value, rate)
  if AS_JSON.value:
    print(json.dumps(result, indent=2))
    return
  print(_table(result))
  if PROFILE.value:
    print('\n' + _profile_table(result['profile']))


if __name__ == '__main__':
  cli.run(main)
