"""Compiles what tests of methods compile, in the fastest way.

They compare with closed forms to single precision, which it keeps.
"""

import pytest


@pytest.fixture(autouse=True)
def _compile_fast(compile_fast):
  del compile_fast
