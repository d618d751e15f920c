"""Records and progress of a run: JSON lines, TensorBoard, progress bar.

  with metrics.writer(workdir) as write:
    for step in metrics.progress(range(1000), description='train'):
      write(step, {'train/loss': loss})

Every record is one line of WORKDIR/metrics.jsonl, `{"step": 3, "train/loss":
0.1}`, and one point per name in WORKDIR/tensorboard. Tables and figures use
only metrics.jsonl. A resumed run first drops the lines after the step of its
checkpoint, so that no step is recorded twice.

Contents: WriteFn, writer, read, truncate, progress, batches.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import tqdm

from advmix_jax.runtime import files, hosts, preemption, untrusted

# (step, {name: number}) -> None
WriteFn = Callable[[int, Mapping[str, float]], None]

_FILE = 'metrics.jsonl'


@contextlib.contextmanager
def writer(
  workdir: str | os.PathLike, *, tensorboard: bool = True
) -> Iterator[WriteFn]:
  """Yields `write(step, values)`, which appends one record.

  Args:
    workdir: The run's folder; created if it doesn't exist.
    tensorboard: Whether to write TensorBoard's event files too.

  With several processes, only the first one writes.
  """
  if not hosts.is_first():
    yield lambda step, values: None
    return
  workdir = pathlib.Path(workdir)
  workdir.mkdir(parents=True, exist_ok=True)
  with files.naming(workdir / _FILE), contextlib.ExitStack() as stack:
    lines = stack.enter_context(open(workdir / _FILE, 'a', encoding='utf-8'))
    add_point = stack.enter_context(_points(workdir)) if tensorboard else None

    def write(step: int, values: Mapping[str, float]) -> None:
      values = {name: float(value) for name, value in values.items()}
      lines.write(json.dumps({'step': int(step), **values}) + '\n')
      lines.flush()
      if add_point is not None:
        for name, value in values.items():
          add_point(int(step), name, value)

    yield write


@contextlib.contextmanager
def _points(
  workdir: pathlib.Path,
) -> Iterator[Callable[[int, str, float], Any]]:
  """Yields (step, name, number) -> a point in a new file of TensorBoard.

  tensorboardX's SummaryWriter writes in a thread, which dies on a full disk and
  lets its `close` wait forever. Here the error reaches the caller.
  """
  # They import protobuf; only writers need it.
  from tensorboardX import event_file_writer, summary
  from tensorboardX.proto import event_pb2

  folder = workdir / 'tensorboard'
  folder.mkdir(exist_ok=True)
  # Its own names have whole seconds, in which a run may start twice.
  ending = f'.{time.time_ns()}'
  events = event_file_writer.EventsWriter(str(folder / 'events'), ending)

  started = False

  def add(step, name, value):
    nonlocal started
    if not started:  # Hides points of an earlier process from this step on.
      start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
      events.write_event(
        event_pb2.Event(step=step, wall_time=time.time(), session_log=start)
      )
      started = True
    point = summary.scalar(name, value)
    events.write_event(
      event_pb2.Event(step=step, wall_time=time.time(), summary=point)
    )

  with contextlib.closing(events):
    yield add


def read(workdir: str | os.PathLike) -> list[dict[str, Any]]:
  """Returns the records of a run; skips a line that a kill cut off.

  Raises:
    ValueError: A line is JSON, but no record.
  """
  path = pathlib.Path(workdir) / _FILE
  if not path.is_file():
    return []
  records = []
  with untrusted.reading(path, 'not the records of a run'):
    for line in path.read_text(encoding='utf-8').splitlines():
      with contextlib.suppress(json.JSONDecodeError):
        records.append(_record(line))
  return records


def _record(line):
  """The numbers that a line holds by their names, `step` among them."""
  record = untrusted.parse_json(line)
  for name in ('step', *record):
    if type(record.get(name)) not in (int, float):
      raise ValueError(f'{line[:80]!r} has no number {name}')
  return record


def truncate(workdir: str | os.PathLike, step: int) -> None:
  """Drops the records after `step`, from which a run resumes."""
  kept = [r for r in read(workdir) if r['step'] <= step]
  text = ''.join(json.dumps(r) + '\n' for r in kept)
  files.write_atomically(
    pathlib.Path(workdir) / _FILE, lambda f: f.write(text.encode())
  )


def progress(
  iterable: Iterable[Any] | None = None,
  *,
  description: str,
  total: int | None = None,
  initial: int = 0,
  unit: str = 'step',
) -> tqdm.tqdm:
  """Returns the project's progress bar: done, rate, and time left.

  Use it as an iterable, or as a context manager with `bar.update(n)`. It
  writes to stderr, twice a second on a terminal and otherwise every 15 seconds,
  so that log files stay short.

  Args:
    iterable: What to iterate over, or None for manual updates.
    description: Name of the stage, shown at the left.
    total: Number of units; needed if `iterable` has no length.
    initial: Units done before the run was resumed.
    unit: What is counted, e.g. 'step' or 'image'.
  """
  terminal = sys.stderr.isatty()
  return tqdm.tqdm(
    iterable,
    desc=description,
    total=total,
    initial=initial,
    unit=unit,
    dynamic_ncols=terminal,
    ncols=None if terminal else 79,
    disable=not hosts.is_first(),
    mininterval=0.5 if terminal else 15.0,
    maxinterval=10.0 if terminal else 60.0,
  )


def batches(
  count: int,
  size: int,
  *,
  description: str,
  unit: str = 'img',
  start: int = 0,
) -> Iterator[int]:
  """Yields the first index of each batch, with a progress bar; SIGTERM stops.

  Args:
    count: Number of units in all.
    size: Units in a batch; the last one may have fewer.
    description: As in `progress`.
    unit: As in `progress`.
    start: Units of the batches that are done, which don't count for the rate.
  """
  with progress(
    description=description, total=count, unit=unit, initial=start
  ) as bar:
    for first in range(start, count, size):
      preemption.check()
      yield first
      bar.update(min(size, count - first))
