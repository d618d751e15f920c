"""Where the time of a training step and of an attack goes, by operation.

  python experiments/benchmark.py --only=train,attack --profile

The program itself runs under JAX's profiler, on the CPU. XLA works at several
operations at a time: each moment is shared out evenly among those at work. The
convolutions are named by layer and direction; a weight gradient includes the
shifting and laying out of its inputs.

Contents: Row, profile.
"""

import collections
import glob
import re
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import jax
import parts

# Size, channels in and out, of the peer's classifier and its last style layer.
_LAYERS = {
  'b32_conv1': (32, 32, 32),
  'conv1_1': (32, 3, 32),
  'conv1_2': (32, 32, 32),
  'conv2_1': (16, 32, 64),
  'conv2_2': (16, 64, 64),
  'conv3_1': (8, 64, 128),
}
_DIRECTIONS = ('forward', 'of input', 'of weights')
_REST = 'all else: norms, noise, ReLU, pooling'
_CALLS = 3


class Row(NamedTuple):
  """One operation of a program."""

  what: str
  seconds: float  # Per call.
  flops: float  # Per call; 0: not counted.


def profile(part: parts.Part, batch: int) -> list[Row]:
  """The operations of one call of a part, the convolutions first.

  Args:
    part: 'train' or 'attack'; it has run before.
    batch: examples.

  Raises:
    ValueError: the profiler saw no operations: this is not a CPU.
  """
  seconds, runs = _spans(_events(part))
  if not seconds:
    raise ValueError('--profile: no operations seen; it needs JAX on the CPU')
  names = dict(_operations(part.program))
  spent, counts = collections.Counter(), collections.Counter()
  for instruction, duration in seconds.items():
    what = names.get(instruction, _REST)
    spent[what] += duration / _CALLS
    if not what.endswith('of weights'):  # Those have many instructions.
      counts[what] += runs[instruction] / _CALLS
  order = [f'{n}, {d}' for n in _LAYERS for d in _DIRECTIONS] + [_REST]
  return [
    Row(what, spent[what], (counts[what] or 1) * _flops(what, batch))
    for what in order
    if what in spent
  ]


def _events(part) -> list[tuple[float, str]]:
  """Starts and ends of operations, (seconds, name), as they came."""
  options = jax.profiler.ProfileOptions()
  options.python_tracer_level = 0
  with tempfile.TemporaryDirectory() as folder:
    with jax.profiler.trace(folder, profiler_options=options):
      for _ in range(_CALLS):
        jax.block_until_ready(part.work())
    (path,) = glob.glob(f'{folder}/**/*.xplane.pb', recursive=True)
    planes = jax.profiler.ProfileData.from_file(path).planes
    return sorted(
      (event.start_ns / 1e9, event.name)
      for plane in planes
      for line in plane.lines
      if 'XLA' in line.name
      for event in line.events
    )


def _spans(events):
  """Seconds at work, and how often, by instruction; loops are left out."""
  names = {name for _, name in events}
  seconds, runs = collections.Counter(), collections.Counter()
  working, last = collections.Counter(), 0.0
  for time, event in events:
    name = event.removeprefix('end: ')
    if f'end: {name}' not in names or name.startswith(('while', 'call')):
      continue
    for other in +working:
      seconds[other] += working[other] * (time - last) / (+working).total()
    working[name] += 1 if event == name else -1
    runs[name] += event == name
    last = time
  return seconds, runs


def _operations(program: str) -> Iterator[tuple[str, str]]:
  """(instruction, what) of the convolutions of a compiled program."""
  pattern = r'%(\S+) = [^\n]*? ([\w-]+)\([^\n]*op_name="([^"]*)"'
  for name, kind, path in re.findall(pattern, program):
    layer, inside = _layer(path)
    backward = 'transpose(' in path
    if layer and backward and 'while/body' in inside:
      yield name, f'{layer}, of weights'
    elif layer and (kind in ('convolution', 'dot') or name.startswith('ynn')):
      yield name, f'{layer}, {"of input" if backward else "forward"}'


def _layer(path: str) -> tuple[str, str]:
  """Which of _LAYERS a path of modules is in, and the path from there."""
  for layer in _LAYERS:
    inside = path.rpartition(f'/{layer}/')[2]
    if inside != path and not inside.startswith('style/'):
      return layer, inside
  return '', ''


def _flops(what, batch):
  layer = what.partition(',')[0]
  if layer not in _LAYERS:
    return 0.0
  size, c, o = _LAYERS[layer]
  return 2.0 * batch * size * size * 9 * c * o
