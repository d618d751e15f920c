"""Command lines and run folders of a hostile user, as whole programs."""

import json

import pytest
from processes import programs

from advmix_jax import training
from advmix_jax.runtime import run_folder


@pytest.mark.parametrize(
  ('script', 'arguments', 'message'),
  [
    ('train.py', ['--config'], '--config is the last argument'),
    ('train.py', ['--config.seed=9223372036854775808'], 'seed is 92233720368'),
    ('train.py', ['--config.attack.eps=nan'], 'attack.eps is nan'),
    ('encode.py', ['--output=x.csv'], '.csv is of a file beside it'),
    ('encode.py', ['--output=/dev/null'], 'is not a regular file'),
    ('encode.py', ['--max_error=nan'], '--max_error is nan'),
    ('generate.py', ['--output=/dev/null'], 'is not a regular file'),
  ],
)
def test_a_bad_command_line_is_one_line(script, arguments, message, tmp_path):
  if script == 'train.py':
    arguments = [*arguments[::-1], f'--workdir={tmp_path / "run"}'][::-1]
  done = programs.run_script(script, *arguments)
  assert done.returncode == 1
  assert done.stderr.count('\n') == 1 and message in done.stderr
  assert not list(tmp_path.iterdir())


def test_a_field_of_a_config_never_becomes_a_path(tmp_path):
  run = tmp_path / 'run'
  run.mkdir()
  config = run_folder.plain(training.default_config())
  for field in ('typical_set', 'gradient_at'):
    hostile = json.loads(json.dumps(config))
    hostile['eval']['attack'][field] = '/../../../x'
    (run / 'config.json').write_text(json.dumps(hostile))
    done = programs.run_script('evaluate.py', f'--workdir={run}')
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert f"attack.{field} is '/../../../x', expected" in done.stderr
  assert [path.name for path in tmp_path.rglob('*')] == ['run', 'config.json']
