"""Keeps compiled programs from one run to the next; off by default.

Compiling takes from seconds to a minute. JAX can keep compiled programs in a
folder and run them from there, **without checking them**. So only you should be
able to write to the folder; do not ship it or copy it between machines. Each
host, JAX version and processor has its own subfolder.

Contents: use.
"""

import hashlib
import os
import pathlib
import platform

import jax
import jaxlib


def use(folder: str) -> pathlib.Path:
  """Makes JAX keep its compiled programs below `folder`.

  Args:
    folder: Created if it doesn't exist.

  Returns:
    The subfolder of this host, JAX version and processor.

  Raises:
    OSError: A folder can't be created.
    ValueError: Other users own it or may write there.
  """
  root = pathlib.Path(os.path.expanduser(folder))
  path = root / _place()
  for each in (root, path):
    each.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = each.stat()
    if status.st_mode & 0o022:
      raise ValueError(
        f'{each}: others may write there, expected a folder of your own, since '
        'JAX runs its contents unchecked (chmod go-w)'
      )
    if status.st_uid != os.geteuid():
      raise ValueError(
        f'{each}: belongs to user {status.st_uid}, expected a folder of your '
        'own, since JAX runs its contents unchecked'
      )
  jax.config.update('jax_compilation_cache_dir', str(path))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
  return path


def _place() -> str:
  """Names the host, JAX version and processor that programs depend on."""
  try:
    processor = pathlib.Path('/proc/cpuinfo').read_text().split('\n\n')[0]
    lines = processor.splitlines()
    flags = [x for x in lines if x.startswith(('flags', 'Features'))]
  except OSError:
    flags = []
  key = repr((platform.machine(), platform.processor(), flags))
  key = hashlib.sha256(key.encode()).hexdigest()[:8]
  return f'{platform.node()}-jax{jax.__version__}-{jaxlib.__version__}-{key}'
