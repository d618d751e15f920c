"""Claims about experiments/reproduce.py that need no process."""

import pytest
from helpers import scripts


@pytest.fixture
def script(monkeypatch):
  return scripts.load('reproduce', monkeypatch)


def test_the_commands_of_the_tables_of_faces_name_the_folder_of_their_records(
  script, monkeypatch
):
  first_faces = scripts.load('assets.first_faces', monkeypatch)
  items = script.plan.read(script.SWEEPS.value, 'ITEMS')
  for name in ('table_3', 'table_4', 'table_3_small', 'table_4_small'):
    words = script._folders(items[name], {})
    assert words == f' --celeba_dir={first_faces.OUTPUT.value}'
