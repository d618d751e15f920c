"""Claims about runtime/hosts.py within one process."""

import pytest

from advmix_jax.runtime import hosts


def test_bad_addresses_are_one_line():
  with pytest.raises(ValueError, match='--num_processes=2 .* need'):
    hosts.initialize('', 2, 0)
  with pytest.raises(ValueError, match='--process_id is 2, expected 0 to 1'):
    hosts.initialize('localhost:1', 2, 2)
