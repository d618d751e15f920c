"""Claims about illustrations.py: what a reader sees in Figures 2, 4, 6, 9."""

import io

import numpy as np
import pytest
from PIL import Image

from advmix_jax.report import figures, illustrations


def panel(title='AdvMix'):
  rng = np.random.default_rng(0)
  x, y = np.linspace(0, 1, 5), np.linspace(0, 2, 7)
  return illustrations.Panel(
    title=title,
    original=rng.random((4, 2)),
    points=rng.random((6, 2)),
    share=np.linspace(0, 1, 6),
    x=x,
    y=y,
    probability=np.broadcast_to(y[:, None] / 2, (7, 5)),
  )


def test_the_boundary_lies_where_both_classes_are_equally_likely():
  figure = illustrations.scatter_panels([panel()], x_label='a', y_label='b')
  (axis,) = figure.axes
  lines = axis.collections[1].get_paths()[0].vertices
  np.testing.assert_allclose(lines[:, 1], 1.0)
  assert axis.get_title() == 'AdvMix' and axis.get_xlabel() == 'a'
  points = axis.collections[-1].get_offsets()
  np.testing.assert_array_equal(points, panel().points)


@pytest.mark.parametrize('kind', ['png', 'svg'])
def test_the_same_figure_gives_the_same_bytes(kind):
  first, again = (
    illustrations.render(
      illustrations.scatter_panels([panel()] * 2, x_label='', y_label=''), kind
    )
    for _ in range(2)
  )
  assert first == again
  start = {'png': b'\x89PNG', 'svg': b'<?xml'}[kind]
  assert first.startswith(start)


def test_swatches_show_the_colours_and_their_values():
  values = np.array([[1, 0, 0], [0, 0.2, 1]])
  images = np.zeros((2, 4, 4, 3))
  figure = illustrations.swatches(values, images, ['0', '1'])
  labels = [axis.get_xlabel() for axis in figure.axes]
  assert labels == ['', '', '1, 0, 0', '0, 0.2, 1']
  png = Image.open(io.BytesIO(illustrations.render(figure, 'png')))
  pixels = np.asarray(png.convert('RGB')).reshape(-1, 3)
  for value in ([255, 0, 0], [0, 51, 255]):
    assert (pixels == value).all(-1).sum() > 1000


def test_differences_are_enlarged_by_the_factor_that_they_name(monkeypatch):
  seen = {}

  def picture_grid(images, *, row_names, captions):
    seen.update(images=images, row_names=row_names, captions=captions)
    return b''

  monkeypatch.setattr(figures, 'picture_grid', picture_grid)
  images = np.full((3, 2, 2, 1), 0.25)
  varied = images + np.array([0.0, -0.125, 0.5])[:, None, None, None]
  varied[2, 0, 0] = 0.0
  illustrations.difference_grid(
    images, {'mix': varied}, caption_fn=lambda x: [f'{i.max():g}' for i in x]
  )
  assert seen['row_names'] == ['image', 'mix', 'difference']
  assert seen['captions'][:2] == [
    [f'{i.max():g}' for i in part] for part in (images, varied)
  ]
  assert seen['captions'][2] == ['none', 'x8.0', 'x2.0']
  np.testing.assert_array_equal(seen['images'][1], varied)
  difference = seen['images'][2]
  np.testing.assert_allclose(difference[:, 1, 1, 0], [0.5, 0, 1])
  np.testing.assert_allclose(difference[2, 0, 0, 0], 0.25)


def test_captions_name_the_classes_by_their_share():
  target = np.zeros((3, 10))
  target[0, 4] = 1
  target[1, [2, 7]] = 0.3, 0.7
  target[2, [2, 7]] = 0.999, 0.001  # Rounds to 0%.
  found = illustrations.target_captions(target)
  assert found == ['4', '7: 70%, 2: 30%', '2']
