"""Settings of all tests: the scripts' own, and repeatable draws of hypothesis.

For fresh ones: pytest --hypothesis-profile=default

What one test compiles, others find, also those in other processes: in a folder
that lasts as long as they do.
"""

import functools
import gc
import os
import shutil
import tempfile

import hypothesis
import jax
import pytest
from helpers import compiling

from advmix_jax.runtime import cpu

_CACHE = 'JAX_COMPILATION_CACHE_DIR'

_FLAGS = os.environ.get('XLA_FLAGS', '')
if 'xla_backend_optimization_level' not in _FLAGS:
  os.environ['XLA_FLAGS'] = f'{_FLAGS} {compiling.FAST}'.lstrip()
cpu.configure()

hypothesis.settings.register_profile(
  'repeatable', derandomize=True, deadline=None
)
hypothesis.settings.load_profile('repeatable')


def pytest_configure(config):
  """Makes the folder; the workers of pytest-xdist inherit its name."""
  if _CACHE not in os.environ:
    folder = tempfile.mkdtemp(prefix='advmix_jax_tests_')
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ[_CACHE] = folder
    os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'


def pytest_collection_finish():
  """Spares the garbage collector what imports made: a twentieth of the time."""
  gc.freeze()


@pytest.fixture
def compile_fast(monkeypatch):
  """For steps that are compared with each other: they may be slow."""
  fast = functools.partial(jax.jit, compiler_options=compiling.LEVEL_0)
  monkeypatch.setattr(jax, 'jit', fast)
