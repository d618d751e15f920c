"""Five kills at random moments; `make soak` does fifty, of every command."""

import pytest
import soak


@pytest.mark.parametrize('name', ['train', 'encode'])
def test_a_killed_command_ends_as_if_nothing_had_happened(name, tmp_path):
  assert 'kills' in soak.soak(name, 5, tmp_path)
