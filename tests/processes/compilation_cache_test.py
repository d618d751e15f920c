"""Claims about kept programs: found again, in a folder of this machine."""

import pathlib
import platform
import stat

from processes import programs

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
    done = programs.run('-c', _PROGRAM, tmp_path / 'cache')
    assert done.returncode == 0, done.stderr
    folder, hits = done.stdout.split()
    return pathlib.Path(folder), int(hits)

  folder, first = run()
  kept = sorted(path.name for path in folder.iterdir())
  assert not first and kept and platform.node() in folder.name
  assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
  _, second = run()
  assert second
