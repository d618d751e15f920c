"""Claims about experiments/assets/bundle_digits.py, run as a user would."""

import numpy as np
from helpers import idx_files
from processes import programs

from advmix_jax.datasets import digits

_SCRIPT = 'assets/bundle_digits.py'


def test_bundle_digits_writes_a_file_that_embedded_reads(tmp_path, monkeypatch):
  idx_files.write_folder(tmp_path, 'test')
  image, label = idx_files.write_folder(tmp_path, 'train', num=9)
  output = tmp_path / 'made.npz'
  flags = (f'--data_dir={tmp_path}', f'--output={output}', '--num_test=7')
  done = programs.run_script(_SCRIPT, *flags, '--num_train=5')
  assert done.returncode == 0, done.stderr
  monkeypatch.setattr(digits, 'EMBEDDED_PATH', output)
  train = digits.load_digits('embedded', 'train')
  np.testing.assert_array_equal(train.image, image[:5])
  np.testing.assert_array_equal(train.label, label[:5])
  before = output.read_bytes()
  done = programs.run_script(_SCRIPT, *flags, '--num_train=10')  # Of nine.
  assert done.returncode == 1 and done.stderr.count('\n') == 1
  assert 'limit is 10' in done.stderr and output.read_bytes() == before
