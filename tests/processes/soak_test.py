"""Three kills of every command at random moments; `make soak` does fifty."""

import pytest
from processes import soak


@pytest.mark.parametrize('name', list(soak.COMMANDS))
def test_a_killed_command_ends_as_if_nothing_had_happened(name, tmp_path):
  assert 'kills' in soak.soak(name, 3, tmp_path)
