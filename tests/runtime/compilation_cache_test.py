"""Claims about kept programs: found again, in a folder of this machine."""

import os
import pathlib
import platform
import stat
import subprocess
import sys

import pytest

from advmix_jax.runtime import compilation_cache

_PROGRAM = """
import sys
import jax, jax.numpy as jnp
from advmix_jax.runtime import compilation_cache

print(compilation_cache.use(sys.argv[1]))
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
hits = []
jax.monitoring.register_event_listener(
  lambda name, **_: hits.append(name.endswith('cache_hits'))
)
jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((7, 7))).block_until_ready()
print(sum(hits))
"""


def test_a_second_process_compiles_nothing_again(tmp_path):
  def run():
    done = subprocess.run(
      [sys.executable, '-c', _PROGRAM, str(tmp_path / 'cache')],
      capture_output=True,
      text=True,
      check=True,
      env=os.environ | {'PYTHONPATH': ':'.join(sys.path)},
    )
    folder, hits = done.stdout.split()
    return pathlib.Path(folder), int(hits)

  folder, first = run()
  kept = sorted(path.name for path in folder.iterdir())
  assert not first and kept and platform.node() in folder.name
  assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
  _, second = run()
  assert second


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
  tmp_path.chmod(0o777)
  with pytest.raises(ValueError, match='others may write there'):
    compilation_cache.use(str(tmp_path))
