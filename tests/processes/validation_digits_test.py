"""Claims about experiments/assets/validation_digits.py, run as a user would."""

import numpy as np
from helpers import idx_files
from processes import programs

from advmix_jax.datasets import digits

_SCRIPT = 'assets/validation_digits.py'


def test_the_test_part_has_the_digits_after_the_training_part(tmp_path):
  source, made = tmp_path / 'mnist', tmp_path / 'made'
  source.mkdir()
  image, label = idx_files.write_folder(source, 'train', num=9)
  idx_files.write_folder(source, 'test')
  flags = (f'--data_dir={source}', f'--output={made}', '--num_train=5')
  done = programs.run_script(_SCRIPT, *flags, '--num_valid=3')
  assert done.returncode == 0, done.stderr
  for split, rows in (('train', slice(5)), ('test', slice(5, 8))):
    found = digits.load_digits('idx', split, data_dir=made)
    np.testing.assert_array_equal(found.image, image[rows])
    np.testing.assert_array_equal(found.label, label[rows])


def test_more_digits_than_there_are_or_a_full_folder_change_nothing(tmp_path):
  idx_files.write_folder(tmp_path, 'train', num=9)
  idx_files.write_folder(tmp_path, 'test')
  before = {p: p.read_bytes() for p in tmp_path.iterdir()}
  for output, message in (
    ('made', 'limit is 15000'),
    ('.', 'has digits already'),
  ):
    done = programs.run_script(
      _SCRIPT, f'--data_dir={tmp_path}', f'--output={tmp_path / output}'
    )
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert message in done.stderr
  assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
