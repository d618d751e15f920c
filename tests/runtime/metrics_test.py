"""Claims about runtime/metrics.py: records and progress of a run."""

import json
import struct

import numpy as np
from tensorboardX.proto import event_pb2

from advmix_jax.runtime import metrics


def test_records_are_lines_that_survive_a_kill(tmp_path):
  with metrics.writer(tmp_path) as write:
    for step in (1, 2, 3):
      write(step, {'train/loss': np.float32(step / 2)})
  with open(tmp_path / 'metrics.jsonl', 'a') as f:
    f.write('{"step": 4, "train')  # The process died here.
  want = [{'step': s, 'train/loss': s / 2} for s in (1, 2, 3)]
  assert metrics.read(tmp_path) == want
  assert list((tmp_path / 'tensorboard').iterdir())
  metrics.truncate(tmp_path, 2)
  lines = (tmp_path / 'metrics.jsonl').read_text().splitlines()
  assert list(map(json.loads, lines)) == want[:2]


def test_progress_shows_rate_and_time_left(capsys):
  bar = metrics.progress(description='stage', total=200, initial=100)
  bar.start_t -= 10
  bar.update(50)
  text = str(bar)
  bar.close()
  assert text.startswith('stage:  75%') and '150/200' in text
  assert 'step/s' in text and '<' in text  # Elapsed < remaining.


def _events(folder):
  """What is in TensorBoard's files.

  A record there is its length (8 bytes), a checksum (4), an event, another (4).
  """
  events = []
  for path in sorted(folder.iterdir()):
    data, at = path.read_bytes(), 0
    while at < len(data):
      (size,) = struct.unpack_from('<Q', data, at)
      found = data[at + 12 : at + 12 + size]
      events.append(event_pb2.Event.FromString(found))
      at += 12 + size + 4
  return events


def _points(folder):
  """(step, name, number) of each point."""
  return [
    (event.step, value.tag, value.simple_value)
    for event in _events(folder)
    for value in event.summary.value
  ]


def test_both_kinds_of_record_hold_the_same_numbers(tmp_path):
  with metrics.writer(tmp_path / 'new') as write:
    write(3, {'a': 0.5, 'b': np.int32(2)})
    write(np.int32(4), {'a': 0.25})
  want = [(3, 'a', 0.5), (3, 'b', 2.0), (4, 'a', 0.25)]
  lines = metrics.read(tmp_path / 'new')
  assert want == [
    (line['step'], k, v)
    for line in lines
    for k, v in line.items()
    if k != 'step'
  ]
  assert _points(tmp_path / 'new' / 'tensorboard') == want


def test_points_of_a_killed_process_end_where_the_next_one_starts(tmp_path):
  """TensorBoard drops what is from the step of a START on, in older files."""
  for first in (0, 2):
    with metrics.writer(tmp_path) as write:
      write(first + 1, {'a': 1.0})
      write(first + 2, {'a': 1.0})
  started = [
    event.step
    for event in _events(tmp_path / 'tensorboard')
    if event.session_log.status == event_pb2.SessionLog.START
  ]
  assert started == [1, 3]


def test_without_tensorboard_there_are_lines_alone(tmp_path):
  with metrics.writer(tmp_path, tensorboard=False) as write:
    write(1, {'a': 1.0})
  assert [path.name for path in tmp_path.iterdir()] == ['metrics.jsonl']


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path):
  with metrics.writer(tmp_path, tensorboard=False) as write:
    write(1, {'a': 1.0})
    assert metrics.read(tmp_path) == [{'step': 1, 'a': 1.0}]


def test_a_resumed_run_appends_after_the_step_it_goes_on_from(tmp_path):
  for first in (0, 2):  # Killed after step 3, its last checkpoint being 2.
    metrics.truncate(tmp_path, first)
    with metrics.writer(tmp_path, tensorboard=False) as write:
      for step in range(first + 1, first + 4):
        write(step, {'first': first})
  found = [(r['step'], r['first']) for r in metrics.read(tmp_path)]
  assert found == [(1, 0), (2, 0), (3, 2), (4, 2), (5, 2)]


def test_a_run_without_records_has_none(tmp_path):
  assert metrics.read(tmp_path) == []


def test_only_the_first_process_writes(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(metrics.hosts, 'is_first', lambda: False)
  with metrics.writer(tmp_path / 'new') as write:
    write(1, {'a': 1.0})
  assert not (tmp_path / 'new').exists()
  assert list(metrics.progress(range(3), description='stage')) == [0, 1, 2]
  assert capsys.readouterr().err == ''


def test_batches_begin_where_the_last_one_ends_and_count_all_units(capsys):
  assert list(metrics.batches(7, 3, description='draw')) == [0, 3, 6]
  assert list(metrics.batches(0, 3, description='draw')) == []
  assert '7/7' in capsys.readouterr().err


def test_finished_batches_do_not_count_for_the_rate(capsys):
  done = metrics.batches(700, 1, description='draw', start=698)
  assert list(done) == [698, 699]
  shown = capsys.readouterr().err
  assert '698/700' in shown and '700/700' in shown
  assert list(metrics.batches(7, 3, description='draw', start=7)) == []
