"""Claims about experiments/figures: what the panels of each figure hold.

Two of them compile an attack, which takes some seconds.
"""

import importlib

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import paths

from advmix_jax import types
from advmix_jax.generators import toy
from advmix_jax.report import figures as report_figures
from advmix_jax.report import illustrations


@pytest.fixture
def module(monkeypatch):
  """module(name): a file of experiments/figures."""
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  return lambda name: importlib.import_module(f'figures.{name}')


def test_figure_4_moves_points_along_x1_alone(
  module, compile_fast, monkeypatch
):
  figure_4 = module('figure_4')
  monkeypatch.setattr(figure_4, '_STEPS', figure_4._SNAPSHOTS)
  image, label = toy.sample(seed=0, size=figure_4._SIZE)
  batch = types.Batch(jnp.asarray(image), label, toy.encode(image))
  before = np.asarray(toy.to_points(image))
  found, _ = figure_4._train(figure_4._config('advmix'), batch)
  after = np.asarray(toy.to_points(found.image))
  np.testing.assert_allclose(after[:, 1], before[:, 1], atol=1e-4)
  moved = np.abs(after[:, 0] - before[:, 0]) > 0.1
  assert moved.mean() > 0.5
  # Five deviations of the generator, and the ball of 1.
  assert after[:, 0].min() > -9 - 1 and after[:, 0].max() < 19 + 1


def test_figure_6_is_written_as_png_and_svg(module, tmp_path):
  found = module('figure_6').make(tmp_path)
  assert [path.name for path in found] == ['figure_6.png', 'figure_6.svg']
  assert all(path.stat().st_size > 1000 for path in found)


@pytest.fixture
def quick_digits(module, monkeypatch):
  """The shared part, with the exact generator and an untrained classifier."""
  digits = module('digits')
  config = digits.config()
  config.generator.name = 'ideal'
  config.data.num_train = 100
  config.attack.restarts = 1
  monkeypatch.setattr(digits, 'config', lambda: config)
  weights = np.random.default_rng(0).normal(size=(3072, 10)).astype('f4')

  def logits_fn(image):
    return image.reshape(len(image), -1) @ weights / 50

  monkeypatch.setattr(digits, 'nominal_logits_fn', lambda config: logits_fn)
  return digits


def test_figures_2_and_9_show_the_examples_of_their_methods(
  quick_digits, compile_fast, module, monkeypatch, tmp_path
):
  grids = {}

  def picture_grid(images, *, row_names, captions):
    grids[tuple(row_names)] = images
    return b'png'

  monkeypatch.setattr(report_figures, 'picture_grid', picture_grid)
  monkeypatch.setattr(illustrations.figures, 'picture_grid', picture_grid)
  for name in ('figure_2', 'figure_9'):
    (path,) = module(name).make(tmp_path)
    assert path.name == f'{name}.png' and path.read_bytes() == b'png'
  (rows, two), (other, nine) = grids.items()
  assert rows == ('original', 'mixup', 'Cutout', 'CutMix', 'AdvMix')
  assert two.shape == (5, 10, 32, 32, 3)
  names = ('mixup', 'l_inf, eps 0.1', 'AdvMix')
  assert other == ('image', *(n for x in names for n in (x, 'difference')))
  np.testing.assert_array_equal(two[0], nine[0])
  np.testing.assert_array_equal(two[-1], nine[-2])
  assert np.abs(nine[3] - nine[0]).max() <= 0.1 + 1e-6  # Rounding of x + eps.
  cut = two[2]
  assert ((cut == two[0]) | (cut == 0)).all() and (cut != two[0]).any()
