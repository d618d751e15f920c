"""Errors at the border: one line of ValueError or FileNotFoundError."""

import pytest

from advmix_jax import datasets


def error_of(function, *args, **kwargs):
  """The one line with which a call fails."""
  with pytest.raises((ValueError, FileNotFoundError)) as caught:
    function(*args, **kwargs)
  assert '\n' not in str(caught.value)
  return str(caught.value)


def loading_error(config, split='train'):
  """The one line with which a data set is refused."""
  return error_of(datasets.load, config, split)
