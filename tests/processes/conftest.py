"""Marks every test of this folder `processes`: what starts processes."""

import pathlib

import pytest

_HERE = pathlib.Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # Before `-m` chooses by the marks.
def pytest_collection_modifyitems(items):
  """Adds the mark; pytest calls this for the tests of all folders."""
  for item in items:
    if _HERE in item.path.parents:
      item.add_marker(pytest.mark.processes)
