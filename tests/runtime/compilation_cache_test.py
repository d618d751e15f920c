"""Claims about runtime/compilation_cache.py: no folder that others write."""

import os

import pytest

from advmix_jax.runtime import compilation_cache


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
  tmp_path.chmod(0o777)
  with pytest.raises(ValueError, match='others may write there'):
    compilation_cache.use(str(tmp_path))


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
  tmp_path.chmod(0o700)
  monkeypatch.setattr(os, 'geteuid', lambda: tmp_path.stat().st_uid + 1)
  with pytest.raises(ValueError, match='belongs to user .* of your own'):
    compilation_cache.use(str(tmp_path))
