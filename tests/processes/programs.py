"""How tests start programs: the project's scripts, and code of a few lines.

  done = programs.run_script('train.py', '--config.seed=1')
  process = programs.start('-c', 'print(1)')

Contents: start, run, run_script.
"""

import os
import subprocess
import sys

from helpers import compiling, paths


def start(*arguments, cwd=paths.ROOT, **env):
  """Starts Python with these arguments; returns the Popen.

  Args:
    *arguments: of Python.
    cwd: the folder to start in.
    **env: variables beside those of this process.
  """
  path = [str(paths.ROOT), os.environ.get('PYTHONPATH', '')]
  flags = os.environ.get('XLA_FLAGS', '').replace(compiling.FAST, '')
  joined = os.pathsep.join(filter(None, path))
  env = {'PYTHONPATH': joined, 'XLA_FLAGS': flags} | env
  return subprocess.Popen(
    [sys.executable, *map(str, arguments)],
    cwd=cwd,
    env=os.environ | env,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def run(*arguments, timeout=300, **options):
  """Runs Python to its end; returns a CompletedProcess, whatever its exit code.

  Args:
    *arguments: of Python.
    timeout: seconds, after which the process is killed and the test fails.
    **options: of `start`.
  """
  process = start(*arguments, **options)
  try:
    out, error = process.communicate(timeout=timeout)
  except BaseException:
    process.kill()
    process.communicate()
    raise
  return subprocess.CompletedProcess(
    process.args, process.returncode, out, error
  )


def run_script(name, *arguments, **options):
  """Runs a script of experiments/ as `run` does."""
  return run(paths.EXPERIMENTS / name, *arguments, **options)
