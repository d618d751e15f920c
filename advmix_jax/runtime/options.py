"""Checks options: types as on the command line, numbers finite and in range.

  options.check(config.attack, 'attack')  # before anything long
  config = options.fill(default_config(), json_values, 'judge.npz')

Contents: check, check_flags, fill.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections
from absl import flags

_MOST = {int: 2**31 - 1, float: 1e30}  # What JAX's 32-bit numbers can hold.
_MOST_SEED = 2**32 - 1  # JAX drops all higher bits.
_MOST_FLAG = 2**62
# Numbers by which something is divided or repeated; all others may be 0.
_LEAST = dict.fromkeys(
  ('batch_size', 'log_every', 'width', 'r1_interval', 'draws')
  + ('mixing_draws', 'average_draws', 'num_channels', 'fmaps', 'latent_size')
  + ('dlatent_size', 'mapping_fmaps', 'mapping_layers', 'mbstd_group_size'),
  1,
)
_POSITIVE = ('mapping_lrmul', 'phase_kimg')
_BELOW_ONE = ('beta1', 'beta2', 'dlatent_beta')  # Of moving averages.
_NUMBERS = (int, float)


def check(config: Mapping[str, Any], name: str = '') -> None:
  """Raises ValueError for a number that is NaN, infinite or out of range.

  Args:
    config: Any config, or a section.
    name: Of the section, for the error.
  """
  for path, value in _leaves(config, name):
    _check_number(path, value)


def check_flags(values: flags.FlagValues) -> None:
  """Raises ValueError for a flag whose number is NaN, infinite or too large."""
  for name in values:
    value = values[name].value
    if isinstance(value, _NUMBERS) and not abs(value) <= _MOST_FLAG:
      raise ValueError(f'--{name} is {value}, expected a finite number')
    if name == 'seed' and value > _MOST_SEED:
      raise ValueError(f'--seed is {value}, expected at most {_MOST_SEED}')


def _leaves(config, name) -> Iterator[tuple[str, Any]]:
  """Yields (path, value) of all fields, and of all items of lists."""
  if isinstance(config, Mapping | ml_collections.ConfigDict):
    for key in config:
      yield from _leaves(config[key], f'{name}.{key}' if name else key)
  elif isinstance(config, list | tuple):
    for value in config:
      yield from _leaves(value, name)
  else:
    yield name, config


def _check_number(path, value):
  if isinstance(value, bool) or not isinstance(value, numbers.Real):
    return  # NumPy's numbers are numbers, too.
  key = path.rpartition('.')[2]
  kind = int if isinstance(value, numbers.Integral) else float
  least, most = _LEAST.get(key, 0), _MOST[kind]
  if key == 'seed':
    most = _MOST_SEED
  if not least <= value <= most:  # NaN is not, either.
    raise ValueError(f'{path} is {value}, expected >= {least} and <= {most}')
  if key in _POSITIVE and not value:
    raise ValueError(f'{path} is {value}, expected > 0 and <= {most}')
  if key in _BELOW_ONE and value >= 1:
    raise ValueError(f'{path} is {value}, expected >= 0 and < 1')


def fill(
  default: ml_collections.ConfigDict,
  values: Mapping[str, Any],
  name: str = '',
  *,
  ignore: bool = False,
) -> ml_collections.ConfigDict:
  """Returns a copy of `default` with values from a file.

  Args:
    default: Has every field, with the type that its values must have.
    values: Some of the fields, as JSON gives them: lists are tuples.
    name: Of the section, for the error.
    ignore: Drops fields that `default` lacks, those of another version.

  Raises:
    ValueError: A field doesn't exist, or a value has another type or is out of
      range.
  """
  config = default.copy_and_resolve_references()
  _need_type(isinstance(values, Mapping), name, values, 'a dict')
  for key, value in values.items():
    path = f'{name}.{key}' if name else key
    if key not in config:
      if ignore:
        continue
      raise ValueError(
        f'unknown option {path}, perhaps of another version; expected some of '
        f'{", ".join(config)}'
      )
    if isinstance(config[key], ml_collections.ConfigDict):
      config[key] = fill(config[key], value, path, ignore=ignore)
    else:
      config[key] = _cast(config[key], value, path)
  check(config, name)
  return config


def _cast(old, value, path):
  """`value`, if it has the type of `old`."""
  kind = type(old)
  if kind in (tuple, list):
    _need_type(type(value) in (tuple, list), path, value, 'a list')
    numbers = all(type(x) in _NUMBERS for x in value)
    _need_type(numbers, path, value, 'a list of numbers')
    return kind(value)
  if old is None:
    good = value is None or type(value) in _NUMBERS
    _need_type(good, path, value, 'a number or None')
  elif kind is float:
    _need_type(type(value) in _NUMBERS, path, value, 'a number')
    if not abs(value) <= _MOST[float]:
      raise ValueError(
        f'{path} is {str(value)[:20]}, expected <= {_MOST[float]}'
      )
    return float(value)
  else:
    _need_type(type(value) is kind, path, value, kind.__name__)
  return value


def _need_type(good, path, value, expected):
  if not good:
    raise ValueError(f'{path} is {repr(value)[:80]}, expected {expected}')
