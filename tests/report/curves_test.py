"""Claims about advmix_jax/report/curves.py."""

import numpy as np
from matplotlib import figure

from advmix_jax.report import curves
from advmix_jax.report.results import Cell

CURVES = {
  'AdvMix': [(0.0, Cell(0.9, 0.8, 1.2, 3, 1)), (0.5, Cell(0.8, 0.7, 0.9, 3, 1))]
}


def test_a_plot_is_a_png_and_an_svg_of_the_same_bytes_each_time():
  first, again = (
    curves.plot(CURVES, x_label='sigma', y_label='accuracy') for _ in range(2)
  )
  png, svg = first
  assert png.startswith(b'\x89PNG') and b'<svg' in svg
  assert first == again


def test_a_band_is_drawn_within_the_axis():
  clipped = {'AdvMix': [(x, c._replace(high=1.0)) for x, c in CURVES['AdvMix']]}
  clipped['AdvMix'][1] = CURVES['AdvMix'][1]
  labels = {'x_label': 'x', 'y_label': 'y'}
  assert curves.plot(clipped, **labels) == curves.plot(CURVES, **labels)


def test_a_line_is_the_mean_and_its_band_the_whole_interval():
  axis = figure.Figure().subplots()
  curves.draw(axis, {'AdvMix': [(0.0, 0.5, 0.3, 0.6), (1.0, 0.8, 0.7, 1.2)]})
  (line,) = axis.get_lines()
  np.testing.assert_allclose(line.get_xydata(), [(0, 50), (1, 80)])
  (band,) = axis.collections
  corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
  assert corners == {(0, 30), (0, 60), (1, 70), (1, 100)}


def test_bands_over_seeds_are_named_so():
  """A cell of one seed has Wilson's interval over images."""
  one = {'RandMix': [(0.0, Cell(0.9, 0.8, 1.0, 1, 1))]}
  student, wilson = "Student's t over seeds", "Wilson's of one seed"
  for shown, kinds in (
    (CURVES, student),
    (one, wilson),
    (CURVES | one, f'{student}, {wilson}'),
  ):
    assert curves._bands(shown) == f'bands: 95% intervals,\n{kinds}'


def test_one_curve_may_be_bold_and_no_two_look_alike():
  names = [str(i) for i in range(14)]
  axis = figure.Figure().subplots()
  curves.draw(axis, dict.fromkeys(names, [(0.0, 0.5, 0.4, 0.6)]), bold='3')
  looks = [(x.get_color(), x.get_linestyle()) for x in axis.get_lines()]
  assert len(set(looks)) == len(names)
  black = [i for i, (color, _) in enumerate(looks) if color == '#000000']
  assert black == [3] and axis.get_lines()[3].get_linewidth() == 2.5


def test_curves_that_lie_on_each_other_at_the_top_are_drawn_once_more():
  high = [(0.0, 0.97, 0.96, 0.98), (1.0, 0.95, 0.9, 1.0)]
  low = [(0.0, 0.1, 0.0, 0.2), (1.0, 0.95, 0.9, 1.0)]
  for names, insets in (('abc', 1), ('ab', 0)):
    axis = figure.Figure().subplots()
    curves._magnify(axis, dict.fromkeys(names, high) | {'low': low}, '')
    assert len(axis.child_axes) == insets
  assert axis.get_legend() is None
