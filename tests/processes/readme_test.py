"""The Python examples of README.md, and of docs/python.md after them, run.

As they are printed, in a new process.
"""

import re

from helpers import compiling, paths
from processes import programs

import advmix_jax

_ASSERTIONS = """
assert results['clean_accuracy'] == report.results['clean_accuracy']
assert errors.max() < 0.05  # Reconstructions, not noise.
assert images.shape == (10, 32, 32, 3)
assert found.x.shape == (10, 2, 32)
"""


def _examples():
  """The Python code blocks of README.md, then those of docs/python.md."""
  files = [paths.ROOT / name for name in ('README.md', 'docs/python.md')]
  text = '\n'.join(file.read_text(encoding='utf-8') for file in files)
  return re.findall(r'^```python\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def test_the_examples_run_and_print_what_they_promise(tmp_path):
  script = '\n'.join([*_examples(), _ASSERTIONS])
  # What they print doesn't depend on how they are compiled.
  done = programs.run('-c', script, cwd=tmp_path, XLA_FLAGS=compiling.FAST)
  assert done.returncode == 0, done.stderr
  clean, perturbed, fooled, own = done.stdout.splitlines()[1:]
  accuracy, low, high = map(float, re.findall(r'[\d.]+', clean))
  assert low <= accuracy <= high
  assert float(perturbed.split()[0]) <= accuracy
  assert 'gradients_alive' in perturbed and fooled.endswith('(10, 2, 32)')
  assert own == 'True []'  # Its latents are exact: all gates hold.


def test_the_examples_use_public_names_alone():
  used = {n for code in _examples() for n in re.findall(r'\bam\.(\w+)', code)}
  assert used and used <= set(advmix_jax.__all__)
  assert 'advmix_jax.' not in ''.join(_examples())


def test_public_names_are_sorted_and_there():
  names = advmix_jax.__all__
  assert names == sorted(names)
  assert all(hasattr(advmix_jax, name) for name in names)
