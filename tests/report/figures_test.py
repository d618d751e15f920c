"""Pictures and plots as PNG."""

import io

import numpy as np
import pytest
from matplotlib import image as mpl_image
from PIL import Image

from advmix_jax.report import figures


def decode(png):
  return mpl_image.imread(io.BytesIO(png), format='png')


def test_picture_grid_shows_its_pictures():
  red, blue = np.zeros((2, 8, 8, 3))
  red[..., 0], blue[..., 2] = 1, 1
  png = figures.picture_grid(
    np.stack([[red, red, red], [blue, blue, blue]]),
    row_names=['images', 'mixes'],
    captions=[['3 (0.99)'] * 3] * 2,
  )
  pixels = decode(png)[..., :3].reshape(-1, 3)
  reds = (pixels == [1, 0, 0]).all(1).sum()
  blues = (pixels == [0, 0, 1]).all(1).sum()
  assert reds > 1000 and reds == pytest.approx(blues, rel=0.1)


def _is_shown(picture, image):
  """Whether `picture` has `image`, [H, W, 3], somewhere, pixel by pixel."""
  windows = np.lib.stride_tricks.sliding_window_view(picture, image.shape)
  corners = (windows[..., 0, 0, :] == image[0, 0]).all(-1)
  return any((window == image).all() for window in windows[corners])


def test_a_pixel_of_a_digit_is_nine_on_the_screen():
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (2, 3, 32, 32, 3), np.uint8)
  png = figures.picture_grid(
    images, row_names=['before', 'after'], captions=[['7: 98%'] * 3] * 2
  )
  picture = np.asarray(Image.open(io.BytesIO(png)).convert('RGB'))
  for image in images.reshape(-1, 32, 32, 3):
    assert _is_shown(picture, image.repeat(3, axis=0).repeat(3, axis=1))


def test_floats_and_bytes_make_the_same_picture():
  images = np.random.default_rng(0).integers(0, 256, (1, 2, 8, 8, 3), np.uint8)
  png = figures.picture_grid(images, row_names=[''])
  assert figures.picture_grid(images / 255, row_names=['']) == png


def test_one_channel_is_grey():
  images = np.full((1, 1, 8, 8, 1), 99, np.uint8)
  pixels = decode(figures.picture_grid(images, row_names=['']))
  middle = 255 * pixels[pixels.shape[0] // 2, pixels.shape[1] // 2, :3]
  np.testing.assert_allclose(middle, 99, atol=0.5)


def test_names_and_captions_take_place_beside_the_pictures():
  images = np.zeros((1, 2, 8, 8, 3), np.uint8)
  bare = decode(figures.picture_grid(images, row_names=['']))
  named = decode(figures.picture_grid(images, row_names=['before']))
  both = decode(
    figures.picture_grid(
      images, row_names=['before'], captions=[['7: 98%', '']]
    )
  )
  assert named.shape[1] > bare.shape[1] and named.shape[0] == bare.shape[0]
  assert both.shape[0] > named.shape[0] and both.shape[1] == named.shape[1]
  black = [(p[..., :3] == 0).all(-1).sum() for p in (bare, both)]
  assert black[0] <= black[1]  # No text hides a picture.


def test_picture_grid_refuses_another_shape():
  with pytest.raises(ValueError, match='row names'):
    figures.picture_grid(np.zeros((2, 8, 8, 3)), row_names=['a', 'b'])


def test_line_plot_is_a_png():
  png = figures.line_plot(
    {'AdvMix': ([1, 2, 5], [0.9, 0.85, 0.8])}, x_label='N_r', y_label='accuracy'
  )
  assert decode(png).ndim == 3
