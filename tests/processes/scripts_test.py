"""Bad input to the scripts other than train.py; see end_to_end_test.py."""

import pytest
from helpers import paths
from processes import programs


@pytest.mark.parametrize(
  'command, message',
  [
    ('compare_runs.py', '--first is missing'),
    ('compare_runs.py --first=nowhere', 'no such file, expected that of a run'),
    ('evaluate.py', '--workdir is missing'),
    ('evaluate.py --workdir=nowhere', 'nowhere: no run here'),
    ('measure_generator.py --generator=no.npz', 'no.npz: no such file'),
    ('demo.py --methods=nominal,foo', "method is 'foo'"),
    ('demo.py --seeds=0,x', "--seeds has 'x'"),
    (f'demo.py --workdir={__file__}', 'a file is where a folder should be'),
    ('measure_generator.py --generator=..', '..: is a folder, expected a file'),
    ('generate.py --cut=3', '--cut=3 does nothing without --mix_seeds'),
    ('train_judge.py --epochs=0', '--epochs=0: 0 is not a positive'),
    ('train_judge.py --config.seed=7', '--config.seed does nothing here'),
  ],
)
def test_scripts_end_bad_input_with_one_line(command, message, tmp_path):
  script, *arguments = command.split()
  result = programs.run_script(script, *arguments, cwd=tmp_path)
  assert result.returncode == 1 and not list(tmp_path.iterdir())
  assert message in result.stderr and result.stderr.count('\n') == 1


def test_a_reader_that_has_read_enough_gets_no_error():
  """`train.py --help | head`: the help is longer than what head reads."""
  process = programs.start(paths.EXPERIMENTS / 'train.py', '--help')
  process.stdout.close()
  assert process.stderr.read() == ''
  process.stderr.close()
  assert process.wait(timeout=60) in (1, 141)  # absl ends its help with 1.
