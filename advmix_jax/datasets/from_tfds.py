"""tensorflow-datasets, if it is installed, with errors of one line.

  with from_tfds.reading('mnist', data_dir) as tfds:
    data = tfds.load('mnist', split='train', data_dir=data_dir)

Contents: reading.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

_HINT = 'pip install tensorflow-datasets tensorflow importlib_resources'


@contextlib.contextmanager
def reading(name: str, data_dir: str | None) -> Iterator[Any]:
  """Yields the module; every error of the block becomes a ValueError.

  Args:
    name: of the data set, for the error.
    data_dir: its folder, for the error.
  """
  try:
    import tensorflow_datasets as tfds

    yield tfds
  except ImportError as error:  # TensorFlow itself may be missing, too.
    raise ValueError(
      f"data source 'tfds' is not installed ({error}): {_HINT}"
    ) from error
  except Exception as error:  # No network, full disk, bad checksum, ...
    reason = str(error).partition('\n')[0]
    raise ValueError(
      f"data source 'tfds' could not prepare {name} in data_dir {data_dir!r}:"
      f' {type(error).__name__}: {reason}'
    ) from error
