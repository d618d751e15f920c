"""Faces of a user: which generator draws them, and which images they are.

  items = own_faces.replaced(sweeps.ITEMS, generator='ffhq.npz',
                             options=['size=64', 'split=10'])
  items = own_faces.identified(items, 'celeba')

Both become part of the keys of all runs that need the generator: their records
do not count as done for another one, or for other images.

Contents: is_of_faces, has_own_size, replaced, identified.
"""

import ast
import contextlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from advmix_jax import generators
from advmix_jax.datasets import celeba
from advmix_jax.runtime import files, untrusted

_WORDS = ('true', 'false')
Items = Mapping[str, Mapping]


def is_of_faces(item: Mapping) -> bool:
  """Whether an item of sweeps.py trains classifiers on CelebA."""
  return item.get('configs', {}).get('classifier') == 'celeba'


def has_own_size(item: Mapping) -> bool:
  """Whether an item says how large its faces are, as Table 3 at 32x32."""
  return 'resolution' in item.get('data', {})


def _option(text: str) -> tuple[str, Any]:
  """'size=64' as ('generator.size', 64).

  Raises:
    ValueError: not of this form, or no such field.
  """
  name, _, value = text.partition('=')
  fields = [n for n in generators.stylegan_config() if n != 'path']
  if name not in fields or not value:
    raise ValueError(
      f'--celeba_options has {text!r}, expected field=value with one of '
      f'{", ".join(fields)}, such as size=64'
    )
  with contextlib.suppress(ValueError, SyntaxError):
    value = ast.literal_eval(value.title() if value in _WORDS else value)
  return f'generator.{name}', value


def replaced(items: Items, *, generator: str, options: Iterable[str]) -> Items:
  """The items, with another generator in those of faces.

  Those of which `has_own_size` holds keep theirs.

  Args:
    items: As sweeps.ITEMS.
    generator: Its file; '': the one that ships.
    options: 'field=value' of config.generator, such as 'size=64'.

  Raises:
    FileNotFoundError: there is no such file.
    ValueError: an option is not of that form, or there is no such field.
  """
  fields = dict(_option(text) for text in options)
  path = pathlib.Path(generator).expanduser().resolve()
  if generator:
    untrusted.check_file(path, '--celeba_generator=')

  def change(item):
    if has_own_size(item):
      return item
    if not generator:
      return item | {'config': item.get('config', {}) | fields}
    # The item's own options, such as the split, are of the one that ships.
    config = {
      name: value
      for name, value in item.get('config', {}).items()
      if not name.startswith('generator.')
    }
    return item | {'given': str(path), 'config': config | fields}

  return _changed(items, change)


def identified(items: Items, data_dir: str) -> Items:
  """The items, with the hash of CelebA's partition in those of faces.

  Raises:
    FileNotFoundError, ValueError: as celeba.partition_path.
  """
  found = files.file_hash(celeba.partition_path(data_dir))
  return _changed(items, lambda i: i | {'identity': {'data.sha256': found}})


def _changed(items, change):
  return {
    name: change(item) if is_of_faces(item) else item
    for name, item in items.items()
  }
