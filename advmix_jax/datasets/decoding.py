"""One image file: its format, its pixels and the part of it that is kept.

Contents: FORMATS, MAX_PIXELS, is_html, is_hidden, is_image_name, whole_square,
decode.
"""

import io
import pathlib
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from advmix_jax.datasets import pixels
from advmix_jax.ops import area
from advmix_jax.runtime import untrusted

# Pillow's names. It starts other programs for some of its further formats.
FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP')
MAX_PIXELS = 2**26  # Of one image.
_DEEP = ('I;16', 'I;16B', 'I;16L', 'I;16N', 'I', 'F')  # One channel, > 8 bits.
_ORIENTATION = 0x0112  # The tag of EXIF.
_TURNS = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}
# What Pillow raises for files that are no image or damaged.
_FAULTS = (
  OSError,
  SyntaxError,
  ValueError,
  EOFError,
  struct.error,
  Image.DecompressionBombError,
)


def is_html(data: bytes) -> bool:
  """Whether bytes begin like a web page, as what a failed download leaves."""
  return data[:64].lstrip().lower().startswith((b'<!doctype', b'<html'))


def is_hidden(name: str) -> bool:
  """Whether a part of a file's path is hidden, or a system's own folder."""
  parts = pathlib.PurePosixPath(name).parts
  return any(part.startswith(('.', '@')) for part in parts)


def is_image_name(name: str) -> bool:
  """Whether a file's name ends as FORMATS do."""
  known = Image.registered_extensions()
  return known.get(pathlib.PurePosixPath(name).suffix.lower()) in FORMATS


def whole_square(height: int, width: int) -> area.Box:
  """The largest square in the middle of an image."""
  side = min(height, width)
  top, left = (height - side) / 2, (width - side) / 2
  return area.Box(top, left, top + side, left + side)


def _upright(image):
  """The image, turned as its EXIF orientation says, if that can be read."""
  image.load()  # Turns a TIFF, and drops its tag.
  try:
    orientation = image.getexif().get(_ORIENTATION)
  except Exception:  # Of a damaged block; the pixels may be whole.
    return image
  turn = _TURNS.get(orientation)
  return image if turn is None else image.transpose(turn)


def _levels(image, kind):
  """An image as [H, W, 3] float32 from 0 to 255; `kind`: of FORMATS."""
  if image.mode == 'LAB':
    raise ValueError('has the colours L, a and b, expected RGB or grey')
  if image.mode not in _DEEP:
    return np.asarray(image.convert('RGB'), np.float32)
  # `convert` would turn all above 255 white.
  levels = np.asarray(image, np.float32)
  if image.mode == 'I' and kind == 'TIFF':
    raise ValueError('has 32 bits a channel, expected 8 or 16')
  low, high = float(levels.min()), float(levels.max())
  if image.mode == 'F' or low < 0 or high > 65535:
    raise ValueError(
      f'has levels from {low:g} to {high:g} in mode {image.mode!r}, expected '
      'whole numbers from 0 to 65535'
    )
  return np.repeat(levels[..., None] * (255 / 65535), 3, axis=-1)


def decode(
  data: bytes, name: str, size: int, box_fn: Callable[[int, int], area.Box]
) -> np.ndarray:
  """One image file as [size, size, 3] uint8.

  It is turned as its EXIF orientation says. Of several pages or frames the
  first is used, and of a transparent image the colours, as if it were opaque.

  Args:
    data: the file's bytes, in one of FORMATS, whatever its name says.
    name: of the file, for errors.
    size: height and width of the result.
    box_fn: (height, width) -> the part that is kept.

  Raises:
    ValueError: no image, damaged, larger than MAX_PIXELS, with more than 16
      bits a channel, of other colours than RGB, or `box_fn` refuses.
  """
  if is_html(data):
    raise ValueError(f'{name}: is an HTML page, expected an image')
  try:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
      if image.width * image.height > MAX_PIXELS:
        raise ValueError(
          f'has {image.width}x{image.height} pixels, expected at most '
          f'{MAX_PIXELS}'
        )
      upright = _upright(image)
      box = box_fn(upright.height, upright.width)
      array = _levels(upright, image.format)
  except _FAULTS as error:
    reason = untrusted.first_line(error).partition(' <_io.BytesIO')[0]
    raise ValueError(f'{name}: {reason}') from error
  return pixels.to_uint8(area.resize(array, box, size) / 255)
