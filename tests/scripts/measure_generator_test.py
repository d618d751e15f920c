"""experiments/measure_generator.py: the size of images, and whose they are."""

import json

import pytest
from helpers import made_images, random_params, scripts

from advmix_jax import datasets, generators
from advmix_jax.evaluation import image_generators
from advmix_jax.runtime import shipped


@pytest.fixture
def script(tmp_path, monkeypatch):
  """The script, with made faces and a random generator of 16x16."""
  made_images.write_celeba(tmp_path)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  script = scripts.load(
    'measure_generator',
    monkeypatch,
    GENERATOR=str(tmp_path / 'generator.npz'),
    DATA_DIR=str(tmp_path),
    RECORD=str(tmp_path / 'records.jsonl'),
  )
  _save(script)
  return script


def _save(script, **more):
  fields = {'resolution': 16, 'fmaps': (8, 8, 8), 'split': 2}
  random_params.save_stylegan(script.GENERATOR.value, fields, **more)


@pytest.fixture
def measured(script, monkeypatch):
  """Runs the script; returns its record and the shapes that it compared."""
  found = {}

  def measure(rng, generator, params, *, real, features_fn, judge):
    found['real'] = real.shape
    found['made'] = generators.image_shape(generator, params)
    return {}

  def call():
    script.main([])
    with open(script.RECORD.value) as f:
      return json.loads(f.readlines()[-1]) | found

  monkeypatch.setattr(image_generators, 'measure', measure)
  return call


def test_flags_that_nothing_reads_are_refused(script, measured):
  _save(script, training={'data': {'name': 'celeba', 'resolution': 16}})
  script.NUM_MIXES.value = 7
  with pytest.raises(ValueError, match='--num_mixes does nothing for other'):
    measured()
  _save(script, training={'data': {'name': 'colored_mnist'}})
  script.NUM_MIXES.value, script.JUDGE.value = 2000, 'judge.npz'
  with pytest.raises(ValueError, match='--judge does nothing for digits'):
    script.main([])


def test_a_file_that_says_nonsense_of_its_training_is_refused(script):
  for training in ('x', [1], {'data': 'x'}):
    _save(script, training=training)
    with pytest.raises(ValueError, match='corrupt .training is no config'):
      script.main([])


def test_a_file_of_other_records_is_refused_before_anything_is_drawn(script):
  with open(script.RECORD.value, 'w') as f:
    f.write('no JSON')
  _save(script, training={'data': {'name': 'celeba'}})
  with pytest.raises(ValueError, match='not a file of records'):
    script.main([])


def test_the_file_says_what_its_images_are_compared_with(script, measured):
  data = datasets.default_config('celeba')
  data.resolution = 16
  _save(script, training={'data': data.to_dict()})
  record = measured()
  assert record['real'] == (2, 16, 16, 3) and record['made'] == (16, 16, 3)
  assert 'size' not in record and 'split' not in record


def test_the_output_is_what_is_printed_and_replaces_no_generator(
  script, measured, tmp_path, capsys
):
  script.DATA.value, script.SIZE.value = 'celeba', 16
  script.OUTPUT.value = str(tmp_path / 'new' / 'results.json')
  measured()
  assert (
    tmp_path / 'new' / 'results.json'
  ).read_text() == capsys.readouterr().out
  script.OUTPUT.value = script.GENERATOR.value
  with pytest.raises(ValueError, match='is the source itself'):
    measured()


def test_a_converted_generator_is_compared_with_data_in_any_size(
  script, measured
):
  with pytest.raises(ValueError, match='expected --data=celeba or folder'):
    script.main([])
  script.DATA.value, script.SIZE.value = 'celeba', 64
  script.JUDGE.value = shipped.DATA / 'face_judge.npz'
  record = measured()
  assert record['real'] == (2, 64, 64, 3) and record['made'] == (64, 64, 3)
  assert record['size'] == 64


def test_another_size_than_the_judges_is_refused_before_images_are_read(
  script, monkeypatch
):
  script.DATA.value = 'celeba'
  script.JUDGE.value = shipped.DATA / 'face_judge.npz'
  monkeypatch.setattr(datasets, 'load', None)
  with pytest.raises(
    ValueError,
    match=r'images \(16, 16, 3\), expected \(64, 64, 3\), as the judge sees; '
    '--size=64 resizes them',
  ):
    script.main([])


def test_another_size_than_the_datas_is_refused(script, monkeypatch):
  script.DATA.value = 'celeba'
  monkeypatch.setattr(image_generators, 'measure', None)
  with pytest.raises(ValueError, match=r'expected \(64, 64, 3\), as the data'):
    script.main([])


def test_a_split_is_for_digits(script):
  script.DATA.value, script.SPLIT.value = 'celeba', 3
  with pytest.raises(ValueError, match='--split=3: is for coloured digits'):
    script.main([])
