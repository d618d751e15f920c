"""Files that outlive a run: atomic writes, hashes, and `.npz` with a kind.

Parameters are stored in one `.npz` file without pickles: each array of a nested
dict under its '/'-joined path, and one JSON string with the metadata, whose
`kind` says what the file is:

  save_npz('judge.npz', params, {'accuracy': 0.986}, kind='judge')
  params, metadata = load_npz('judge.npz', kind='judge')

Contents: write_atomically, check_output, check_folder, naming, write_bytes,
write_text, write_json, json_text, file_hash, save_npz, load_npz.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import pathlib
import secrets
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from advmix_jax import types
from advmix_jax.runtime import hosts, untrusted

_METADATA = '__metadata__'  # npz entry: JSON string {'format', ...} below.
_FORMAT = 'advmix_jax/1'
_FAULT = 'corrupt, or not a file of this project'
_PROCESS = secrets.token_hex(4)  # Tells it from earlier ones of its number.


def write_atomically(
  path: str | os.PathLike,
  write: Callable[[BinaryIO], Any],
  *,
  everywhere: bool = False,
) -> None:
  """Calls `write(file)` on a temporary file, then renames it to `path`.

  What fails leaves nothing behind, no new folder either; what a killed process
  of this machine left is removed. Machines and containers may share the folder.
  Permissions are those of any new file. With several processes, only the first
  one writes; the others do nothing, but for files that are not shared
  (`everywhere`).

  Raises:
    ValueError: `path` is a folder, a device or anything else but a file.
  """
  if not (everywhere or hosts.is_first()):
    return
  path = pathlib.Path(path)
  check_output(path)
  folders = [f for f in path.parents if not f.exists()]  # The deepest first.
  temporary = path.with_name(
    f'.{path.name}.{_host()}.{os.getpid()}.{_PROCESS}.tmp'
  )
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    with naming(path), open(temporary, 'xb') as f:
      write(f)
    os.replace(temporary, path)
  except BaseException:
    temporary.unlink(missing_ok=True)
    for folder in folders:
      with contextlib.suppress(OSError):  # Others have put files there.
        folder.rmdir()
    raise


def check_output(path: str | os.PathLike, *sources: str | os.PathLike) -> None:
  """Checks that `path` can be written; call it before long work.

  Args:
    path: The file to write.
    *sources: Files that it must not replace, because they are read.

  Raises:
    ValueError: `path` is a folder, a device, anything else but a file, or one
      of the sources.
  """
  if not str(path):
    raise ValueError("the file to write is '', expected a name")
  if os.path.exists(path) and not os.path.isfile(path):
    raise ValueError(f'{path}: exists and is not a regular file')
  for source in sources:
    if os.path.realpath(path) == os.path.realpath(source) or (
      os.path.exists(path)
      and os.path.exists(source)
      and os.path.samefile(path, source)
    ):
      raise ValueError(f'{path} is the source itself')


def check_folder(path: str | os.PathLike, option: str = '') -> None:
  """Checks that files can be written to a folder, which may not exist yet.

  Args:
    path: Of the folder.
    option: Such as '--docs=', for the error.

  Raises:
    ValueError: It is empty, a file, or can't be written.
  """
  if not str(path):
    raise ValueError(f"{option}'' expected a folder")
  outer = pathlib.Path(path).absolute()
  while not outer.exists():
    outer = outer.parent
  if not outer.is_dir():
    raise ValueError(f'{option}{path}: {outer} is a file, expected a folder')
  if not os.access(outer, os.W_OK):
    raise ValueError(f'{option}{path}: {outer} cannot be written')


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
  """Adds the file's name to an OSError without one, such as of a full disk."""
  try:
    yield
  except OSError as e:
    if e.errno is None or e.filename is not None:
      raise
    raise OSError(e.errno, e.strerror, os.fspath(path)) from e


def _remove_leftovers(path: pathlib.Path) -> None:
  """Removes temporary files for `path` of processes that are no more.

  Of this machine or container alone: it knows nothing of others' processes.
  """
  pattern = f'.{glob.escape(path.name)}.{_host()}.*.tmp'
  for file in path.parent.glob(pattern):
    number, process = file.name.split('.')[-3:-1]
    if number.isdecimal() and not _runs(int(number), process):
      file.unlink(missing_ok=True)


def _host() -> str:
  """Eight hexadecimal digits of this machine or container.

  Containers may have their machine's name, but number their own processes.
  """
  name = socket.gethostname()
  with contextlib.suppress(OSError):  # Only Linux has it.
    name += os.readlink('/proc/self/ns/pid')
  return hashlib.sha256(name.encode()).hexdigest()[:8]


def _runs(number: int, process: str) -> bool:
  """Whether the process of a temporary file may still run on this machine.

  One with the number of this process is an earlier one, unless it is this one.
  """
  if number == os.getpid():
    return process == _PROCESS
  try:
    os.kill(number, 0)
  except (ProcessLookupError, OverflowError):
    return False
  except PermissionError:  # It is another user's.
    pass
  return True


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes `data` to `path`, atomically."""
  write_atomically(path, lambda f: f.write(data))


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes `text` to `path` in UTF-8, atomically."""
  write_bytes(path, text.encode())


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Writes `value` to `path` as indented JSON, atomically."""
  write_text(path, json_text(value))


def json_text(value: Any) -> str:
  """The text that `write_json` writes."""
  return json.dumps(value, indent=2) + '\n'


def file_hash(path: str | os.PathLike) -> str:
  """Returns the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
  with open(path, 'rb') as f:
    return hashlib.file_digest(f, 'sha256').hexdigest()


def _flatten(
  params: Mapping[str, Any], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
  """Yields (path, array) for every leaf of a nested dict, in its order."""
  for key, value in params.items():
    if isinstance(value, Mapping):
      yield from _flatten(value, prefix + (key,))
    else:
      yield prefix + (key,), np.asarray(value)


def save_npz(
  path: str | os.PathLike,
  params: types.Params,
  metadata: Mapping[str, Any],
  *,
  kind: str | None = None,
) -> None:
  """Writes a nested dict of arrays and its metadata to one .npz file.

  Args:
    path: The file to write; atomically replaced if it exists.
    params: Nested dict of arrays. Keys may contain '/', as Haiku's do.
    metadata: JSON-serialisable dict.
    kind: What the file is; the first entry of the metadata. None: no entry.

  Raises:
    ValueError: Two leaves have the same '/'-joined path, or a leaf isn't an
      array of real, finite numbers.
  """
  leaves = list(_flatten(params))
  arrays = {'/'.join(p): a for p, a in leaves}
  if len(arrays) != len(leaves) or _METADATA in arrays:
    raise ValueError(f'{path}: paths of the arrays clash when joined by "/".')
  for name, array in arrays.items():
    untrusted.check_numbers(f'{path}: {name}', array)
  header = {
    'format': _FORMAT,
    'paths': [list(p) for p, _ in leaves],
    'metadata': ({'kind': kind} if kind else {}) | dict(metadata),
  }
  arrays[_METADATA] = np.array(json.dumps(header))
  write_atomically(path, lambda f: np.savez(f, **arrays))


def load_npz(
  path: str | os.PathLike,
  *,
  kind: str | None = None,
  needed: Collection[str] = (),
) -> tuple[types.Params, dict[str, Any]]:
  """Reads what `save_npz` wrote; returns (params, metadata).

  Args:
    path: The file to read.
    kind: The expected kind; None accepts any.
    needed: '/'-joined paths of arrays that have to be there.

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: The file is corrupt, truncated, not written by `save_npz`, of
      another kind, or has a number that is not finite.
  """
  arrays = untrusted.read_arrays(path, fault=_FAULT)
  with untrusted.reading(path, _FAULT):
    if _METADATA not in arrays:
      raise ValueError(f'no {_METADATA} entry')
    header = untrusted.parse_json(str(arrays.pop(_METADATA)))
    if header['format'] != _FORMAT:
      raise ValueError(f'format {header["format"]!r}, expected {_FORMAT!r}')
    metadata = dict(header['metadata'])
    missing = sorted(set(needed) - set(arrays))
    params = _nest(header['paths'], arrays)
  if kind is not None and metadata.get('kind') != kind:
    found = repr(metadata.get('kind'))[:80]
    raise ValueError(f'{path} holds {found}, expected {kind}')
  if missing:
    raise ValueError(f'{path}: corrupt, {missing[0]} is missing')
  return params, metadata


def _nest(
  paths: Sequence[Sequence[str]], arrays: dict[str, np.ndarray]
) -> types.Params:
  """Inverse of `_flatten`: a nested dict; each array is used exactly once."""
  params: dict[str, Any] = {}
  for *keys, last in paths:
    node = params
    for key in keys:
      node = node.setdefault(key, {})
      if not isinstance(node, dict):
        raise ValueError(f'{key!r} is an array and a folder of arrays')
    name = '/'.join([*keys, last])
    if last in node:
      raise ValueError(f'{name!r} is there twice')
    node[last] = arrays.pop(name)
  if arrays:
    raise ValueError(f'{next(iter(arrays))!r} has no path')
  return params
