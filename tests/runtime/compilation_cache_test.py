"""Claims about runtime/compilation_cache.py: no folder that others write."""

import pytest

from advmix_jax.runtime import compilation_cache


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
  tmp_path.chmod(0o777)
  with pytest.raises(ValueError, match='others may write there'):
    compilation_cache.use(str(tmp_path))
