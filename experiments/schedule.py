"""Runs the runs of a plan in processes of their own, several at once.

  work = schedule.Work(runs, root, scale, records_path, data_dirs, jobs)
  failures = schedule.run(work, keys)

Each run has a folder ROOT/<key>, with log.txt beside its outputs. Its process
holds a lock on the folder until it ends. So a run that a killed call left
behind goes on, and the next call waits for it; and two calls on one machine
never do the same run twice, because the process itself writes the output. A run
is recorded when its output exists and its process has ended well.

Contents: Work, missing, command, run.
"""

import fcntl
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from plan import HERE, Run, with_needs

from advmix_jax.report import records
from advmix_jax.report.results import duration
from advmix_jax.runtime import (
  files,
  preemption,
  run_folder,
  shipped,
  untrusted,
)

_SECONDS = 'seconds.txt'
_COMMIT = 'commit.txt'  # Of the code that its last process began with.
_POLL = 0.2  # Seconds between looks at the processes.
_NOTE = 10.0  # Seconds between notes of the time that a run has taken.
_STOP = 7.0  # Seconds that a stopped process has to save what it has.


class Work(NamedTuple):
  """What the scheduler works with."""

  runs: Mapping[str, Run]
  root: pathlib.Path  # Folder of the runs' folders.
  scale: str
  records: pathlib.Path  # File of records.
  data_dirs: Mapping[str, str] = {}  # {data.source: folder}
  jobs: int = 1

  def folder(self, key: str) -> pathlib.Path:
    """The folder of a run."""
    return self.root / key

  def done(self, key: str) -> bool:
    """Whether the output of a run lies in its folder."""
    return (self.folder(key) / self.runs[key].output).exists()


def missing(
  work: Work, keys: list[str], *, again: Collection[str] = ()
) -> list[str]:
  """Which runs are to do, needs first.

  Those without a record, and those that they need and whose output isn't in its
  folder: records travel with the project, outputs don't. And those of `again`,
  whose output is wanted.
  """
  recorded = records.read(work.records)
  wanted = [key for key in keys if key not in recorded or key in again]
  return [
    key
    for key in with_needs(work.runs, wanted)
    if key in wanted or not work.done(key)
  ]


def command(work: Work, run: Run) -> list[str]:
  """The command line of a run, from its script on."""
  folder = work.folder(run.key)
  words = [str(HERE / run.script)]
  if run.config_name:
    words.append(f'--config={HERE / "configs" / run.config_name}.py')
  if run.kind in ('measure', 'figure'):
    words += [f'--{name}={value}' for name, value in run.options.items()]
  else:
    words += [f'--config.{name}={v}' for name, v in run.options.items()]
    words.append(f'--compilation_cache={work.root / "compiled"}')
  if folder_of_data := work.data_dirs.get(run.config.get('data.source')):
    words.append(f'--config.data.data_dir={folder_of_data}')
  words += [f'--{n}' for n in ('recolour', 'attack') if run.config.get(n)]
  return words + _paths(work, run, folder)


def _paths(work: Work, run: Run, folder: pathlib.Path) -> list[str]:
  """The flags that name files."""
  kinds = ('start', 'generator')  # The folder of a start holds both.
  source = next((run.needs[k] for k in kinds if k in run.needs), '')
  generator = work.folder(source) / 'generator.npz'
  if run.kind == 'generator':
    return [f'--workdir={folder}']
  if run.kind == 'start':
    copy = folder / 'generator.npz'
    return [
      f'--generator={copy}',
      f'--output_dir={folder}',
      f'--workdir={folder / "training"}',
    ]
  if run.kind == 'figure':
    return [f'--output_dir={folder}']
  if run.kind == 'measure':
    words = [f'--generator={generator}'] if source else []
    return [*words, f'--output={folder / run.output}']
  words = [f'--config.generator.path={generator}'] if source else []
  if run.kind == 'latents':
    split = run.config.get('split', 'train')
    return [*words, f'--split={split}', f'--output={folder / run.output}']
  if source:
    latents = work.folder(run.needs['latents']) / 'latents.npz'
    words.append(f'--config.encoder.path={latents}')
  return [*words, f'--workdir={folder}']


def _prepare(work: Work, run: Run) -> None:
  """Gives a learned start its generator: they belong in one folder."""
  if run.kind == 'start':
    # Below DATA, or an absolute path, from which pathlib begins anew.
    given = shipped.DATA / run.given
    trained = work.folder(run.needs.get('generator', '')) / 'generator.npz'
    source = given if run.given else trained
    copy = work.folder(run.key) / 'generator.npz'
    files.write_bytes(copy, source.read_bytes())


class _Process(NamedTuple):
  """A run at work."""

  run: Run
  folder: pathlib.Path
  process: subprocess.Popen
  began: float
  earlier: float  # Seconds of earlier processes on this run.
  log_from: int  # Where its part of log.txt begins.


def _lock(folder: pathlib.Path):
  """The run's locked file; None if another process holds it."""
  folder.mkdir(parents=True, exist_ok=True)
  handle = open(folder / 'running.lock', 'w')  # noqa: SIM115
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    handle.close()
    return None
  return handle


def _start(work: Work, run: Run, lock) -> _Process:
  """Starts the process of a run, which inherits the lock."""
  folder = work.folder(run.key)
  _prepare(work, run)
  # Before the process: its time is known even if this call is killed at once.
  earlier = _seconds(folder)
  files.write_text(folder / _SECONDS, f'{earlier:.1f}')
  files.write_text(folder / _COMMIT, run_folder.commit())
  path = [str(HERE.parent), os.environ.get('PYTHONPATH', '')]
  env = {'PYTHONPATH': os.pathsep.join(filter(None, path))}
  with open(folder / 'log.txt', 'ab') as log:
    log_from = log.tell()
    process = subprocess.Popen(
      [sys.executable, *command(work, run)],
      stdin=subprocess.DEVNULL,
      stdout=log,
      stderr=log,
      pass_fds=[lock.fileno()],
      env=os.environ | env,
    )
  return _Process(run, folder, process, time.monotonic(), earlier, log_from)


def _commit(folder: pathlib.Path) -> str:
  """What `_start` wrote; 'unknown' of a folder that an older version made."""
  path = folder / _COMMIT
  return path.read_text() if path.exists() else 'unknown'


def _seconds(folder: pathlib.Path) -> float:
  """What `_note` wrote."""
  path = folder / _SECONDS
  return float(path.read_text()) if path.exists() else 0.0


def _seconds_until(folder: pathlib.Path, output: str) -> float:
  """The time a run took, also where its process outlived the call."""
  note = folder / _SECONDS
  if not note.exists():
    return 0.0
  alone = (folder / output).stat().st_mtime - note.stat().st_mtime
  return _seconds(folder) + max(alone, 0.0)


def _took(job: _Process) -> float:
  """Seconds since its process began."""
  return time.monotonic() - job.began


def _ended_keys(jobs: Mapping[str, _Process]) -> list[str]:
  return [k for k, j in jobs.items() if j.process.poll() is not None]


def _note(job: _Process) -> None:
  """Writes down the time that a run has taken, with earlier processes."""
  total = job.earlier + _took(job)
  files.write_text(job.folder / _SECONDS, f'{total:.1f}')


def _stop(jobs: Iterable[_Process]) -> None:
  """Ends processes, which save what they can."""
  jobs = list(jobs)
  for job in jobs:
    job.process.terminate()
  deadline = time.monotonic() + _STOP
  for job in jobs:
    try:
      job.process.wait(max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
      job.process.kill()
      job.process.wait()
    _note(job)


def _last_line(job: _Process) -> str:
  """The last line of its part of the log, usually the error."""
  with open(job.folder / 'log.txt', 'rb') as log:
    log.seek(job.log_from)
    text = log.read().decode(errors='replace').replace('\r', '\n')
  lines = [line.strip() for line in text.split('\n') if line.strip()]
  return lines[-1] if lines else 'no message'


def _results(work: Work, run: Run) -> dict[str, Any]:
  """What a record says about the output of a run."""
  path = work.folder(run.key) / run.output
  if path.suffix == '.json':
    results = untrusted.read_json(path, 'not the results of a run')
    results.pop('command', None)  # The record's own names no folder.
    return results
  return {'sha256': files.file_hash(path)}


def _record(work: Work, run: Run) -> None:
  """Adds the record of a finished run."""
  words = command(work, run)
  root = f'{work.root}{os.sep}'
  record = {
    'key': run.key,
    'kind': run.kind,
    'scale': work.scale,
    'cells': [list(cell) for cell in run.cells],
    'seed': run.seed,
    'needs': run.needs,
    'config': run.config,
    'command': [
      word.replace(str(HERE), 'experiments').replace(root, 'runs/reproduce/')
      for word in words
      if not word.startswith('--config.data.data_dir=')
    ],
    'commit': _commit(work.folder(run.key)),
    'seconds': round(_seconds_until(work.folder(run.key), run.output), 1),
    'jobs': work.jobs,
    'cores': os.cpu_count(),
    'results': _results(work, run),
  }
  records.add(work.records, record)


def _finish(work: Work, job: _Process) -> str:
  """Records a run whose process has ended; returns the error, or ''."""
  _note(job)
  code = job.process.returncode
  if code == 0 and work.done(job.run.key):
    _record(work, job.run)
    return ''
  log = job.folder / 'log.txt'
  return f'exit code {code}: {_last_line(job)} (log: {log})'


class _Progress(NamedTuple):
  """What has been done in this call, for the lines that tell it."""

  work: Work
  keys: list[str]
  say: Callable[[str], Any]
  took: dict[str, float]  # Seconds of each run that has ended.
  waits: set[str]  # Runs that another process is doing.


def _line(progress: _Progress, key: str, text: str) -> None:
  number = progress.keys.index(key) + 1
  name = progress.work.runs[key].name()
  progress.say(f'[{number}/{len(progress.keys)}] {name}: {text}')


def _left(progress: _Progress) -> float:
  """Seconds until all is done: estimates, corrected by what runs took."""
  estimate = {k: progress.work.runs[k].seconds for k in progress.keys}
  ended = sum(estimate[k] for k in progress.took)
  # The first minutes of estimates count as true, so that one run says little.
  speed = (sum(progress.took.values()) + 120) / (ended + 120)
  left = sum(estimate.values()) - ended
  return left * speed / max(1, progress.work.jobs)


def _ended(progress: _Progress, key: str, seconds: float, error: str) -> None:
  progress.took[key] = seconds
  state = f'failed, {error}' if error else f'done in {duration(seconds)}'
  _line(progress, key, f'{state}; about {duration(_left(progress))} left')


def _begin(
  progress: _Progress,
  pending: list[str],
  jobs: dict[str, _Process],
  failed: dict[str, str],
) -> None:
  """Starts runs whose needs are met, as many as there is room for."""
  work = progress.work
  for key in list(pending):
    run = work.runs[key]
    needs = run.needs.values()
    if any(need in failed for need in needs):
      pending.remove(key)
      failed[key] = 'needs a run that failed'
      _ended(progress, key, 0, failed[key])
    if len(jobs) >= work.jobs or key in failed:
      continue
    if any(need in pending or need in jobs for need in needs):
      continue
    if (lock := _lock(work.folder(key))) is None:
      if key not in progress.waits:
        _line(progress, key, 'waits for another process that does it')
      progress.waits.add(key)
      continue
    pending.remove(key)
    with lock:  # The process goes on holding it.
      if work.done(key):
        _record(work, run)
        _ended(progress, key, 0, '')
      else:
        _line(progress, key, f'starts, about {duration(run.seconds)}')
        jobs[key] = _start(work, run, lock)


def run(work: Work, keys: list[str], say=print) -> dict[str, str]:
  """Does runs and records them; a failure stops only those that need it.

  Args:
    work: What to work with.
    keys: From `missing`, needs first.
    say: Prints a line of progress.

  Returns:
    {key: error} of the runs that failed or need one that did.
  """
  pending, failed = list(keys), {}
  jobs: dict[str, _Process] = {}
  progress = _Progress(work, keys, say, {}, set())
  noted = time.monotonic()
  try:
    while pending or jobs:
      _begin(progress, pending, jobs, failed)
      preemption.check()
      time.sleep(_POLL)
      if time.monotonic() > noted + _NOTE:
        noted = time.monotonic()
        for job in jobs.values():
          _note(job)
      for key in _ended_keys(jobs):
        error = _finish(work, job := jobs.pop(key))
        if error:
          failed[key] = error
        _ended(progress, key, _took(job), error)
  finally:
    _stop(jobs.values())
  return failed
