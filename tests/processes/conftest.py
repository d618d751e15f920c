"""Marks every test of this folder `processes`: what starts processes."""

import pathlib

import pytest

_HERE = pathlib.Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # Before `-m` chooses by the marks.
def pytest_collection_modifyitems(items):
  """Adds the mark, and puts them first among the tests of all folders.

  They are the longest, and a long test at the end leaves a core idle.
  """
  for item in items:
    if _HERE in item.path.parents:
      item.add_marker(pytest.mark.processes)
  items.sort(key=_place)


def _place(item):
  """Where a test runs: soaks, other tests that start processes, all others."""
  if item.path.name == 'soak_test.py':
    return 0
  return 1 if _HERE in item.path.parents else 2
