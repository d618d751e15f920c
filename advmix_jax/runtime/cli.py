"""What all scripts share: config lookup, flags and one-line errors.

  CONFIG = cli.define_config(__file__, 'configs/example.py')

  if __name__ == '__main__':
    cli.run(main)

- A relative `--config` that doesn't exist is looked up beside the script, so
  that `--config=configs/example.py` works from the project's root and from
  experiments/. A variant after a colon is kept.
- Without `--config`, the default passed to `define_config` is used.
- `--help` lists the fields of the config.
- Bad input (ValueError, OSError, a config field or flag that doesn't exist) and
  too little memory end the program with one line on stderr, of at most 700
  characters, and exit code 1.
- Where the reader of stdout has gone (`| head`), it ends without a word, with
  exit code 141.
- On SIGTERM or Ctrl-C, a loop that can save writes a checkpoint; then the
  program ends with exit code 143 or 130.

Contents: define_config, find_config, check_fields, given_fields, run.
"""

from __future__ import annotations

import os
import pathlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import jax
import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from advmix_jax.runtime import (
  compilation_cache,
  cpu,
  hosts,
  options,
  preemption,
  run_folder,
  untrusted,
)

_ADDRESS = flags.DEFINE_string(
  'coordinator_address', '', 'Several processes: host:port of the first one.'
)
_COUNT = flags.DEFINE_integer(
  'num_processes', 1, 'Several processes: how many. Under SLURM, omit these.'
)
_INDEX = flags.DEFINE_integer(
  'process_id', 0, 'Several processes: index of this one, from 0.'
)

_CACHE = flags.DEFINE_string(
  'compilation_cache',
  '',
  'Folder for compiled programs, which later runs reuse. JAX runs them '
  'unchecked, so only you should be able to write there. "": no cache.',
)

# Errors that bad input raises.
_ERRORS = (ValueError, OSError)
# A file where a folder is to be read or made.
_NO_FOLDER = (FileExistsError, NotADirectoryError)
_CONFIG = ('--config', '-config')
_READ_ENOUGH = 141  # What a shell reports of a program that SIGPIPE ends.
_MAX_LINE = 700  # Characters of an error; CelebA's 40 attributes fit.


def define_config(script: str, default: str) -> flags.FlagHolder:
  """Defines `--config`; its value is a ConfigDict once `run` has parsed it.

  Args:
    script: The caller's `__file__`.
    default: Path below the script's folder, e.g. 'configs/example.py'.
  """
  path = pathlib.Path(script).resolve().parent / default
  holder = config_flags.DEFINE_config_file(
    'config', help_string=f'Config file; default: {default}'
  )
  # Not absl's `default`: absl would read the file now, and could fail.
  flags.FLAGS['config'].default_path = str(path)
  return holder


def find_config(
  argv: Sequence[str], folder: pathlib.Path, *, default: str = ''
) -> list[str]:
  """Replaces a relative `--config` that doesn't exist by a path in `folder`.

  Args:
    argv: The command line, with `--config=PATH` or `--config PATH`.
    folder: The second folder to look in, usually the script's.
    default: PATH to add if the command line has none; '' adds nothing.

  Returns:
    The command line with a path that exists.

  Raises:
    FileNotFoundError: The file is in neither folder.
    ValueError: No file follows `--config`.
  """
  argv, found = list(argv), False
  for i, argument in enumerate(argv):
    name, equals, value = argument.partition('=')
    if name not in _CONFIG:
      continue
    found = True
    if equals:
      argv[i] = f'{name}={_find(value, folder)}'
    elif i + 1 < len(argv):
      argv[i + 1] = _find(argv[i + 1], folder)
    else:
      raise ValueError(f'{name} is the last argument, expected a file after it')
  if default and not found:
    argv.insert(1, f'--config={_find(default, folder)}')
  return argv


def _find(value: str, folder: pathlib.Path) -> str:
  """Resolves PATH[:variant] against the current folder, then `folder`."""
  path, colon, variant = value.partition(':')
  if os.path.isfile(path):
    return value
  beside = folder / path
  if not beside.is_file():
    raise FileNotFoundError(
      f'--config={path}: no such file here or beside the script, in {folder}'
    )
  return f'{beside}{colon}{variant}'


def check_fields(
  argv: Sequence[str], config: ml_collections.ConfigDict
) -> None:
  """Raises ValueError on a `--config.a.b` that `config` doesn't have.

  The error lists the fields that exist.
  """
  for argument in argv:
    name = argument.partition('=')[0]
    if not name.startswith('--config.'):
      continue
    node = config
    for part in name.split('.')[1:]:
      fields = list(node) if isinstance(node, ml_collections.ConfigDict) else []
      if part not in fields:
        valid = ', '.join(fields) or 'nothing below'
        raise ValueError(f'{name}: no field {part!r}, expected {valid}')
      node = node[part]


def given_fields() -> dict[str, Any]:
  """The fields that the command line gives to --config, {name: value}."""
  if 'config' not in flags.FLAGS:
    return {}
  return config_flags.get_override_values(flags.FLAGS['config'])


def _fields(config: ml_collections.ConfigDict) -> str:
  """The fields of a config as options, one per line, for `--help`."""
  values = run_folder.flat(run_folder.plain(config))
  lines = [f'  --config.{name}={value}' for name, value in values.items()]
  return '\nFields of the config, with their defaults:\n\n' + '\n'.join(lines)


def _config_path(argv: Sequence[str]) -> str:
  """The last --config, or '' without one; absl refuses what is not a flag."""
  path = ''
  for argument, following in zip(argv, [*argv[1:], ''], strict=True):
    name, equals, value = argument.partition('=')
    if name in _CONFIG and 'config' in flags.FLAGS:
      path = value if equals else following
  return path


def _parse(argv: Sequence[str]) -> list[str]:
  """Reads all flags; raises ValueError or flags.Error if one is wrong."""
  if path := _config_path(argv):
    config = flags.FLAGS['config'].parser.parse(path)
    check_fields(argv, config)
    if '--help' in argv:  # absl prints the script's docstring.
      sys.modules['__main__'].__doc__ += _fields(config)
  rest = flags.FLAGS(argv)
  if len(rest) > 1:
    raise ValueError(f'unexpected argument {rest[1]!r}')
  options.check_flags(flags.FLAGS)
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.WARNING)  # Orbax logs too much.
  return rest


def _fail(error: BaseException) -> NoReturn:
  """Prints the error as one line and exits with code 1.

  Without a word and with code 141 where nobody reads stdout any more.
  """
  if isinstance(error, BrokenPipeError):
    _leave_quietly()
  if isinstance(error, _NO_FOLDER) and error.filename:
    error = ValueError(f'{error.filename}: a file is where a folder should be')
  lines = str(error).strip().splitlines() or [type(error).__name__]
  if any('Traceback (most recent call last)' in line for line in lines):
    # An error in a config file: keep its message, drop the traceback.
    lines = [lines[-1].removeprefix('ValueError: ')]
  text = f'{pathlib.Path(sys.argv[0]).name}: error: {" ".join(lines)}'
  text = untrusted.first_line(ValueError(' '.join(text.split())), _MAX_LINE)
  print(text, file=sys.stderr)
  hosts.leave(1)
  sys.exit(1)


def _leave_quietly() -> NoReturn:
  """Ends the program whose reader, such as `head`, has read enough."""
  os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  sys.exit(_READ_ENOUGH)


def _is_out_of_memory(error: BaseException) -> bool:
  """Whether NumPy or XLA had no memory for what the options ask for."""
  return isinstance(error, MemoryError) or (
    isinstance(error, jax.errors.JaxRuntimeError)
    and 'RESOURCE_EXHAUSTED' in str(error)
  )


def run(main: Callable[..., Any]) -> NoReturn:
  """Parses the command line, calls `main(argv)` and exits.

  Args:
    main: The script's work. Its argument `argv` holds only the script's name.
  """

  def parse(argv: Sequence[str]) -> list[str]:
    try:
      return _parse(argv)
    except (flags.Error, TypeError, *_ERRORS) as error:
      _fail(error)

  def guarded(argv: list[str]) -> Any:
    preemption.install()
    cpu.configure()
    try:
      if _CACHE.value:
        compilation_cache.use(_CACHE.value)
      hosts.initialize(_ADDRESS.value, _COUNT.value, _INDEX.value)
      return main(argv)
    except _ERRORS as error:
      _fail(error)
    except (MemoryError, RuntimeError) as error:
      reason = untrusted.first_line(error)
      if not _is_out_of_memory(error):
        if jax.distributed.is_initialized():
          why = 'JAX failed; see whether another process ended before'
          _fail(ValueError(f'{why} ({reason})'))
        raise
      hint = 'a smaller batch_size or width needs less'
      _fail(ValueError(f'out of memory ({reason}); {hint}'))
    except SystemExit as error:
      preemption.leave(error.code)
      raise
    except Exception:  # A fault of ours.
      if jax.distributed.is_initialized():
        traceback.print_exc()
        hosts.leave(1)
      raise

  folder = pathlib.Path(sys.argv[0]).resolve().parent
  if 'config' in flags.FLAGS:
    default = getattr(flags.FLAGS['config'], 'default_path', '')
    try:
      # Config flags read sys.argv directly.
      sys.argv = find_config(sys.argv, folder, default=default)
    except _ERRORS as error:
      _fail(error)
  app.run(guarded, flags_parser=parse)
