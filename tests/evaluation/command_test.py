"""What advmix-evaluate makes of its flags; see tests/processes/ for runs."""

import types

import numpy as np
import pytest
from PIL import Image

from advmix_jax.evaluation import command

_ROWS = 'file,label,split\na.png,owl,test\nb.png,jay,train\n'


@pytest.mark.parametrize(
  'value, message',
  [
    ('', "--model is '', expected module:function"),
    ('numpy', "--model is 'numpy'"),
    ('no_such_module:f', "No module named 'no_such_module'"),
    ('numpy:no_such_name', 'no no_such_name in numpy'),
  ],
)
def test_a_bad_model_is_named(value, message, monkeypatch):
  monkeypatch.setattr(command.sys, 'path', list(command.sys.path))
  with pytest.raises(ValueError, match=message):
    command._model(value)


def test_a_model_is_looked_up_in_the_current_folder(tmp_path, monkeypatch):
  (tmp_path / 'model_of_a_user.py').write_text('logits = len\n')
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(command.sys, 'path', list(command.sys.path))
  assert command._model('model_of_a_user:logits') is len


def test_data_are_a_file_a_folder_or_a_name(tmp_path, monkeypatch):
  image = np.full((3, 8, 8, 3), 9, np.uint8)
  np.savez(tmp_path / 'cells.npz', test_image=image, test_label=[0, 1, 1])
  found = command._test_set(str(tmp_path / 'cells.npz'), 8, 2)
  assert found.image.shape == (2, 8, 8, 3)
  folder = tmp_path / 'birds'
  folder.mkdir()
  Image.fromarray(np.full((20, 30, 3), 9, np.uint8)).save(folder / 'a.png')
  (folder / 'labels.csv').write_text(_ROWS)
  monkeypatch.setenv('HOME', str(tmp_path))  # Decoded images are kept there.
  found = command._test_set(str(folder), 16, 0)
  assert found.image.shape == (1, 16, 16, 3)
  assert len(command._test_set('colored_mnist', 32, 5).label) == 5
  with pytest.raises(ValueError, match='--data is missing'):
    command._test_set('', 8, 0)


def test_options_change_the_standard_attack():
  names = dict.fromkeys(command._ATTACK)
  values = {name: types.SimpleNamespace(value=None) for name in names}
  standard = command._attack(values)
  assert (standard.restarts, standard.steps, standard.eps) == (10, 5, 0.03)
  values['eps'].value = 0.5
  changed = command._attack(values)
  assert changed.eps == 0.5 and changed.restarts == 10
