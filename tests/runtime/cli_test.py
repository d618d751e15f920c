"""Claims about runtime/cli.py within one process."""

import ml_collections
import pytest

from advmix_jax.runtime import cli


def test_a_relative_config_is_found_beside_the_script(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'here.py').touch()
  folder = tmp_path / 'experiments'
  folder.mkdir()
  (folder / 'c.py').touch()

  def find(*argv, **options):
    return cli.find_config(['s', *argv], folder, **options)[1:]

  assert find('--config=c.py:ideal') == [f'--config={folder}/c.py:ideal']
  assert find('--config', 'c.py', '-v') == ['--config', f'{folder}/c.py', '-v']
  assert find('--config=here.py:a') == ['--config=here.py:a']
  assert find('-v', default='c.py') == [f'--config={folder}/c.py', '-v']
  with pytest.raises(FileNotFoundError, match='--config=no.py: no such file'):
    find('--config=no.py')


def test_a_field_that_does_not_exist_lists_those_that_do():
  config = ml_collections.ConfigDict({'a': {'b': 1, 'c': 2}, 'seed': 0})
  cli.check_fields(['--config.a.b=3', '--config.seed', '1', '--x'], config)
  with pytest.raises(ValueError, match="--config.a.z: no field 'z', .*b, c"):
    cli.check_fields(['--config.a.z=3'], config)
  with pytest.raises(ValueError, match="no field 'sede', expected a, seed"):
    cli.check_fields(['--config.sede=3'], config)


def test_a_config_in_this_folder_comes_before_one_beside_the_script(
  tmp_path, monkeypatch
):
  folder = tmp_path / 'experiments'
  folder.mkdir()
  for place in (folder, tmp_path):
    (place / 'c.py').touch()
  monkeypatch.chdir(tmp_path)
  argv = ['s', '--config=c.py:ideal', '--config.a=c.py']
  assert cli.find_config(argv, folder) == argv
  assert argv == ['s', '--config=c.py:ideal', '--config.a=c.py']


def test_nothing_can_be_below_a_number():
  config = ml_collections.ConfigDict({'a': {'b': 1}})
  with pytest.raises(ValueError, match="no field 'c', expected nothing below"):
    cli.check_fields(['--config.a.b.c=3'], config)


def test_help_lists_every_field_of_the_config_with_its_default():
  config = ml_collections.ConfigDict({'a': {'b': (1, 2)}, 'seed': 0})
  lines = cli._fields(config).splitlines()
  assert lines[-2:] == ['  --config.a.b=[1, 2]', '  --config.seed=0']


def test_a_config_flag_without_its_file_is_named(tmp_path):
  with pytest.raises(ValueError, match='--config is the last argument'):
    cli.find_config(['s', '--config'], tmp_path)


@pytest.mark.parametrize('end', ['--config=x.py', '--config'])
def test_a_config_is_no_flag_of_a_script_without_one(end, monkeypatch):
  """absl says that; nothing here reads the file."""
  known = cli.flags.FlagValues()
  monkeypatch.setattr(cli.flags, 'FLAGS', known)
  assert cli._config_path(['s', end]) == '' and cli.given_fields() == {}
  cli.flags.DEFINE_string('config', '', '', flag_values=known)
  assert cli._config_path(['s', '--config', 'x.py']) == 'x.py'
  assert cli._config_path(['s', '--config=x.py', '--y']) == 'x.py'
  assert cli._config_path(['s', '--config']) == ''


def test_an_error_line_is_never_longer_than_700_characters(capsys):
  with pytest.raises(SystemExit) as e:
    cli._fail(ValueError('a \n b' * 1000))
  line = capsys.readouterr().err
  assert e.value.code == 1 and line.count('\n') == 1
  assert len(line) == 701 and ': error: a ba b' in line
