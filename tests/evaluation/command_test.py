"""What advmix-evaluate makes of its flags; see tests/processes/ for runs."""

import os
import types

import numpy as np
import pytest
from PIL import Image

from advmix_jax import datasets, generators
from advmix_jax.evaluation import command
from advmix_jax.runtime import locks


class _Values(types.SimpleNamespace):
  """Flags of one call."""

  def __getitem__(self, name):
    return types.SimpleNamespace(value=getattr(self, name))


@pytest.fixture(name='call')
def fixture_call(monkeypatch, tmp_path):
  """Runs the command on two digits, with a classifier that is always sure."""

  def run(**changes):
    values = dict.fromkeys(command._ATTACK) | {
      **dict.fromkeys(command._GENERATOR, 0),
      **{'model': 'm:f', 'data': 'colored_mnist', 'generator': 'ideal'},
      **{'latents': '', 'output': str(tmp_path / 'out'), 'num_examples': 2},
      **{'batch_size': 2, 'seed': 0, 'ladder': False, 'judge': ''},
    }
    values = types.SimpleNamespace(FLAGS=_Values(**values | changes))
    monkeypatch.setattr(command, 'flags', values)
    return command._main([])

  logits = np.arange(10.0)
  monkeypatch.setattr(
    command, '_model', lambda _: lambda x: logits + 0 * x.sum((1, 2))[:, :1]
  )
  return run


_SMALLER = {'size': 16, 'split': 6, 'microbatch': 2}
_ROWS = 'file,label,split\na.png,owl,test\nb.png,jay,train\n'


@pytest.mark.parametrize(
  'value, message',
  [
    ('', "--model is '', expected module:function"),
    ('numpy', "--model is 'numpy'"),
    ('no_such_module:f', "No module named 'no_such_module'"),
    ('this_fails:f', '--model=this_fails:f: ZeroDivisionError: division'),
    ('this_ends:f', '--model=this_ends:f: SystemExit: 0'),
    ('numpy:no_such_name', 'no no_such_name in numpy'),
  ],
)
def test_a_bad_model_is_named(value, message, monkeypatch, tmp_path):
  (tmp_path / 'this_fails.py').write_text('1 / 0\n')
  (tmp_path / 'this_ends.py').write_text('import sys\nsys.exit(0)\n')
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(command.sys, 'path', list(command.sys.path))
  with pytest.raises(ValueError, match=message):
    command._model(value)


def test_a_model_is_looked_up_in_the_current_folder(tmp_path, monkeypatch):
  (tmp_path / 'model_of_a_user.py').write_text('logits = len\n')
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(command.sys, 'path', list(command.sys.path))
  assert command._model('model_of_a_user:logits') is len


def test_data_are_a_file_a_folder_or_a_name(tmp_path, monkeypatch):
  def test_set(value, resolution, count):
    config = command._data_config(value, resolution)
    return command._test_set(config, value, count)

  image = np.full((3, 8, 8, 3), 9, np.uint8)
  np.savez(tmp_path / 'cells.npz', test_image=image, test_label=[0, 1, 1])
  found = test_set(str(tmp_path / 'cells.npz'), 8, 2)
  assert found.image.shape == (2, 8, 8, 3)
  folder = tmp_path / 'birds'
  folder.mkdir()
  Image.fromarray(np.full((20, 30, 3), 9, np.uint8)).save(folder / 'a.png')
  (folder / 'labels.csv').write_text(_ROWS)
  monkeypatch.setenv('HOME', str(tmp_path))  # Decoded images are kept there.
  found = test_set(str(folder), 16, 0)
  assert found.image.shape == (1, 16, 16, 3)
  assert len(test_set('colored_mnist', 32, 5).label) == 5
  monkeypatch.chdir(tmp_path)
  folder.rename(tmp_path / 'celeba')  # A name of data that do not ship.
  assert test_set('celeba', 16, 0).image.shape == (1, 16, 16, 3)
  with pytest.raises(ValueError, match='--data is missing'):
    test_set('', 8, 0)


def test_options_change_the_standard_attack():
  names = dict.fromkeys(command._ATTACK)
  values = {name: types.SimpleNamespace(value=None) for name in names}
  standard = command._attack(values)
  assert (standard.restarts, standard.steps, standard.eps) == (10, 5, 0.03)
  values['eps'].value = 0.5
  changed = command._attack(values)
  assert changed.eps == 0.5 and changed.restarts == 10


@pytest.mark.parametrize(
  'option, message',
  [
    ({'unit': 'w_sd'}, "unit is 'w_sd'"),
    ({'restarts': 0}, 'restarts is 0'),
    ({'eps': -1.0}, 'eps is -1'),
  ],
)
def test_bad_options_of_the_attack_fail_before_images_are_encoded(
  option, message, call, monkeypatch
):
  monkeypatch.setattr(command.lookup, 'load_latents', None)
  with pytest.raises(ValueError, match=message):
    call(**option)


def test_an_output_that_cannot_be_written_fails_before_anything_long(
  call, monkeypatch, tmp_path
):
  def no(dir):
    raise PermissionError(13, 'Permission denied', f'{dir}/x')

  monkeypatch.setattr(command, '_model', None)
  file = tmp_path / 'file'
  file.touch()
  for path in (file, file / 'below'):
    with pytest.raises(ValueError, match=f'--output={path}: Not a directory'):
      call(output=str(path))
  monkeypatch.setattr(command.tempfile, 'TemporaryFile', no)
  with pytest.raises(ValueError, match='new: Permission denied, expected a'):
    call(output=str(tmp_path / 'new'))


def test_the_check_of_the_output_makes_nothing(tmp_path):
  command._check_output(tmp_path / 'a' / 'b')
  command._check_output(tmp_path)
  assert not list(tmp_path.iterdir())


def _fail(*_):
  raise OSError(28, 'No space left on device')


def test_what_cannot_be_saved_is_printed_all_the_same(
  call, monkeypatch, capsys
):
  found = types.SimpleNamespace(table='90.0', save=_fail)
  monkeypatch.setattr(command.standard, 'evaluate', lambda *_, **__: found)
  with pytest.raises(OSError, match='No space'):
    call()
  assert "table='90.0'" in capsys.readouterr().out


def test_a_folder_is_for_one_classifier(call, monkeypatch, tmp_path):
  saved = []
  found = types.SimpleNamespace(save=saved.append, valid=True)
  monkeypatch.setattr(command.standard, 'evaluate', lambda *_, **__: found)
  assert call() == call() == 0  # The same one is made anew.
  for changes in ({'model': 'm:g'}, {'data': 'rgb_mnist'}, {'eps': 0.5}):
    with pytest.raises(ValueError, match='another config: .*another --output'):
      call(**changes)
  assert call(model='m:g', output=str(tmp_path / 'other')) == 0
  assert len(saved) == 3


@pytest.mark.parametrize('name', ['size', 'split', 'microbatch', 'latents'])
def test_options_that_the_ideal_generator_has_not_are_refused(name, call):
  value = 'lat.npz' if name == 'latents' else 2
  with pytest.raises(ValueError, match=f'--{name} does nothing'):
    call(**{name: value})


def test_larger_generators_are_resized():
  config = command._config(_Values(generator='', latents='', **_SMALLER))
  assert config.generator.to_dict() | _SMALLER == config.generator.to_dict()
  assert config.encoder.start == 'average'  # What ships is of 32x32.
  made = generators.image_shape(*generators.load(config.generator))
  assert made == (16, 16, 3)


def test_what_cannot_be_printed_is_saved_all_the_same(call, monkeypatch):
  saved = []
  found = types.SimpleNamespace(save=saved.append)
  monkeypatch.setattr(command.standard, 'evaluate', lambda *_, **__: found)
  monkeypatch.setattr('builtins.print', lambda *_, **__: _fail())
  with pytest.raises(OSError, match='No space'):
    call()
  assert len(saved) == 1


def test_an_output_in_use_is_refused_before_anything_long(
  call, monkeypatch, tmp_path
):
  monkeypatch.setattr(command.lookup, 'load_latents', None)
  message = f'in use by process {os.getpid()}'
  with locks.hold(tmp_path / 'out'), pytest.raises(ValueError, match=message):
    call()


def test_digits_have_a_judge_and_other_data_one_of_a_file(call, monkeypatch):
  seen = []

  def evaluate(*_, judge_fn, **__):
    seen.append(judge_fn)
    raise InterruptedError

  monkeypatch.setattr(command.standard, 'evaluate', evaluate)
  for ladder in (True, False):
    with pytest.raises(InterruptedError):
      call(ladder=ladder)
  image = datasets.load(datasets.default_config('colored_mnist'), 'test').image
  assert seen[0](image[:4] / 255).shape == (4,) and seen[1] is None
  with pytest.raises(ValueError, match='--judge audits the ladder'):
    call(judge='judge.npz')
  with pytest.raises(ValueError, match='judge is judge.npz, but colored_mnist'):
    call(judge='judge.npz', ladder=True)


def test_test_images_are_looked_for_among_those_of_the_generator(
  call, monkeypatch
):
  calls = []
  monkeypatch.setattr(command.leaks, 'warn', lambda *given: calls.append(given))
  call()
  ((config, images),) = calls
  assert config.name == 'ideal'
  digits = datasets.load(datasets.default_config(), 'test')
  np.testing.assert_array_equal(images, digits.image[:2])
