"""Claims about runtime/cpu.py: no fresh pages, convolutions on all cores."""

import os
import platform

import pytest
from processes import programs

_PAGES = """
import resource
import jax, jax.numpy as jnp
from advmix_jax.runtime import cpu

assert cpu.keep_memory()
x = jnp.ones((4096, 4096))
run = jax.jit(lambda x: x + 1)  # Needs 64 MiB at each call.
for _ in range(5):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  run(x).block_until_ready()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
_CONVOLUTION = """
import jax, jax.numpy as jnp
from advmix_jax import ops
from advmix_jax.runtime import cpu

print(cpu.spread_convolutions())
x, w = jnp.ones((64, 32, 32, 32)), jnp.ones((3, 3, 32, 32))
run = jax.jit(lambda x, w: ops.conv2d(x, w))
print('ynn' in run.lower(x, w).compile().as_text())
"""


def _run(program, flags=''):
  """Words that a program prints which starts with these XLA_FLAGS alone."""
  done = programs.run(
    *('-c', program),
    JAX_PLATFORMS='cpu',
    JAX_ENABLE_COMPILATION_CACHE='false',
    XLA_FLAGS=flags,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout.split()


@pytest.mark.skipif(
  platform.libc_ver()[0] != 'glibc', reason='only glibc is told to keep memory'
)
def test_a_program_that_runs_again_meets_no_fresh_pages():
  # 64 MiB are 16,384 pages of 4 KiB, or 32 huge ones.
  assert int(_run(_PAGES)[0]) < 1000


def test_convolutions_are_left_to_all_cores_and_own_flags_are_respected():
  changed, on_one_core = _run(_CONVOLUTION)
  assert not (changed == 'True' and on_one_core == 'True')
  option = '--xla_cpu_experimental_ynn_fusion_type='
  if changed == 'True':
    assert _run(_CONVOLUTION, option)[0] == 'False'


@pytest.mark.skipif(
  not hasattr(os, 'sched_setaffinity'), reason='only Linux chooses cores'
)
def test_a_classifier_of_another_library_runs_on_one_core():
  # Without a second thread, the copy of its images waits for ever.
  program = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import advmix_jax as am
am.configure_cpu()
import numpy as np
from types import SimpleNamespace
from advmix_jax.evaluation import foreign, measures

def logits(images):
  return np.asarray(images).reshape(len(images), -1)[:, :10]

images = np.ones((100, 32, 32, 3), np.uint8)
adapted = foreign.adapt(logits, images[:1] / np.float32(255))
run = adapted.logits_fn
subject = SimpleNamespace(parallel='pmap', logits_fn=run, params={})
for _ in range(3):
  print(measures.predict(subject, images, batch_size=100).shape[0])
"""
  assert _run(program) == ['100'] * 3
