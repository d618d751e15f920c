"""Claim about memory: a program that runs again meets no fresh pages."""

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
import jax, jax.numpy as jnp
from advmix_jax import allocator

if sys.argv[1] == 'keep':
  assert allocator.keep_memory()
x = jnp.ones((4096, 4096))
run = jax.jit(lambda x: x + 1)  # Needs 64 MiB at each call.
for _ in range(5):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  run(x).block_until_ready()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how):
  done = subprocess.run(
    [sys.executable, '-c', _PROGRAM, how],
    capture_output=True,
    text=True,
    check=True,
    env={'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': ':'.join(sys.path)},
  )
  return int(done.stdout)


@pytest.mark.skipif(
  platform.libc_ver()[0] != 'glibc', reason='only glibc is told to keep memory'
)
def test_a_program_that_runs_again_meets_no_fresh_pages():
  # 64 MiB are 16,384 pages of 4 KiB, or 32 huge ones.
  assert _faults('keep') < 1000
