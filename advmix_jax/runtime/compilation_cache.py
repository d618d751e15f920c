"""Keeps compiled programs from one run to the next; off unless asked for.

Compiling takes from seconds to a minute. JAX can keep what it compiled in a
folder and run it from there: **code that is trusted as it is**, so the folder
should be your own, and it isn't shipped or copied between machines. Programs of
another host, JAX or processor get another folder below it.

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
    folder: made where it doesn't exist.

  Returns:
    The folder of this host, JAX and processor.

  Raises:
    OSError: It can't be made.
    ValueError: Others may write there.
  """
  root = pathlib.Path(os.path.expanduser(folder))
  path = root / _place()
  for each in (root, path):
    each.mkdir(parents=True, exist_ok=True, mode=0o700)
    if each.stat().st_mode & 0o022:
      raise ValueError(
        f'{each}: others may write there, expected a folder of your own, since '
        'what it holds is run as it is (chmod go-w)'
      )
  jax.config.update('jax_compilation_cache_dir', str(path))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
  return path


def _place() -> str:
  """Names what compiled programs depend on beside the program."""
  try:
    processor = pathlib.Path('/proc/cpuinfo').read_text().split('\n\n')[0]
    lines = processor.splitlines()
    flags = [x for x in lines if x.startswith(('flags', 'Features'))]
  except OSError:
    flags = []
  key = repr((platform.machine(), platform.processor(), flags))
  key = hashlib.sha256(key.encode()).hexdigest()[:8]
  return f'{platform.node()}-jax{jax.__version__}-{jaxlib.__version__}-{key}'
