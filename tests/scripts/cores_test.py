"""Claims about experiments/cores.py: the cores of several processes."""

import importlib
import os

import pytest
from helpers import paths


@pytest.fixture
def cores(monkeypatch):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  return importlib.import_module('cores')


@pytest.mark.parametrize(
  'mine, count, want',
  [
    ({0, 1}, 2, [[0], [1]]),
    ({3, 5, 8}, 2, [[3, 5], [8]]),
    (set(range(7)), 3, [[0, 1, 2], [3, 4], [5, 6]]),
    ({0, 1, 2, 3}, 1, [[]]),  # One process has them all.
    ({0}, 2, [[], []]),  # Two cannot be kept apart.
  ],
)
def test_cores_are_split_evenly_and_none_is_given_twice(
  cores, mine, count, want, monkeypatch
):
  monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: mine, raising=False)
  assert [list(part) for part in cores.parts(count)] == want


def test_a_system_that_cannot_say_keeps_its_processes_free(cores, monkeypatch):
  monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
  assert [list(part) for part in cores.parts(2)] == [[], []]
  cores.give(os.getpid(), ())  # Does nothing, where there is no such call.


@pytest.mark.skipif(
  not hasattr(os, 'sched_setaffinity'), reason='affinity is of Linux alone'
)
def test_a_process_gets_its_part(cores):
  mine = os.sched_getaffinity(0)
  try:
    cores.give(os.getpid(), [min(mine)])
    assert os.sched_getaffinity(0) == {min(mine)}
  finally:
    os.sched_setaffinity(0, mine)
  assert os.sched_getaffinity(0) == mine
