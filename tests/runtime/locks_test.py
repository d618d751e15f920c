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


def test_a_lock_of_a_file_that_is_gone_is_taken_anew(tmp_path, monkeypatch):
  """Its last owner removed the folder between our open and our lock."""
  folder, calls = tmp_path / 'new', []
  acquire = locks.filelock.FileLock.acquire

  def late(lock, *arguments, **options):
    found = acquire(lock, *arguments, **options)
    calls.append(lock)
    if len(calls) == 1:
      (folder / 'lock').unlink()
      folder.rmdir()
    return found

  monkeypatch.setattr(locks.filelock.FileLock, 'acquire', late)
  with locks.hold(folder):
    assert len(calls) == 2 and (folder / 'lock').exists()
    with pytest.raises(ValueError, match='in use by'), locks.hold(folder):
      pass
