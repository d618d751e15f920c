"""Which part of a CelebA image is used: the square of CelebA-HQ and FFHQ.

CelebA's aligned images put the eyes and the mouth of each face at the same
place of a frame of 178x218 pixels. Official generators of faces are trained on
images cut by a rule on those places (Karras et al. 2018, appendix C):

  centre = middle of the eyes + 0.1 * (from the eyes to the mouth)
  side   = max(2 * distance of the eyes, 1.8 * distance of eyes and mouth) * 2

Applied to the places of the aligned frame, the rule gives one square for all
images. So a classifier, a generator trained here and an official generator see
faces in the same place. The rule also turns each face a little; with aligned
images that turn is small and is left out.

Contents: FRAME, SQUARE, in_frame.
"""

from advmix_jax.ops import area

FRAME = (218, 178)  # Height and width of aligned CelebA images.

# Mean places (row, column) of aligned CelebA's landmarks.
_EYES = ((111.5, 69.5), (111.5, 108.0))
_MOUTH = (152.5, 88.75)  # The middle of its corners.


def _square() -> area.Box:
  """The rule above, without its turn."""
  (row, left), (_, right) = _EYES
  eye_to_eye, eye_to_mouth = right - left, _MOUTH[0] - row
  half = max(2 * eye_to_eye, 1.8 * eye_to_mouth)
  center_row, center_column = row + 0.1 * eye_to_mouth, (left + right) / 2
  return area.Box(
    center_row - half,
    center_column - half,
    center_row + half,
    center_column + half,
  )


SQUARE = _square()


def in_frame(height: int, width: int) -> area.Box:
  """The square in an image of the whole frame, whatever its size.

  Raises:
    ValueError: the image has other proportions than the frame, by more than one
      pixel.
  """
  scale = height / FRAME[0]
  if abs(width - scale * FRAME[1]) > 1:
    raise ValueError(
      f'image of {width}x{height} pixels, expected the proportions of '
      f'{FRAME[1]}x{FRAME[0]}, those of img_align_celeba'
    )
  across = width / FRAME[1]
  return area.Box(
    SQUARE.top * scale,
    SQUARE.left * across,
    SQUARE.bottom * scale,
    SQUARE.right * across,
  )
