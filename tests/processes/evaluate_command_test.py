"""The command advmix-evaluate: what it writes, and how it ends."""

import json
import shlex

import numpy as np
import pytest
from helpers import compiling, paths
from processes import programs

from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits

_MODEL = """
import jax.numpy as jnp

def logits(image):
  return image.mean(axis=(1, 2)) @ jnp.sin(jnp.arange(30.0).reshape(3, 10))

def broken(image):
  return image
"""


def _of_the_readme():
  """The flags of README's command, but for the generator's file."""
  text = (paths.ROOT / 'README.md').read_text().replace('\\\n', ' ')
  (line,) = (
    x for x in text.splitlines() if x.startswith('    advmix-evaluate')
  )
  _, *flags = shlex.split(line)
  flags.remove('--generator=generator.npz')
  return flags


def evaluate(folder, *flags):
  return programs.run(
    *('-m', 'advmix_jax.evaluation.command', '--generator=ideal', *flags),
    cwd=folder,
    XLA_FLAGS=compiling.FASTEST,
  )


@pytest.fixture(name='folder')
def fixture_folder(tmp_path):
  """A folder with a model, and digits in an .npz file without train images."""
  (tmp_path / 'my_model.py').write_text(_MODEL)
  digits = load_digits('embedded', 'test', limit=12)
  data = colored_mnist.make(digits, sigma=0.0, seed=0, biased=False)
  np.savez(tmp_path / 'cells.npz', test_image=data.image, test_label=data.label)
  return tmp_path


def test_it_writes_a_report_and_a_second_call_the_same_one(folder):
  small = ['--restarts=2', '--steps=1', '--batch_size=6']
  flags, out = _of_the_readme() + small, folder / 'runs' / 'cells'
  done = evaluate(folder, *flags)
  results = json.loads((out / 'report.json').read_text())
  assert done.returncode == (0 if results['valid'] else 3), done.stderr
  assert results['model'] == 'my_model:logits' and results['gradients']
  assert results['num_attacked'] == 12 and results['num_classes'] == 10
  assert results['perturbed_attack']['N_r'] == 2
  assert 'my_model:logits, seed 0' in done.stdout
  rows = (out / 'per_example.csv').read_text().splitlines()
  assert rows[0].endswith(',image,source')
  sources = {int(row.rpartition(',')[2]) for row in rows[1:]}
  assert sources == set(range(12)) and len(rows) == 13  # Of the .npz file.
  page = (out / 'report.html').read_bytes()
  assert b'The worst images' in page
  evaluate(folder, *flags)
  assert (out / 'report.html').read_bytes() == page


def test_a_failed_gate_is_exit_code_3(folder):
  """Logits that depend on the batch."""
  with open(folder / 'my_model.py', 'a') as file:
    file.write('\ndef shared(x):\n  return logits(x) - logits(x).mean(0)\n')
  done = evaluate(
    folder,
    *('--model=my_model:shared', '--data=colored_mnist', '--num_examples=8'),
    *('--noladder', '--restarts=1', '--steps=1', '--output=out'),
  )
  assert done.returncode == 3, done.stderr
  results = json.loads((folder / 'out' / 'report.json').read_text())
  assert 'logits_ignore_batch' in results['failed_gates']
  assert 'NOT VALID, gates failed: ' in done.stdout


@pytest.mark.parametrize(
  'flags, message',
  [
    ('--model=none:f', "No module named 'none'"),
    ('--data=cells.npz --output=cells.npz/x', 'cells.npz/x: Not a directory'),
    ('--data=cells.npz --unit=w_sd', "attack.unit is 'w_sd', expected one of"),
    ('--model=my_model:broken --data=cells.npz', 'returns shape (1, 32, 32'),
  ],
)
def test_bad_input_is_one_line(folder, flags, message):
  done = evaluate(folder, *flags.split())
  assert done.returncode == 1 and done.stderr.count('\n') == 1, done.stderr
  assert message in done.stderr
  assert not (folder / 'runs').exists()


def test_help_teaches(folder):
  text = evaluate(folder, '--help').stdout
  for part in ('module:function', 'labels.csv', '--num_examples', 'Exit code'):
    assert part in text
