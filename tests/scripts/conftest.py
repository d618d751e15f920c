"""What tests of scripts share."""

import importlib

import pytest
from helpers import paths


@pytest.fixture
def plan(monkeypatch):
  """experiments/plan.py, which imports its neighbours."""
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  return importlib.import_module('plan')
