"""The config of a run: as JSON, as a folder's name, and stored in the folder.

  run_folder.claim_workdir(config, workdir)    # writes WORKDIR/config.json
  config = run_folder.load_workdir(workdir, default)    # reads it

Contents: plain, flat, without_folders, digest, run_name, data_name,
check_workdir, claim_workdir, is_of_other_data, claim_file, claim_array,
load_workdir, commit.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import subprocess
from collections.abc import Collection
from typing import Any

import ml_collections
import numpy as np

from advmix_jax.runtime import files, options, untrusted

# All files of the repository but what reproduce.py writes.
_NO_CODE = ('experiments/results', 'docs')
_CODE = (':/', *[f':(top,exclude){name}' for name in _NO_CODE])
_MODULES = ':(top)advmix_jax/*.py'


def plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """The config as plain JSON values: tuples become lists."""
  return json.loads(json.dumps(config.to_dict()))


def flat(config: dict[str, Any], prefix: str = '') -> dict[str, Any]:
  """{'a': {'b': 1}} -> {'a.b': 1}."""
  fields = {}
  for name, value in config.items():
    if isinstance(value, dict):
      fields.update(flat(value, f'{prefix}{name}.'))
    else:
      fields[prefix + name] = value
  return fields


def without_folders(config: dict[str, Any]) -> dict[str, Any]:
  """The config, in which `data` names no folder of this machine.

  Args:
    config: Plain values. Nothing is changed in it.
  """
  data = config.get('data', {})
  empty = {name: '' for name in ('data_dir', 'cache_dir') if name in data}
  return config | ({'data': data | empty} if empty else {})


def digest(config: dict[str, Any]) -> str:
  """Eight hexadecimal digits that differ between configs of plain values."""
  text = json.dumps(config, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:8]


def run_name(config: ml_collections.ConfigDict) -> str:
  """A readable folder name for the run, different for each config."""
  name = f'{config.data.name}-{config.method}-seed{config.seed}'
  return f'{name}-{digest(plain(config))}'


def _read(workdir: pathlib.Path) -> dict[str, Any]:
  """Reads WORKDIR/config.json; ValueError if it isn't the config of a run."""
  return untrusted.read_json(workdir / 'config.json', 'not the config of a run')


def data_name(workdir: str | os.PathLike) -> str:
  """The name of the data set of the run in WORKDIR, unchecked.

  Raises:
    FileNotFoundError: WORKDIR has no config.json.
    ValueError: It isn't the config of a run.
  """
  path = _config_path(workdir)
  with untrusted.reading(path, 'not the config of a run'):
    return str(_read(path.parent)['data']['name'])


def _config_path(workdir):
  """WORKDIR/config.json; raises FileNotFoundError if it isn't there."""
  path = pathlib.Path(workdir) / 'config.json'
  if not path.is_file():
    raise FileNotFoundError(f'{workdir}: no run here (no config.json)')
  return path


def check_workdir(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  may_change: Collection[str] = (),
  *,
  option: str = '--workdir',
) -> None:
  """Raises ValueError if WORKDIR holds a run of another config.

  Fields of `may_change`, such as 'gan.kimg', may differ. The error says that
  `option` names another folder.
  `data.cache_dir` may differ. So may `data.data_dir` where both name a folder:
  it may be spelled in another way. It may have moved, too, if the run is not
  finished and has noted its data, to which `claim_workdir` holds it. Without a
  name it is the data set's own default, which is other data.
  """
  workdir = pathlib.Path(workdir)
  if not (workdir / 'config.json').exists():
    return
  theirs, ours = flat(_read(workdir)), flat(plain(config))
  differences = [
    _difference(name, theirs, ours)
    for name in sorted(set(ours) | set(theirs))
    if ours.get(name) != theirs.get(name)
    and name not in may_change
    and not _may_differ(name, ours, theirs, workdir)
  ]
  if differences:
    raise ValueError(
      f'{workdir} holds a run of another config: {", ".join(differences)}; '
      f'give that config, or another {option}'
    )


def _difference(name, theirs, ours):
  """What a field was and is now, in words."""
  if name not in theirs:
    return f'{name}={ours[name]!r}, which its version did not have'
  if name not in ours:
    return f'{name}={theirs[name]!r}, which there is no more'
  return f'{name}={theirs[name]!r} (now {ours[name]!r})'


def _may_differ(name, ours, theirs, workdir):
  """Whether a field is a folder that may have another name by now."""
  if name == 'data.cache_dir':
    return True
  folders = [fields.get(name) for fields in (ours, theirs)]
  if name != 'data.data_dir' or not all(folders):
    return False
  places = {os.path.realpath(os.path.expanduser(f)) for f in folders}
  # Results are read without the data, which nothing is held to then.
  unfinished = not (workdir / 'results.json').exists()
  return len(places) == 1 or (unfinished and _noted(workdir, 'data').exists())


def claim_workdir(
  config: ml_collections.ConfigDict,
  workdir: str | os.PathLike,
  data_hash: str = '',
  *,
  may_change: Collection[str] = (),
) -> None:
  """Writes WORKDIR/config.json, with the folders of now.

  Args:
    config: The run's config.
    workdir: The run's folder.
    data_hash: Of the data that the run is trained on, which is noted in
      WORKDIR/data.sha256: its folder may move, or hold other data by now. A run
      of an earlier version, which noted none, is not held to it.
    may_change: As in `check_workdir`.

  Raises:
    ValueError: As `check_workdir`, or the run began with other data.
  """
  check_workdir(config, workdir, may_change)
  noted = _noted(workdir, 'data')
  if data_hash and is_of_other_data(workdir, data_hash):
    raise ValueError(
      f'{workdir} holds a run on other data, with the same config; give that '
      'data, or another --workdir'
    )
  path = pathlib.Path(workdir) / 'config.json'
  if not path.exists() or _read(path.parent) != plain(config):
    files.write_json(path, plain(config))
  if data_hash and not noted.exists():
    files.write_text(noted, data_hash)


def is_of_other_data(workdir: str | os.PathLike, data_hash: str) -> bool:
  """Whether WORKDIR notes that its run began with data of another hash."""
  noted = _noted(workdir, 'data')
  return noted.exists() and noted.read_text() != data_hash


def _noted(workdir, name):
  """The file that says which file or data a run uses."""
  return pathlib.Path(workdir) / f'{name}.sha256'


def claim_file(
  workdir: str | os.PathLike,
  name: str,
  path: str | os.PathLike,
  *,
  note: bool = True,
) -> None:
  """Notes in WORKDIR/<name>.sha256 which file a run uses.

  The config has its path alone, where another file may be by now.

  Args:
    workdir: The run's folder.
    name: What the file is to the run, such as 'generator'.
    path: The file; nothing is noted where there is none.
    note: Whether to note it where nothing is noted yet.

  Raises:
    ValueError: The run began with another file.
  """
  noted = _noted(workdir, name)
  if os.path.isfile(path) and (note or noted.exists()):
    why = f'another {name}: {path} has been made anew since'
    _claim(noted, files.file_hash(path), why)


def claim_array(
  workdir: str | os.PathLike, name: str, array: np.ndarray | None
) -> None:
  """Notes in WORKDIR/<name>.sha256 which numbers a run uses.

  Args:
    workdir: The run's folder.
    name: What they are to the run, such as 'latents'.
    array: The numbers; None: it uses none.

  Raises:
    ValueError: The run began with others.
  """
  if array is None:
    return
  ours = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
  why = f'other {name}: these have been made anew since'
  _claim(_noted(workdir, name), ours, why)


def _claim(noted, ours, why):
  """Writes a hash to a file; ValueError if that has another one."""
  if not noted.exists():
    files.write_text(noted, ours)
  elif noted.read_text() != ours:
    raise ValueError(
      f'{noted.parent} holds a run of {why}; give another --workdir'
    )


def load_workdir(
  workdir: str | os.PathLike, default: ml_collections.ConfigDict
) -> ml_collections.ConfigDict:
  """Returns the config of the run in WORKDIR.

  A run of an earlier version lacks fields, whose defaults are what it did. The
  folder of decoded images is the default one: a stranger's config must not say
  where files are written.

  Args:
    workdir: The run's folder.
    default: Gives the fields, and the types that their values must have.

  Raises:
    FileNotFoundError: WORKDIR has no config.json.
    ValueError: config.json is corrupt, or a value has another type.
  """
  path = _config_path(workdir)
  values = _read(path.parent)
  with untrusted.reading(path, 'not the config of a run'):
    config = options.fill(default, values, ignore=True)
  if 'cache_dir' in config.get('data', {}):
    config.data.cache_dir = ''
  return config


def commit() -> str:
  """The commit of the code, with '-dirty' after local changes, or 'unknown'.

  A new module of the package is a change. Records and the page that is made
  from them are no code: a run that adds one doesn't make the next one dirty.
  Where the package is installed inside another project's repository, such as in
  a virtual environment, that one's commit says nothing: 'unknown'.
  """
  try:
    _git('ls-files', '--error-unmatch', pathlib.Path(__file__).name)
    head = _git('rev-parse', 'HEAD')
    changed = _git('diff', '--name-only', 'HEAD', '--', *_CODE)
    new = _git('ls-files', '--others', '--exclude-standard', '--', _MODULES)
    return f'{head}-dirty' if changed or new else head
  except (OSError, subprocess.CalledProcessError):
    return 'unknown'


def _git(*words):
  return subprocess.run(
    ['git', *words],
    cwd=pathlib.Path(__file__).parent,
    capture_output=True,
    text=True,
    check=True,
  ).stdout.strip()
