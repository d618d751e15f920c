"""One image file: which formats are opened, and what becomes of its pixels."""

import io

import numpy as np
import pytest
from helpers import made_images
from PIL import EpsImagePlugin, Image, ImageOps

from advmix_jax.datasets import decoding
from advmix_jax.ops import area


def _decoded(image, **options):
  file = io.BytesIO()
  image.save(file, **options)
  return decoding.decode(file.getvalue(), 'it', 4, decoding.whole_square)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_tiff_is_turned_once(orientation):
  """Pillow turns it while it loads. Seen upright, its first row is white."""
  upright = np.zeros((4, 4, 3), np.uint8)
  upright[0] = 255
  back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
  turn = back.get(orientation, decoding._TURNS.get(orientation))
  image = Image.fromarray(upright)
  stored = image if turn is None else image.transpose(turn)
  exif = Image.Exif()
  exif[0x0112] = orientation
  found = _decoded(stored, format='TIFF', exif=exif)
  np.testing.assert_array_equal(found, upright)


def test_a_dark_deep_ppm_stays_dark():
  """255 of 65,535 is black; the same level of a PNG is."""
  levels = np.full((4, 4), 255, '>u2')
  data = b'P5 4 4 65535\n' + levels.tobytes()
  found = decoding.decode(data, 'it', 4, decoding.whole_square)
  np.testing.assert_array_equal(found, 1)


def test_other_colours_than_rgb_are_refused():
  image = Image.new('LAB', (4, 4))
  with pytest.raises(ValueError, match='it: has the colours L, a and b'):
    _decoded(image, format='TIFF')


@pytest.mark.parametrize('orientation', range(1, 9))
def test_an_image_is_turned_as_its_camera_says(orientation):
  """As Pillow's own function turns it."""
  image = Image.fromarray(made_images.picture(0, 4, 4))
  exif = Image.Exif()
  exif[0x0112] = orientation
  image.info['exif'] = exif.tobytes()
  found = _decoded(image, format='PNG', exif=exif)
  file = io.BytesIO()
  image.save(file, 'PNG', exif=exif)
  want = ImageOps.exif_transpose(Image.open(file))
  np.testing.assert_array_equal(found, np.asarray(want))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_part_that_is_kept_is_that_of_the_upright_image(orientation):
  """Its top left corner, of an image that is wide, or high on its side."""
  image = Image.fromarray(made_images.picture(0, 8, 12))
  exif = Image.Exif()
  exif[0x0112] = orientation
  file = io.BytesIO()
  image.save(file, 'PNG', exif=exif)
  upright = np.asarray(ImageOps.exif_transpose(Image.open(file)))
  sizes = []

  def corner(height, width):
    sizes.append((height, width))
    return area.Box(0, 0, 4, 4)

  found = decoding.decode(file.getvalue(), 'it', 4, corner)
  assert sizes == [upright.shape[:2]]
  np.testing.assert_array_equal(found, upright[:4, :4])


def test_an_image_with_a_damaged_exif_block_is_decoded():
  image = Image.fromarray(made_images.picture(0, 4, 4))
  found = _decoded(image, format='PNG', exif=b'Exif\x00\x00II*\x00\xff\xff')
  np.testing.assert_array_equal(found, np.asarray(image))


def test_sixteen_bits_become_eight():
  levels = np.linspace(0, 65535, 16).reshape(4, 4).astype(np.uint16)
  found = _decoded(Image.fromarray(levels), format='TIFF')
  want = np.repeat(np.round(levels / 257)[..., None], 3, axis=-1)
  np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(
  'level, type_, message',
  [
    # White may be 255, 65535 or more: one image can't say.
    (255, np.int32, 'has 32 bits a channel, expected 8 or 16'),
    (70000, np.int32, 'has 32 bits a channel, expected 8 or 16'),
    (1, np.float32, "levels from 1 to 1 in mode 'F', expected"),
  ],
)
def test_other_levels_are_refused(level, type_, message):
  image = Image.fromarray(np.full((4, 4), level, type_))
  with pytest.raises(ValueError, match=message):
    _decoded(image, format='TIFF')


def test_an_image_of_too_many_pixels_is_not_decoded(monkeypatch):
  buffer = io.BytesIO()
  Image.new('RGB', (100, 90)).save(buffer, 'png')
  monkeypatch.setattr(decoding, 'MAX_PIXELS', 8999)
  with pytest.raises(ValueError, match='x.png: has 100x90 pixels, .* 8999'):
    decoding.decode(buffer.getvalue(), 'x.png', 4, decoding.whole_square)


def test_no_format_that_starts_a_program_is_opened(monkeypatch):
  """Pillow hands PostScript to Ghostscript, whatever the file's name is."""
  ran = []
  monkeypatch.setattr(
    EpsImagePlugin, 'Ghostscript', lambda *_, **__: ran.append(1) or 1 / 0
  )
  file = io.BytesIO()
  Image.fromarray(made_images.picture(0, 9, 9)).save(file, 'EPS')
  with pytest.raises(ZeroDivisionError):  # Pillow would.
    Image.open(io.BytesIO(file.getvalue())).load()
  with pytest.raises(ValueError, match='0.jpg: cannot identify image file'):
    decoding.decode(file.getvalue(), '0.jpg', 4, decoding.whole_square)
  assert ran == [1]
  assert not decoding.is_image_name('a/0.eps')


@pytest.mark.parametrize('name', ['JPEG', 'PNG', 'WEBP', 'PPM', 'GIF', 'BMP'])
def test_formats_that_are_named_are_opened(name):
  image = Image.fromarray(np.full((4, 4, 3), 128, np.uint8))
  assert abs(_decoded(image, format=name).astype(int) - 128).max() <= 2
