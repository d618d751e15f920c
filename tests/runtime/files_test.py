"""Claims about advmix_jax/runtime/files.py."""

import hashlib
import json
import os
import pathlib

import chex
import jax
import numpy as np
import pytest

from advmix_jax.runtime import files

METADATA = {'config': {'width': 16, 'names': ['a', 'b']}, 'note': 'é'}


def _params():
  return {
    'mapping': {'w': np.arange(6, dtype=np.float32).reshape(2, 3)},
    'vgg/conv': {'w': np.ones((2, 2), np.float16), 'b': np.zeros(0, np.int8)},
    'scalar': np.float64(0.1),
    'deep': {'er': {'still': np.array([True, False])}},
  }


def test_npz_gives_back_every_array_bit_and_the_metadata(tmp_path):
  path = tmp_path / 'new' / 'a.npz'
  files.save_npz(path, _params(), METADATA)
  params, metadata = files.load_npz(path)
  chex.assert_trees_all_equal(params, _params())
  chex.assert_trees_all_equal_dtypes(
    params, jax.tree.map(np.asarray, _params())
  )
  assert metadata == METADATA


def test_npz_holds_no_pickle_and_readable_names(tmp_path):
  files.save_npz(tmp_path / 'a.npz', _params(), METADATA)
  with np.load(tmp_path / 'a.npz', allow_pickle=False) as f:
    assert {'mapping/w', 'vgg/conv/w', 'deep/er/still'} < set(f.files)
    assert all(f[name].dtype != object for name in f.files)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
  path = tmp_path / 'a.npz'
  files.save_npz(path, {'a': np.ones(3)}, {})
  before = path.read_bytes()

  def broken(file):
    file.write(b'half')
    raise RuntimeError('disk full')

  with pytest.raises(RuntimeError):
    files.write_atomically(path, broken)
  assert path.read_bytes() == before
  assert os.listdir(tmp_path) == ['a.npz']


def test_a_failed_write_leaves_no_new_folder(tmp_path):
  def broken(file):
    raise RuntimeError('disk full')

  with pytest.raises(RuntimeError):
    files.write_atomically(tmp_path / 'a' / 'b' / 'c.npz', broken)
  assert os.listdir(tmp_path) == []


def test_what_killed_processes_left_is_removed(tmp_path):
  gone = 2**30  # No process has such a number.
  here = files._host()
  names = [f'.a.npz.{here}.{n}.ab.tmp' for n in (gone, os.getpid())]
  others = [f'.b.npz.{here}.{gone}.ab.tmp', f'.a.npz.{here}.1.ab.tmp']
  for name in (*names, *others):
    (tmp_path / name).write_text('half')
  files.write_bytes(tmp_path / 'a.npz', b'whole')
  assert sorted(os.listdir(tmp_path)) == sorted(['a.npz', *others])


@pytest.mark.parametrize('differs', ['name', 'processes'])
def test_machines_that_share_a_folder_keep_each_others_files(
  tmp_path, monkeypatch, differs
):
  """All have the same number, as the first process of a container has."""

  def elsewhere(file):
    """Another machine writes the same file in the midst of this one's write."""
    file.write(b'first')
    with monkeypatch.context() as there:
      if differs == 'name':
        there.setattr(files.socket, 'gethostname', lambda: 'other')
      else:  # A container with its machine's name.
        there.setattr(files.os, 'readlink', lambda _: 'pid:[1]')
      there.setattr(files, '_PROCESS', 'other')
      files.write_bytes(tmp_path / 'a.npz', b'second')

  files.write_atomically(tmp_path / 'a.npz', elsewhere)
  assert (tmp_path / 'a.npz').read_bytes() == b'first'
  assert os.listdir(tmp_path) == ['a.npz']


def test_files_have_the_permissions_of_any_new_file(tmp_path):
  before = os.umask(0o027)
  try:
    files.write_text(tmp_path / 'a.txt', 'text')
  finally:
    os.umask(before)
  assert (tmp_path / 'a.txt').stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize('kind', ['folder', 'fifo', 'device', 'link'])
def test_only_regular_files_are_replaced(tmp_path, kind):
  path = tmp_path / 'a'
  if kind == 'folder':
    path.mkdir()
  elif kind == 'fifo':
    os.mkfifo(path)
  elif kind == 'device':
    path = pathlib.Path(os.devnull)
  else:
    path.symlink_to(os.devnull)
  with pytest.raises(ValueError, match='exists and is not a regular file'):
    files.write_text(path, 'text')
  assert path.exists() and not path.is_file()


def test_clashing_paths_and_objects_are_refused(tmp_path):
  clash = {'a': {'b/c': np.ones(1)}, 'a/b': {'c': np.ones(1)}}
  with pytest.raises(ValueError, match='clash'):
    files.save_npz(tmp_path / 'a.npz', clash, {})
  with pytest.raises(ValueError, match='not a numeric array'):
    files.save_npz(tmp_path / 'a.npz', {'a': [None]}, {})
  assert not os.listdir(tmp_path)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match='none.npz'):
    files.load_npz(tmp_path / 'none.npz')


@pytest.mark.parametrize('share', [0.0, 0.3, 0.9])
def test_a_truncated_npz_is_one_clear_line(tmp_path, share):
  path = tmp_path / 'a.npz'
  files.save_npz(path, _params(), METADATA)
  data = path.read_bytes()
  path.write_bytes(data[: int(share * len(data))])
  with pytest.raises(ValueError, match='a.npz: corrupt') as error:
    files.load_npz(path)
  assert '\n' not in str(error.value)


def test_a_changed_byte_in_an_array_is_noticed(tmp_path):
  path = tmp_path / 'a.npz'
  files.save_npz(path, {'a': np.zeros(1000, np.uint8)}, {})
  data = bytearray(path.read_bytes())
  data[data.index(bytes(100)) + 50] = 1
  path.write_bytes(data)
  with pytest.raises(ValueError, match='corrupt'):
    files.load_npz(path)


def test_a_foreign_file_is_refused(tmp_path):
  np.savez(tmp_path / 'foreign.npz', a=np.ones(2))
  np.savez(tmp_path / 'pickle.npz', a=np.array([{}], dtype=object))
  (tmp_path / 'text.npz').write_text('hello')
  np.save(tmp_path / 'single.npz', np.ones(2))
  os.replace(tmp_path / 'single.npz.npy', tmp_path / 'single.npz')
  for path in tmp_path.iterdir():
    with pytest.raises(ValueError, match=f'{path.name}: corrupt, or not a'):
      files.load_npz(path)


def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path):
  path = tmp_path / 'a.npz'
  for kind, found in (('judge', "'judge'"), (None, 'None')):
    files.save_npz(path, _params(), METADATA, kind=kind)
    with pytest.raises(
      ValueError, match=f'a.npz holds {found}, expected latents'
    ) as error:
      files.load_npz(path, kind='latents')
    assert '\n' not in str(error.value)
    chex.assert_trees_all_equal(files.load_npz(path)[0], _params())


def test_the_kind_comes_first_in_the_metadata(tmp_path):
  """The files of earlier versions have it there; new ones are the same."""
  path = tmp_path / 'a.npz'
  files.save_npz(path, {'a': np.ones(2)}, METADATA, kind='judge')
  with np.load(path) as f:
    header = json.loads(str(f['__metadata__']))
  assert header == {
    'format': 'advmix_jax/1',
    'paths': [['a']],
    'metadata': {'kind': 'judge'} | METADATA,
  }
  assert list(header['metadata']) == ['kind', 'config', 'note']
  whole = path.read_bytes()
  files.save_npz(path, {'a': np.ones(2)}, {'kind': 'judge'} | METADATA)
  assert path.read_bytes() == whole


def test_file_hash_is_sha_256_of_the_bytes(tmp_path):
  path = tmp_path / 'a'
  path.write_bytes(bytes(range(256)) * 5000)
  expected = hashlib.sha256(path.read_bytes()).hexdigest()
  assert files.file_hash(path) == expected
  with pytest.raises(FileNotFoundError, match='none'):
    files.file_hash(tmp_path / 'none')


def test_write_text_replaces_the_file(tmp_path):
  path = tmp_path / 'new' / 'table.md'
  files.write_text(path, 'one')
  files.write_text(path, 'two é')
  assert path.read_text(encoding='utf-8') == 'two é'
  assert [p.name for p in path.parent.iterdir()] == ['table.md']


def test_json_is_read_back_and_ends_with_a_line_break(tmp_path):
  path = tmp_path / 'results.json'
  files.write_json(path, METADATA)
  text = path.read_text(encoding='utf-8')
  assert json.loads(text) == METADATA and text.endswith('}\n')


def test_an_output_is_checked_before_the_work(tmp_path):
  source, link = tmp_path / 'a', tmp_path / 'link'
  source.write_text('a')
  link.symlink_to(source)
  files.check_output(tmp_path / 'new', source)
  for path in (source, link, tmp_path / 'none' / '..' / 'a'):
    with pytest.raises(ValueError, match='is the source itself'):
      files.check_output(path, source)
  for path in (tmp_path, os.devnull):
    with pytest.raises(ValueError, match='is not a regular file'):
      files.check_output(path)
