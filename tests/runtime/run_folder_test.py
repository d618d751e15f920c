"""Claims about runtime/run_folder.py: a config, and the folder that is its."""

import re

import ml_collections
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
  default = tiny_runs.config()
  found = run_folder.load_workdir(tmp_path, default)
  assert run_folder.plain(found) == run_folder.plain(config)
  with pytest.raises(FileNotFoundError, match='no run here'):
    run_folder.load_workdir(tmp_path / 'none', default)
  (tmp_path / 'config.json').write_text('{"half')
  with pytest.raises(ValueError, match='not the config of a run'):
    run_folder.load_workdir(tmp_path, default)


def test_plain_is_what_json_gives_back():
  config = ml_collections.ConfigDict({'a': {'b': (1, 2)}, 'c': None})
  assert run_folder.plain(config) == {'a': {'b': [1, 2]}, 'c': None}


def test_the_same_config_finds_its_folder_and_leaves_it_as_it_is(tmp_path):
  run_folder.claim_workdir(tiny_runs.config(), tmp_path)
  before = (tmp_path / 'config.json').read_bytes()
  run_folder.claim_workdir(tiny_runs.config(), tmp_path)
  run_folder.check_workdir(tiny_runs.config(), tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ['config.json']
  assert (tmp_path / 'config.json').read_bytes() == before


def test_every_field_that_differs_is_named_with_both_values(tmp_path):
  theirs = ml_collections.ConfigDict({'a': {'b': 1, 'c': 2}, 'gone': 'x'})
  ours = ml_collections.ConfigDict({'a': {'b': 1, 'c': 3}, 'new': True})
  run_folder.claim_workdir(theirs, tmp_path)
  for function in (run_folder.check_workdir, run_folder.claim_workdir):
    with pytest.raises(ValueError, match='another config') as error:
      function(ours, tmp_path)
    text = (
      "a.c=2 (now 3), gone='x', which there is no more, new=True, which its "
      'version did not have'
    )
    assert text in str(error.value) and 'a.b' not in str(error.value)


def folders(data_dir, cache_dir=''):
  data = {'name': 'celeba', 'data_dir': data_dir, 'cache_dir': cache_dir}
  return ml_collections.ConfigDict({'data': data, 'seed': 1})


def test_a_folder_may_be_spelled_in_another_way(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  run = tmp_path / 'run'
  run_folder.claim_workdir(folders('faces'), run)
  (run / 'results.json').write_text('{}')
  for name in ('./faces', tmp_path / 'faces'):
    run_folder.check_workdir(folders(str(name), '/cache'), run)
    with pytest.raises(ValueError, match='another config'):
      run_folder.check_workdir(folders(f'{name}_2'), run)


def test_a_run_goes_on_with_the_folder_that_is_named_now(tmp_path):
  run_folder.claim_workdir(folders('/old/faces'), tmp_path, 'these')
  before = (tmp_path / 'config.json').read_bytes()
  moved = folders('/new/faces')
  run_folder.check_workdir(moved, tmp_path)
  with pytest.raises(ValueError, match='a run on other data'):
    run_folder.claim_workdir(moved, tmp_path, 'others')
  assert (tmp_path / 'config.json').read_bytes() == before
  run_folder.claim_workdir(moved, tmp_path, 'these')
  found = run_folder.load_workdir(tmp_path, folders(''))
  assert found.data.data_dir == '/new/faces'


@pytest.mark.parametrize('state', ['finished', 'of an earlier version'])
def test_a_run_that_nothing_holds_to_its_data_keeps_its_folder(state, tmp_path):
  data = 'these' if state == 'finished' else ''
  run_folder.claim_workdir(folders('/old/faces'), tmp_path, data)
  if data:
    (tmp_path / 'results.json').write_text('{}')
  with pytest.raises(ValueError, match=r'/old/faces.*now .*/new/faces'):
    run_folder.check_workdir(folders('/new/faces'), tmp_path)


@pytest.mark.parametrize(('theirs', 'ours'), [('', 'faces'), ('faces', '')])
def test_the_default_folder_is_other_data_than_a_named_one(
  theirs, ours, tmp_path
):
  run_folder.claim_workdir(folders(theirs), tmp_path, 'these')
  with pytest.raises(ValueError, match='data.data_dir=.*now') as error:
    run_folder.claim_workdir(folders(ours, '/cache'), tmp_path, 'these')
  assert 'cache_dir' not in str(error.value)


def test_a_config_for_others_names_no_folder_and_is_the_same_else():
  data = {'name': 'celeba', 'data_dir': '/faces', 'cache_dir': '/cache'}
  config = {'data': data, 'seed': 1}
  found = run_folder.without_folders(config)
  wanted = {'name': 'celeba', 'data_dir': '', 'cache_dir': ''}
  assert found == {'data': wanted, 'seed': 1}
  assert config['data']['data_dir'] == '/faces'  # It is a copy.
  assert run_folder.without_folders({'seed': 1}) == {'seed': 1}


def test_a_folder_without_a_run_belongs_to_any_config(tmp_path):
  run_folder.check_workdir(tiny_runs.config(), tmp_path / 'new')
  assert not (tmp_path / 'new').exists()  # To check is not to claim.


def test_json_that_is_no_config_is_refused(tmp_path):
  (tmp_path / 'config.json').write_text('[1]')
  with pytest.raises(ValueError, match=r'not the config of a run \(\[1\] is'):
    run_folder.load_workdir(tmp_path, tiny_runs.config())


def test_the_commit_is_gits_or_unknown(monkeypatch):
  assert re.fullmatch('[0-9a-f]{40}(-dirty)?|unknown', run_folder.commit())
  monkeypatch.setenv('PATH', '')  # Where git is not installed.
  assert run_folder.commit() == 'unknown'


def test_a_run_keeps_to_the_file_that_it_began_with(tmp_path):
  path, run = tmp_path / 'generator.npz', tmp_path / 'run'
  run_folder.claim_file(run, 'generator', path)  # There is none yet.
  path.write_bytes(b'first')
  run_folder.claim_file(run, 'generator', path, note=False)
  assert not run.exists()
  for _ in range(2):
    run_folder.claim_file(run, 'generator', path)
  path.write_bytes(b'second')
  with pytest.raises(ValueError, match='another generator: .*made anew'):
    run_folder.claim_file(run, 'generator', path)
  path.unlink()
  run_folder.claim_file(run, 'generator', path)  # The run needs it no more.
