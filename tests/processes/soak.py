"""Stops each command at random moments; it must end as if nothing happened.

  cd tests
  python -m processes.soak        # 50 signals for each; `make soak`
  python -m processes.soak --kills=5 --only=train

For each of train, gan, encode and evaluate: runs a small command to its end,
then the same command elsewhere, sent SIGKILL, SIGTERM or SIGINT at a random
moment and started again until it ends, and so on until `kills` signals have met
a command at work. What all of them leave must agree byte for byte, but for
times. After SIGTERM and SIGINT it must end within LIMIT seconds by 143 or 130,
without a traceback. The first run compiles and takes longer than the others;
should a signal come too late, that run says how long the others take.

Contents: COMMANDS, LIMIT, soak.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

from helpers import compiling, paths
from processes import programs

_TRAIN = (
  '--config=configs/colored_mnist.py:ideal',
  '--config.data.num_train=64',
  '--config.data.num_test=24',
  '--config.classifier.name=linear',
  '--config.optimizer.batch_size=8',
  '--config.optimizer.epochs=4',
  '--config.checkpoint_every=4',
  '--config.attack.restarts=2',
  '--config.attack.steps=1',
  '--config.eval.num_examples=24',
  '--config.eval.batch_size=8',
  '--config.eval.attack.restarts=2',
  '--config.eval.attack.steps=1',
)
_GAN = (
  '--config.data.num_train=64',
  '--config.network.resolution=32',
  '--config.network.fmaps=(4, 4, 4, 4)',
  '--config.network.latent_size=8',
  '--config.network.dlatent_size=8',
  '--config.network.mapping_fmaps=8',
  '--config.gan.batch_size=8',
  '--config.gan.r1_interval=1',
  '--config.gan.kimg=0.24',
  '--config.gan.decay_kimg=0.12',
  '--config.log_kimg=0.016',
  '--config.sample_kimg=0.24',
  '--config.checkpoint_kimg=0.032',
)
_ENCODE = (
  '--split=test',
  '--config.data.num_test=24',
  '--config.encoder.batch_size=4',
  '--config.encoder.start_steps=5',
  '--config.encoder.steps=3',
  '--config.encoder.start=average',
  '--config.encoder.average_draws=100',
)
# Name -> (arguments for a folder, files to compare in it).
COMMANDS = {
  'train': (
    lambda folder: ['train.py', *_TRAIN, f'--workdir={folder}'],
    ('results.json', 'classifier.npz', 'metrics.jsonl', 'pictures.npz'),
  ),
  'gan': (
    lambda folder: ['train_stylegan.py', *_GAN, f'--workdir={folder}'],
    ('generator.npz', 'metrics.jsonl', 'samples/000000k.png'),
  ),
  'encode': (
    lambda folder: ['encode.py', *_ENCODE, f'--output={folder}/latents.npz'],
    ('latents.npz', 'latents.csv', 'latents.png'),
  ),
  'evaluate': (
    lambda folder: [
      'evaluate.py',
      f'--workdir={folder}',
      '--restarts=3',
      '--noladder',
    ],
    ('evaluations/*/results.json', 'evaluations/*/per_example.csv'),
  ),
}


_SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT)  # In turns.
LIMIT = 10.0
_COMPILED = 0.65  # Of the first run's time, where its programs are found.


def _start(name, folder, cache):
  script, *options = COMMANDS[name][0](folder)
  return programs.start(
    *(paths.EXPERIMENTS / script, *options),
    # Runs are compared with each other: they may be slow, and compile fast.
    XLA_FLAGS=compiling.FASTEST,
    JAX_COMPILATION_CACHE_DIR=str(cache),
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS='0',
  )


def _run(name, folder, cache):
  """Runs a command to its end; returns its seconds."""
  started = time.monotonic()
  _stop(name, folder, cache, None)
  return time.monotonic() - started


def _stop(name, folder, cache, seconds, number=signal.SIGKILL):
  """Runs a command, and sends it a signal after `seconds`.

  Without `seconds` it may take all the time it needs.

  Returns:
    Whether it ended its work, and whether the signal met it.
  """
  process, stopped = _start(name, folder, cache), False
  try:
    error = process.communicate(timeout=seconds)[1]
  except subprocess.TimeoutExpired:
    stopped = True
    process.send_signal(number)
    error = _last_words(name, process, number)
  code = process.returncode
  # While Python imports, no handler stands, and Ctrl-C prints a traceback.
  if stopped and code == -number:
    return False, True
  # 3: a gate failed, as it may where a classifier is hardly trained.
  codes = (0, 3, 128 + number) if stopped else (0, 3)
  if code not in codes or 'Traceback' in error:
    raise AssertionError(f'{name}: {number!r}, {code}, {error[-2000:]}')
  return code in (0, 3), stopped


def _last_words(name, process, number):
  """What a process printed that a signal ends.

  Raises:
    AssertionError: it lives on for more than LIMIT seconds.
  """
  try:
    return process.communicate(timeout=LIMIT)[1]
  except subprocess.TimeoutExpired:
    process.kill()
    process.communicate()
    raise AssertionError(f'{name}: alive {LIMIT} s after {number!r}') from None


def _timeless(value):
  """Drops every field that speaks of time, at any depth."""
  if isinstance(value, dict):
    kept = {k: v for k, v in value.items() if 'seconds' not in k}
    return {k: _timeless(v) for k, v in kept.items()}
  return value


def _content(path):
  """What has to agree: bytes, or for JSON all but times."""
  if path.suffix in ('.json', '.jsonl'):
    lines = path.read_text().splitlines()
    lines = lines if path.suffix == '.jsonl' else [''.join(lines)]
    return [_timeless(json.loads(line)) for line in lines]
  return path.read_bytes()


def _compare(name, whole, killed):
  for pattern in COMMANDS[name][1]:
    paths = sorted(whole.glob(pattern))
    if not paths:
      raise AssertionError(f'{name}: no {pattern} in {whole}')
    for path in paths:
      other = killed / path.relative_to(whole)
      if _content(path) != _content(other):
        raise AssertionError(f'{name}: {path} and {other} differ')


def soak(name, kills, folder, *, seed=0):
  """Stops one command at work `kills` times; AssertionError where that shows.

  Once a run has ended, it is compared with the uninterrupted one, and the next
  begins in a folder of its own.

  Returns:
    Text: how many runs were killed how many times.
  """
  rng, cache = random.Random(f'{seed} {name}'), folder / 'cache'
  template = folder / 'template'
  template.mkdir(parents=True)
  if name == 'evaluate':
    _run('train', template, cache)

  def place(label):
    return shutil.copytree(template, folder / name / label)

  # In the background it is ignored, and commands would inherit that.
  if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
  whole = place('whole')
  seconds = _COMPILED * _run(name, whole, cache)
  runs, met, ended = 0, 0, True
  while met < kills or not ended:
    fresh = ended
    if fresh:
      killed, runs = place(f'killed{runs}'), runs + 1
    limit = rng.uniform(0.3, 0.9) * seconds if met < kills else None
    number = _SIGNALS[met % len(_SIGNALS)]
    began = time.monotonic()
    ended, stopped = _stop(name, killed, cache, limit, number)
    met += stopped
    if fresh and not stopped:  # It found its programs compiled.
      seconds = min(seconds, time.monotonic() - began)
    if ended:
      _compare(name, whole, killed)
  return f'{name}: {kills} signals to {runs} runs, which take {seconds:.0f} s'


def main():
  """Soaks the commands that are asked for."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--kills', type=int, default=50)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--only', choices=list(COMMANDS), action='append')
  args = parser.parse_args()
  for name in args.only or COMMANDS:
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder)
      print(soak(name, args.kills, path, seed=args.seed), flush=True)


if __name__ == '__main__':
  main()
