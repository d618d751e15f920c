"""What both demos compare is checked before anything is made."""

import pytest
from helpers import scripts

from advmix_jax import training
from advmix_jax.evaluation import drawn
from advmix_jax.runtime import files


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    ({'METHODS': []}, '--methods is empty, expected one or more'),
    ({'SEEDS': []}, '--seeds is empty, expected one or more'),
    ({'SEEDS': ['0', '1', '00']}, '--seeds has 0 twice, expected each'),
    ({'METHODS': ['mixup', 'mixup']}, '--methods has mixup twice'),
    ({'METHODS': ['mixup', '']}, "method is '', expected one of"),
  ],
)
def test_a_bad_comparison_writes_nothing(flags, message, tmp_path, monkeypatch):
  monkeypatch.setattr(training, 'train_and_evaluate', None)
  workdir = tmp_path / 'demo'
  script = scripts.load('demo', monkeypatch, WORKDIR=str(workdir), **flags)
  script.CONFIG.value = training.default_config()
  with pytest.raises(ValueError, match=message) as error:
    script.main([])
  assert '\n' not in str(error.value) and not workdir.exists()


@pytest.mark.parametrize(
  ('name', 'field', 'flag'),
  [
    ('demo', 'seed', '--seeds'),
    ('demo', 'method', '--methods'),
    ('demo_faces', 'seed', '--seed'),
    ('demo_faces', 'data.path', '--workdir'),
  ],
)
def test_a_field_that_the_script_sets_itself_is_refused(
  name, field, flag, tmp_path, monkeypatch
):
  workdir = tmp_path / 'demo'
  script = scripts.load(name, monkeypatch, WORKDIR=str(workdir))
  script.CONFIG.value = training.default_config()
  given = {field: 1, 'optimizer.epochs': 1}
  monkeypatch.setattr(script.cli, 'given_fields', lambda: given)
  with pytest.raises(
    ValueError, match=f'--config.{field} does nothing here, expected {flag}'
  ):
    script.main([])
  assert not workdir.exists()


@pytest.mark.parametrize('methods', [[], ['foo']])
def test_methods_are_checked_before_faces_are_drawn(
  methods, tmp_path, monkeypatch
):
  monkeypatch.setattr(drawn, 'draw', None)
  workdir = tmp_path / 'faces'
  script = scripts.load(
    'demo_faces', monkeypatch, WORKDIR=str(workdir), METHODS=methods
  )
  script.CONFIG.value = training.default_config()
  with pytest.raises(ValueError, match='expected one'):
    script.main([])
  assert not workdir.exists()


def test_faces_of_another_program_are_not_replaced(tmp_path, monkeypatch):
  script = scripts.load('demo_faces', monkeypatch)
  made_by, data = {'seed': 0}, tmp_path / 'faces.npz'
  assert not script._is_there(tmp_path, made_by)
  data.write_text('mine')
  with pytest.raises(ValueError, match='faces.npz: is not of this demo'):
    script._is_there(tmp_path, made_by)
  (tmp_path / 'faces.json').write_text(files.json_text(made_by))
  assert not script._is_there(tmp_path, made_by)  # No latents: drawn again.
  (tmp_path / 'latents.npz').write_text('')
  assert script._is_there(tmp_path, made_by)
  with pytest.raises(ValueError, match='holds faces of other options'):
    script._is_there(tmp_path, {'seed': 1})
