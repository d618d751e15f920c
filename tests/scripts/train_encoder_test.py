"""experiments/train_encoder.py: latents of one generator, in its folder."""

import importlib
import pathlib
import shutil
import types

import numpy as np
import pytest
from helpers import paths, scripts

from advmix_jax import datasets
from advmix_jax.encoder import pipeline
from advmix_jax.runtime import run_folder, shipped


@pytest.mark.parametrize('name', ['face_generator.npz', 'generator.npz'])
def test_latents_of_another_generator_are_not_overwritten(
  name, tmp_path, monkeypatch
):
  """The latents that ship are those of generator.npz."""
  script = scripts.load(
    'train_encoder', monkeypatch, GENERATOR=str(shipped.DATA / name)
  )
  path = script._latents_path(tmp_path, 'test')
  config = pipeline.config_for('')
  script._check_latents(path, config)  # There is none yet.
  shutil.copy(shipped.DATA / 'latents_test.npz', path)
  if name == 'generator.npz':
    script._check_latents(path, config)
    config.generator.split = 4
    with pytest.raises(ValueError, match=r'generator.split=0 \(now 4\)'):
      script._check_latents(path, config)
    return
  with pytest.raises(ValueError, match='latents of another generator'):
    script._check_latents(path, config)


def test_a_folder_of_another_generator_is_refused(tmp_path, monkeypatch):
  """The path is the same: the generator was trained once more."""
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  path, workdir = tmp_path / 'generator.npz', tmp_path / 'run'
  config = importlib.import_module('configs.encoder').get_config()
  script = scripts.load(
    'train_encoder',
    monkeypatch,
    GENERATOR=str(path),
    CONFIG=config,
    WORKDIR=str(workdir),
  )
  path.write_bytes(b'first')
  run_folder.claim_workdir(config, workdir)
  run_folder.claim_file(workdir, 'generator', path)
  monkeypatch.setattr(datasets, 'load', lambda *_: 1 / 0)
  with pytest.raises(ZeroDivisionError):  # The same one: goes on to the data.
    script.main([])
  path.write_bytes(b'second')
  with pytest.raises(ValueError, match='holds a run of another generator'):
    script.main([])


@pytest.mark.parametrize(
  ('name', 'widths', 'message'),
  [
    ('face_generator', (4,), r'\(64, 64, 3\), .*--config.generator.size=32'),
    ('generator', (4,) * 6, r'inversion.widths is .*, expected 1 to 5'),
  ],
)
def test_a_start_that_cannot_fit_claims_no_folder(
  name, widths, message, tmp_path, monkeypatch
):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  config = importlib.import_module('configs.encoder').get_config()
  config.inversion.widths = widths
  config.data.num_train = 4
  path = str(shipped.DATA / f'{name}.npz')
  script = scripts.load('train_encoder', monkeypatch, GENERATOR=path)
  data = datasets.load(config.data, 'train')
  with pytest.raises(ValueError, match=message):
    script._start(None, tmp_path, tmp_path / 'encoder.npz', config, data)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ('flags', 'path', 'message'),
  [
    ({}, '', '--output_dir is missing: .* ships'),
    ({}, 'gan.npz', 'does nothing here, expected --generator=gan.npz'),
    ({'OUTPUT_DIR': 'x', 'ENCODE': ['training']}, '', "has 'training', expect"),
  ],
  ids=str,
)
def test_what_ships_is_not_overwritten_by_a_forgotten_flag(
  flags, path, message, monkeypatch
):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  config = importlib.import_module('configs.encoder').get_config()
  config.generator.path = path
  script = scripts.load('train_encoder', monkeypatch, **flags)
  with pytest.raises(ValueError, match=message):
    script._check_flags(config)


@pytest.mark.parametrize('output', ['', 'same', 'relative', 'other'])
def test_the_start_goes_to_the_folder_of_its_generator(
  output, tmp_path, monkeypatch
):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  shutil.copy(shipped.DATA / 'generator.npz', tmp_path / 'generator.npz')
  (tmp_path / 'other').mkdir()
  folders = {'same': tmp_path, 'relative': tmp_path / 'other' / '..'}
  script = scripts.load(
    'train_encoder',
    monkeypatch,
    GENERATOR=str(tmp_path / 'generator.npz'),
    OUTPUT_DIR=output and str(folders.get(output, tmp_path / 'other')),
    CONFIG=importlib.import_module('configs.encoder').get_config(),
    WORKDIR=str(tmp_path / 'run'),
    ENCODE=['test'],
  )
  seen = []

  def start(rng, workdir, path, config, dataset):
    seen.append(pathlib.Path(path).resolve())
    raise RuntimeError('trains')

  parts = []

  def load(config, split):
    parts.append(split)
    return types.SimpleNamespace(image=None)

  monkeypatch.setattr(datasets, 'load', load)
  monkeypatch.setattr(script, '_start', start)
  if output == 'other':
    with pytest.raises(ValueError, match='expected the folder of'):
      script.main([])
    return
  with pytest.raises(RuntimeError, match='trains'):
    script.main([])
  assert seen == [(tmp_path / 'encoder.npz').resolve()]
  assert parts == ['test', 'train']  # A missing part fails before the training.


def test_latents_that_are_there_are_not_made_again(
  tmp_path, monkeypatch, capsys
):
  """A run that was stopped while it encoded the second part."""
  script = scripts.load('train_encoder', monkeypatch)
  monkeypatch.setattr(script, '_images', lambda *_: np.zeros((2, 4, 4, 3)))
  monkeypatch.setattr(pipeline, 'encode_to_file', lambda *_: 1 / 0)
  setting = types.SimpleNamespace(provenance={'a': 1})
  seen = []

  def made_as(path, images, wanted):
    seen.append((path, len(images), wanted))
    return images, 0.0

  monkeypatch.setattr(script.lookup, 'made_as', made_as)
  script._encode(setting, None, tmp_path, 'train')
  assert seen == [(tmp_path / 'latents_train.npz', 2, {'a': 1})]
  assert 'has the latents of 2 images already' in capsys.readouterr().out


def test_a_generator_that_is_not_there_names_its_flag(monkeypatch, tmp_path):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  config = importlib.import_module('configs.encoder').get_config()
  path = str(tmp_path / 'gan.npz')
  script = scripts.load('train_encoder', monkeypatch, GENERATOR=path)
  with pytest.raises(FileNotFoundError, match='--generator=.*: no such file'):
    script._check_flags(config)
