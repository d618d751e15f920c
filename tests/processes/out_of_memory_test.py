"""Too little memory ends a program with one line and exit code 1."""

import pytest
from processes import programs

_SCRIPT = """
import jax, jax.numpy as jnp, numpy as np
from advmix_jax.runtime import cli
cli.run(lambda argv: {call})
"""


@pytest.mark.parametrize(
  'call',
  [
    'np.ones(2**50)',  # 8 PiB, more than any address space here.
    'jax.jit(lambda: jnp.ones((2**50,), jnp.int8))()',
  ],
)
def test_one_line_says_that_memory_is_short_and_what_may_help(tmp_path, call):
  path = tmp_path / 'greedy.py'
  path.write_text(_SCRIPT.format(call=call))
  done = programs.run(path)
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert line.startswith('greedy.py: error: out of memory (')
  assert 'a smaller batch_size or width needs less' in line
