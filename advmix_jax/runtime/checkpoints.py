"""Files that outlive a run: portable .npz releases and orbax resume points.

A release is one `.npz` file without pickles: every array of a nested dict of
parameters under its '/'-joined path, and one JSON string with the metadata
(the config that made it, its provenance):

  save_npz('generator.npz', params, {'config': config.to_dict()})
  params, metadata = load_npz('generator.npz')

A resume point is an orbax checkpoint of any pytree in WORKDIR/checkpoints. It
is written under a temporary name and renamed, so that a killed run leaves
either a whole checkpoint or none:

  manager = make_manager(workdir)
  save(manager, step, state)
  step, state = restore(manager, state) or (0, state)

Contents: save_npz, load_npz, write_atomically, write_json; make_manager, save,
restore.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.runtime import hosts

_METADATA = '__metadata__'  # npz entry: JSON string {'format', ...} below.
_FORMAT = 'advmix_jax/1'
_SUMS = 'sha256.json'  # Beside a checkpoint's files, written last.


def write_atomically(
  path: str | os.PathLike, write: Callable[[BinaryIO], Any]
) -> None:
  """Calls `write(file)` on a temporary file, then renames it to `path`.

  Of several processes only the first one writes; the others do nothing.
  """
  if not hosts.is_first():
    return
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  handle, temporary = tempfile.mkstemp(
    dir=path.parent, prefix=f'.{path.name}.', suffix='.tmp'
  )
  try:
    with os.fdopen(handle, 'wb') as f:
      write(f)
    os.chmod(temporary, 0o644)  # mkstemp makes it private.
    os.replace(temporary, path)
  except BaseException:
    pathlib.Path(temporary).unlink(missing_ok=True)
    raise


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Writes `value` to `path` as indented JSON, atomically."""
  text = json.dumps(value, indent=2) + '\n'
  write_atomically(path, lambda f: f.write(text.encode()))


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
) -> None:
  """Writes a nested dict of arrays and its metadata to one .npz file.

  Args:
    path: The file to write; replaced atomically where it exists.
    params: Nested dict of arrays. Keys may contain '/', as Haiku's do.
    metadata: JSON-serialisable dict.

  Raises:
    ValueError: Two leaves have the same '/'-joined path, or a leaf isn't a
      numeric array.
  """
  leaves = list(_flatten(params))
  arrays = {'/'.join(p): a for p, a in leaves}
  if len(arrays) != len(leaves) or _METADATA in arrays:
    raise ValueError(f'{path}: paths of the arrays clash when joined by "/".')
  for name, array in arrays.items():
    if array.dtype == object:
      raise ValueError(f'{path}: {name} is not a numeric array.')
  header = {
    'format': _FORMAT,
    'paths': [list(p) for p, _ in leaves],
    'metadata': dict(metadata),
  }
  arrays[_METADATA] = np.array(json.dumps(header))
  write_atomically(path, lambda f: np.savez(f, **arrays))


def load_npz(path: str | os.PathLike) -> tuple[types.Params, dict[str, Any]]:
  """Reads what `save_npz` wrote; returns (params, metadata).

  Raises:
    FileNotFoundError: There is no such file.
    ValueError: The file is corrupt, truncated, or not one of ours.
  """
  if not os.path.isfile(path):
    raise FileNotFoundError(f'{path}: no such file.')
  try:
    _check_stored(path)
    with np.load(path, allow_pickle=False) as f:
      if _METADATA not in f.files:
        raise ValueError(f'no {_METADATA} entry')
      header = json.loads(str(f[_METADATA]))
      if header['format'] != _FORMAT:
        raise ValueError(f'format {header["format"]!r}, expected {_FORMAT!r}')
      leaves = [(p, f['/'.join(p)]) for p in header['paths']]
  except (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    zipfile.BadZipFile,
    zipfile.zlib.error,
  ) as e:
    raise ValueError(
      f'{path}: corrupt, or not a file of this project ({_one_line(e)}).'
    ) from e
  params: dict[str, Any] = {}
  for keys, array in leaves:
    node = params
    for key in keys[:-1]:
      node = node.setdefault(key, {})
    node[keys[-1]] = array
  return params, header['metadata']


def _check_stored(path: str | os.PathLike) -> None:
  """ValueError for compressed entries, which can unpack to any size."""
  with zipfile.ZipFile(path) as f:
    packed = [info.filename for info in f.infolist() if info.compress_type]
  if packed:
    raise ValueError(f'{packed[0]!r} is compressed')


def _one_line(error: BaseException) -> str:
  """The first line of an error's message, at most 120 characters of it."""
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def make_manager(workdir: str | os.PathLike, *, max_to_keep: int = 2) -> Any:
  """Returns an orbax CheckpointManager of WORKDIR/checkpoints.

  Args:
    workdir: The run's folder; made where it doesn't exist.
    max_to_keep: How many checkpoints to keep. With two, a corrupt newest one
      costs one interval and not the run.
  """
  import orbax.checkpoint as ocp  # Takes seconds; few callers need it.

  directory = pathlib.Path(workdir).absolute() / 'checkpoints'
  directory.mkdir(parents=True, exist_ok=True)
  options = ocp.CheckpointManagerOptions(
    max_to_keep=max_to_keep, enable_async_checkpointing=False
  )
  # The handler lets a new process read metadata before it restores.
  return ocp.CheckpointManager(
    directory, item_handlers=ocp.StandardCheckpointHandler(), options=options
  )


def save(manager: Any, step: int, state: Any) -> None:
  """Writes `state`, any pytree of arrays, as the checkpoint of `step`.

  Raises:
    ValueError: It can't be written, as on a full disk.
  """
  import orbax.checkpoint as ocp

  state = jax.device_get(state)  # So that any number of devices can restore.
  folder = pathlib.Path(manager.directory) / str(step)
  disabled = logging.root.manager.disable
  logging.disable(logging.CRITICAL)  # Orbax prints pages of text on an error.
  try:
    manager.save(step, args=ocp.args.StandardSave(state), force=True)
    write_json(folder / _SUMS, _hashes(folder))
  except (ValueError, OSError) as e:
    reason = str(e).rsplit(': ', 1)[-1]
    raise ValueError(
      f'{folder}: the checkpoint could not be written ({reason}); earlier ones '
      'are kept'
    ) from e
  finally:
    logging.disable(disabled)


def _hashes(folder: pathlib.Path) -> dict[str, str]:
  """Maps every file below `folder`, but for the sums, to its SHA-256."""
  return {
    str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(folder.rglob('*'))
    if path.is_file() and path.name != _SUMS
  }


def restore(manager: Any, template: Any) -> tuple[int, Any] | None:
  """Returns (step, state) of the newest whole checkpoint, or None.

  A corrupt checkpoint that is newer is reported in one line and moved to
  WORKDIR/checkpoints_corrupt, so that nothing is lost and training can write
  that step again.

  Args:
    manager: From `make_manager`.
    template: A pytree with the shapes and types of the saved state.

  Raises:
    ValueError: There are checkpoints, but none fits `template`.
  """
  broken: list[tuple[int, str]] = []
  for step in sorted(manager.all_steps(), reverse=True):
    try:
      state = _restore_step(manager, step, template)
    except Exception as e:  # Orbax raises many types for a corrupt file.
      broken.append((step, _one_line(e)))
      continue
    for bad, reason in broken:
      _set_aside(manager, bad, reason, fallback=step)
    return step, state
  if broken:
    raise ValueError(
      f'{manager.directory}: no checkpoint fits this run: steps '
      f'{[s for s, _ in broken]} are corrupt or of another model '
      f'({broken[0][1]}).'
    )
  return None


def _restore_step(manager: Any, step: int, template: Any) -> Any:
  """Restores one checkpoint; ValueError where its bytes or shapes differ."""
  import orbax.checkpoint as ocp

  folder = pathlib.Path(manager.directory) / str(step)
  if (folder / _SUMS).exists():
    sums, found = json.loads((folder / _SUMS).read_text()), _hashes(folder)
    for name, value in sums.items():
      if found.get(name) != value:
        raise ValueError(f'{name} is missing or was changed')
  abstract = jax.tree.map(
    ocp.utils.to_shape_dtype_struct, jax.device_get(template)
  )
  # Compared before reading: orbax prints pages of text on a failed read.
  stored = manager.item_metadata(step)
  want, got = _shapes(abstract), _shapes(stored)
  for name in sorted(set(want) | set(got)):
    if want.get(name) != got.get(name):
      raise ValueError(
        f'{name} has shape {got.get(name)}, expected {want.get(name)}'
      )
  state = manager.restore(step, args=ocp.args.StandardRestore(abstract))
  return jax.tree.map(jnp.asarray, state)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  """Maps the path of every leaf to its shape, whatever its containers."""
  return {
    '/'.join(jax.tree_util.keystr((k,), simple=True) for k in path): tuple(
      leaf.shape
    )
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _set_aside(manager: Any, step: int, reason: str, *, fallback: int) -> None:
  """Moves a corrupt checkpoint out of the manager's sight and says so."""
  source = pathlib.Path(manager.directory) / str(step)
  target = source.parent.parent / 'checkpoints_corrupt' / str(step)
  while target.exists():
    target = target.with_name(target.name + '_')
  hosts.barrier(f'{source} is corrupt')  # All have seen it.
  if hosts.is_first():
    target.parent.mkdir(exist_ok=True)
    os.replace(source, target)
  hosts.barrier(f'{source} is gone')
  manager.reload()
  logging.warning(
    'checkpoint %d is corrupt (%s): moved to %s, continuing from step %d',
    *(step, reason, target, fallback),
  )
