"""Three signals to every command at random moments; `make soak` has fifty."""

import pytest
from processes import soak


@pytest.mark.parametrize('name', list(soak.COMMANDS))
def test_a_stopped_command_ends_as_if_nothing_had_happened(name, tmp_path):
  assert 'signals' in soak.soak(name, 3, tmp_path)
