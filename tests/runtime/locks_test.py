"""Claims about runtime/locks.py within one process."""

import pytest

from advmix_jax.runtime import locks


def test_an_error_inside_gives_the_folder_back(tmp_path):
  with pytest.raises(KeyError), locks.hold(tmp_path):
    raise KeyError
  assert not (tmp_path / 'lock.json').exists()
  with pytest.raises(KeyError), locks.hold(tmp_path / 'new'):
    raise KeyError
  assert not (tmp_path / 'new').exists()
  with locks.hold(tmp_path):
    pass
