"""The Python examples of README.md run as they are printed."""

import re

from helpers import paths

import advmix_jax


def _examples():
  """The Python code blocks of README.md, in their order."""
  text = (paths.ROOT / 'README.md').read_text(encoding='utf-8')
  return re.findall(r'^```python\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def test_the_examples_run_and_print_what_they_promise(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.chdir(tmp_path)
  names = {}
  for example in _examples():
    exec(example, names)
  printed = capsys.readouterr().out.splitlines()
  assert names['results']['clean_accuracy'] == float(
    re.search(r'^[\d.]+', printed[1])[0]
  )
  assert names['errors'].max() < 0.05  # Reconstructions, not noise.
  assert names['images'].shape == (10, 32, 32, 3)
  assert names['found'].x.shape == (10, 2, 32)


def test_the_examples_use_public_names_alone():
  used = {n for code in _examples() for n in re.findall(r'\bam\.(\w+)', code)}
  assert used and used <= set(advmix_jax.__all__)
  assert 'advmix_jax.' not in ''.join(_examples())


def test_public_names_are_sorted_and_there():
  names = advmix_jax.__all__
  assert names == sorted(names)
  assert all(hasattr(advmix_jax, name) for name in names)
