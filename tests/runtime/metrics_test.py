"""Claims about runtime/metrics.py: records and progress of a run."""

import json

import numpy as np

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
