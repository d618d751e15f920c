"""Folders of the project, and data that lie beside it on some machines."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPERIMENTS = ROOT / 'experiments'
SHARED = ROOT.parent / 'shared'  # The official digits and reference arrays.
ORACLE = SHARED / 'oracle'

needs_oracle = pytest.mark.skipif(
  not (ORACLE / 'r32-nosrc.pkl').exists(),
  reason='needs the reference arrays in ../shared/oracle',
)
