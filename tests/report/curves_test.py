"""Claims about advmix_jax/report/curves.py."""

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


def test_bands_over_seeds_are_named_so():
  """A cell of one seed has Wilson's interval over images."""
  assert curves._bands(CURVES).endswith("95% intervals, Student's t over seeds")
  one = {'AdvMix': [(0.0, Cell(0.9, 0.8, 1.0, 1, 1))]}
  assert curves._bands(CURVES | one).endswith('95% intervals')


def test_curves_that_lie_on_each_other_at_the_top_are_drawn_once_more():
  high = [(0.0, 0.97, 0.96, 0.98), (1.0, 0.95, 0.9, 1.0)]
  low = [(0.0, 0.1, 0.0, 0.2), (1.0, 0.95, 0.9, 1.0)]
  for names, insets in (('abc', 1), ('ab', 0)):
    axis = figure.Figure().subplots()
    curves._magnify(axis, dict.fromkeys(names, high) | {'low': low})
    assert len(axis.child_axes) == insets
  assert axis.get_legend() is None
