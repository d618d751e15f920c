"""Claims about runtime/parallel.py on one device."""

import pytest

from advmix_jax.runtime import parallel


def test_an_unknown_kind_lists_the_known_ones():
  with pytest.raises(ValueError, match=r"'tpu', expected .*'pmap', 'sharding'"):
    parallel.compile(lambda x: x, 'tpu', split=(True,), out_split=True)
