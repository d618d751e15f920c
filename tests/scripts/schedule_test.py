"""Claims about experiments/schedule.py that need no process."""

import importlib
import os

import pytest
from helpers import paths, tiny_sweep

from advmix_jax.report import records


@pytest.fixture
def work(monkeypatch, tmp_path):
  """The tiny table's work, of which nothing is done."""
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  plan = importlib.import_module('plan')
  schedule = importlib.import_module('schedule')
  runs = plan.expand(tiny_sweep.ITEMS, ['table_tiny'], 'quick')
  return schedule.Work(runs, tmp_path / 'runs', 'quick', tmp_path / 'r.jsonl')


@pytest.fixture
def schedule(work):
  return importlib.import_module('schedule')


def of_kind(work, kind):
  return [run for run in work.runs.values() if run.kind == kind]


def finish(work, run, *, recorded=True, output=True):
  """Makes a run look done."""
  if output:
    work.folder(run.key).mkdir(parents=True, exist_ok=True)
    (work.folder(run.key) / run.output).write_text('{}')
  if recorded:
    records.add(work.records, {'key': run.key, 'cells': []})


def test_all_is_missing_at_first_and_needs_come_first(work, schedule):
  assert schedule.missing(work, list(work.runs)) == list(work.runs)


def test_a_fresh_clone_with_all_records_has_nothing_to_do(work, schedule):
  for run in work.runs.values():
    finish(work, run, output=False)
  assert not schedule.missing(work, list(work.runs))


def test_what_is_wanted_again_is_done_with_what_it_needs(work, schedule):
  *_, last = work.runs.values()
  for run in work.runs.values():
    finish(work, run, output=run is not last)
  keys = list(work.runs)
  assert not schedule.missing(work, keys)
  assert schedule.missing(work, keys, again=[last.key]) == [last.key]


def test_what_a_missing_run_needs_is_done_again_where_its_output_is_gone(
  work, schedule
):
  *_, last = work.runs.values()
  for run in work.runs.values():
    if run is not last:
      finish(work, run, output=run.kind != 'start')
  (start,) = of_kind(work, 'start')
  assert schedule.missing(work, list(work.runs)) == [start.key, last.key]


def test_commands_name_the_files_that_runs_need(work, schedule):
  (start,), (latents,) = of_kind(work, 'start'), of_kind(work, 'latents')
  generator = work.folder(start.key) / 'generator.npz'
  command = schedule.command(work, latents)
  assert f'--config.generator.path={generator}' in command
  assert f'--output={work.folder(latents.key) / "latents.npz"}' in command
  nominal, *_, randmix = of_kind(work, 'classifier')
  command = schedule.command(work, randmix)
  path = work.folder(latents.key) / 'latents.npz'
  assert f'--config.encoder.path={path}' in command
  assert '--config.method=randmix' in command and '--config.seed=1' in command
  assert not any('encoder.path' in w for w in schedule.command(work, nominal))


def test_a_process_writes_its_output_itself(work, schedule):
  # Its lock ends with it: what the parent wrote would come too late for others.
  for kind in ('latents', 'measure'):
    (run,) = of_kind(work, kind)
    output = f'--output={work.folder(run.key) / run.output}'
    assert output in schedule.command(work, run)


def test_what_another_call_has_done_is_recorded_and_not_done_again(
  work, schedule, monkeypatch
):
  (run,) = of_kind(work, 'measure')
  finish(work, run, recorded=False)
  path = work.folder(run.key) / run.output
  path.write_text('{"train": [0.5], "command": "python a.py"}')
  monkeypatch.setattr(schedule.subprocess, 'Popen', None)
  monkeypatch.setattr(schedule, '_POLL', 0)
  assert schedule.run(work, [run.key], say=str) == {}
  record = records.read(work.records)[run.key]
  assert record['results'] == {'train': [0.5]}
  output = f'--output=runs/reproduce/{run.key}/results.json'
  assert output in record['command']


def test_the_time_of_a_run_that_went_on_alone_is_counted(work, schedule):
  run = of_kind(work, 'latents')[0]
  finish(work, run, recorded=False)
  folder = work.folder(run.key)
  (folder / 'seconds.txt').write_text('10.0')
  os.utime(folder / 'seconds.txt', (1000, 1000))
  os.utime(folder / run.output, (1005, 1005))
  assert schedule._seconds_until(folder, run.output) == 15
  os.utime(folder / 'seconds.txt', (2000, 2000))  # Noted after its end.
  assert schedule._seconds_until(folder, run.output) == 10


def test_a_run_has_a_time_before_its_process_begins(
  work, schedule, monkeypatch
):
  run = of_kind(work, 'generator')[0]
  folder = work.folder(run.key)

  def killed(*_, **__):  # The call may end here, and the process go on alone.
    assert (folder / 'seconds.txt').read_text() == '7.0'
    raise InterruptedError

  monkeypatch.setattr(schedule.subprocess, 'Popen', killed)
  folder.mkdir(parents=True)
  (folder / 'seconds.txt').write_text('7.0')
  os.utime(folder / 'seconds.txt', (1000, 1000))
  with schedule._lock(folder) as lock, pytest.raises(InterruptedError):
    schedule._start(work, run, lock)
  assert (folder / 'seconds.txt').stat().st_mtime > 1000


def test_a_folder_has_one_process_at_a_time(work, schedule, tmp_path):
  first = schedule._lock(tmp_path)
  assert schedule._lock(tmp_path) is None
  first.close()
  schedule._lock(tmp_path).close()


def test_a_failure_stops_only_the_runs_that_need_it(
  work, schedule, monkeypatch
):
  def start(work, run, lock):
    if run.kind == 'start':
      raise RuntimeError('started a run whose need failed')
    finish(work, run, recorded=False, output=run.kind != 'generator')
    return run

  monkeypatch.setattr(schedule, '_POLL', 0)
  for name in ('_note', '_stop'):
    monkeypatch.setattr(schedule, name, lambda *_: None)
  # A run stands for its process here: done at once.
  monkeypatch.setattr(schedule, '_ended_keys', list)
  monkeypatch.setattr(
    schedule,
    '_finish',
    lambda work, run: 'broken' if run.kind == 'generator' else '',
  )
  monkeypatch.setattr(schedule, '_start', start)
  monkeypatch.setattr(schedule, '_took', lambda job: 1.0)
  lines = []
  failed = schedule.run(work, list(work.runs), say=lines.append)
  kinds = [work.runs[key].kind for key in failed]
  # Both seeds of RandMix; nominal needs no generator.
  assert sorted(kinds) == sorted(
    ['generator', 'start', 'latents', 'measure', 'classifier', 'classifier']
  )
  assert any('failed, broken' in line for line in lines)


def test_runs_of_faces_are_told_their_folder_and_to_attack(
  work, schedule, monkeypatch, tmp_path
):
  plan = importlib.import_module('plan')
  data = tmp_path / 'data'
  data.mkdir()
  (data / 'face_generator.npz').write_bytes(b'weights')
  monkeypatch.setattr(schedule.shipped, 'DATA', data)
  monkeypatch.setattr(plan, '_shipped_hash', lambda name='': 'abc')
  sweeps = plan.load(paths.EXPERIMENTS / 'sweeps.py')
  runs = plan.expand(sweeps.ITEMS, ['table_3'], 'quick')
  work = work._replace(runs=runs, data_dirs={'celeba': '/faces'})
  (start,), (latents,) = of_kind(work, 'start'), of_kind(work, 'latents')
  classifier = of_kind(work, 'classifier')[0]
  for run in (start, latents, classifier):
    words = schedule.command(work, run)
    name = {'start': 'encoder_celeba'}.get(run.kind, 'celeba')
    assert any(w.endswith(f'/configs/{name}.py') for w in words)
    assert '--config.data.data_dir=/faces' in words
    assert ('--attack' in words) == (run is classifier)
  assert '--split=train,test' in schedule.command(work, latents)
  generator = work.folder(start.key) / 'generator.npz'
  assert f'--config.generator.path={generator}' in schedule.command(
    work, classifier
  )
  schedule._prepare(work, start)
  assert generator.read_bytes() == b'weights'
