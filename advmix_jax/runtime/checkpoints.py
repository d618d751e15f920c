"""Orbax checkpoints of any pytree in WORKDIR/checkpoints, to resume from.

A checkpoint is written under a temporary name and renamed, so that a killed run
leaves either a complete checkpoint or none:

  manager = make_manager(workdir)
  save(manager, step, state)
  step, state = restore(manager, state) or (0, state)

Contents: make_manager, save, restore.
"""

from __future__ import annotations

import logging
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp

from advmix_jax.runtime import files, hosts, untrusted

_SUMS = 'sha256.json'  # In the checkpoint's folder, written last.


def make_manager(workdir: str | os.PathLike, *, max_to_keep: int = 2) -> Any:
  """Returns an orbax CheckpointManager of WORKDIR/checkpoints.

  Args:
    workdir: The run's folder; created if it doesn't exist.
    max_to_keep: How many checkpoints to keep. With two, the run loses only
      one interval if the newest checkpoint is corrupt.
  """
  import orbax.checkpoint as ocp  # Takes seconds; few callers need it.

  directory = pathlib.Path(workdir).absolute() / 'checkpoints'
  directory.mkdir(parents=True, exist_ok=True)
  options = ocp.CheckpointManagerOptions(
    max_to_keep=max_to_keep,
    enable_async_checkpointing=False,
    cleanup_tmp_directories=True,  # What killed runs were writing.
  )
  # The handler lets a new process read metadata before it restores.
  return ocp.CheckpointManager(
    directory, item_handlers=ocp.StandardCheckpointHandler(), options=options
  )


def save(manager: Any, step: int, state: Any) -> None:
  """Writes `state`, any pytree of arrays, as the checkpoint of `step`.

  Raises:
    ValueError: It can't be written, for example because the disk is full.
  """
  import orbax.checkpoint as ocp

  state = jax.device_get(state)  # Any number of devices can restore it.
  folder = pathlib.Path(manager.directory) / str(step)
  disabled = logging.root.manager.disable
  logging.disable(logging.CRITICAL)  # Orbax prints pages of text on an error.
  try:
    manager.save(step, args=ocp.args.StandardSave(state), force=True)
    files.write_json(folder / _SUMS, _hashes(folder))
  except (ValueError, OSError) as e:
    said = getattr(e, 'strerror', None)
    reason = said or str(e).rsplit(': ', 1)[-1]
    raise ValueError(
      f'{folder}: the checkpoint could not be written ({reason}); earlier ones '
      'are kept'
    ) from e
  finally:
    logging.disable(disabled)


def _hashes(folder: pathlib.Path) -> dict[str, str]:
  """Maps every file below `folder`, except the sums, to its SHA-256."""
  return {
    str(path.relative_to(folder)): files.file_hash(path)
    for path in sorted(folder.rglob('*'))
    if path.is_file() and path.name != _SUMS
  }


def restore(manager: Any, template: Any) -> tuple[int, Any] | None:
  """Returns (step, state) of the newest complete checkpoint, or None.

  Each newer, corrupt checkpoint is reported in one line and moved to
  WORKDIR/checkpoints_corrupt. So nothing is lost, and training can write that
  step again. A checkpoint without its sums counts as corrupt: a kill came
  before they were written, or somebody changed it.

  Args:
    manager: From `make_manager`.
    template: A pytree with the shapes and types of the saved state.

  Raises:
    ValueError: There are checkpoints, but none fits `template`.
  """
  broken: list[tuple[int, str]] = []
  fits = True  # Whether all of them may be of this run.
  for step in sorted(manager.all_steps(), reverse=True):
    try:
      state = _restore_step(manager, step, template)
    except Exception as e:  # Orbax raises many types for a corrupt file.
      broken.append((step, untrusted.first_line(e)))
      folder = pathlib.Path(manager.directory) / str(step)
      fits = fits and not _read_sums(folder)
      continue
    for bad, reason in broken:
      _set_aside(manager, bad, reason, f'continuing from step {step}')
    return step, state
  if not fits:
    raise ValueError(
      f'{manager.directory}: no checkpoint fits this run: steps '
      f'{[s for s, _ in broken]} are corrupt or of another model '
      f'({broken[0][1]}).'
    )
  for bad, reason in broken:
    _set_aside(manager, bad, reason, 'starting from the beginning')
  return None


def _read_sums(folder: pathlib.Path) -> dict[str, str]:
  """{file: SHA-256} of a checkpoint; {} if nothing says so."""
  try:
    return untrusted.read_json(folder / _SUMS, 'no sums')
  except (OSError, ValueError):
    return {}


def _restore_step(manager: Any, step: int, template: Any) -> Any:
  """Restores one checkpoint; ValueError if its bytes or shapes differ."""
  import orbax.checkpoint as ocp

  folder = pathlib.Path(manager.directory) / str(step)
  sums, found = _read_sums(folder), _hashes(folder)
  if not sums:
    raise ValueError(f'{_SUMS} is missing, empty or unreadable')
  for name in sorted(set(sums) | set(found)):
    if found.get(name) != sums.get(name):
      raise ValueError(f'{name} is missing, was added or was changed')
  abstract = jax.tree.map(
    ocp.utils.to_shape_dtype_struct, jax.device_get(template)
  )
  # Compare before reading: orbax prints pages of text on a failed read.
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
  """Maps the path of every leaf to its shape; container types don't matter."""
  return {
    '/'.join(jax.tree_util.keystr((k,), simple=True) for k in path): tuple(
      leaf.shape
    )
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _set_aside(manager: Any, step: int, reason: str, then: str) -> None:
  """Moves a corrupt checkpoint to another folder and logs a warning."""
  source = pathlib.Path(manager.directory) / str(step)
  target = source.parent.parent / 'checkpoints_corrupt' / str(step)
  while target.exists():
    target = target.with_name(target.name + '_')
  hosts.barrier(f'{source} is corrupt')  # All processes have read it.
  if hosts.is_first():
    target.parent.mkdir(exist_ok=True)
    os.replace(source, target)
  hosts.barrier(f'{source} is gone')
  manager.reload()
  logging.warning(
    'checkpoint %d is corrupt (%s): moved to %s, %s',
    step,
    reason,
    target,
    then,
  )
