"""Claims about runtime/run_folder.py: a config, and the folder that is its."""

import pytest
from helpers import tiny_runs

from advmix_jax.runtime import run_folder


def test_names_of_runs_differ_with_any_field():
  name = run_folder.run_name(tiny_runs.config())
  assert name.startswith('colored_mnist-nominal-seed0-')
  assert run_folder.run_name(tiny_runs.config()) == name
  assert run_folder.run_name(tiny_runs.config(**{'data.sigma': 0.01})) != name


def test_a_config_survives_its_folder(tmp_path):
  config = tiny_runs.config()
  run_folder.claim_workdir(config, tmp_path)
  assert run_folder.load_workdir(tmp_path).to_dict() == run_folder.plain(config)
  with pytest.raises(FileNotFoundError, match='no run here'):
    run_folder.load_workdir(tmp_path / 'none')
  (tmp_path / 'config.json').write_text('{"half')
  with pytest.raises(ValueError, match='not the config of a run'):
    run_folder.load_workdir(tmp_path)
