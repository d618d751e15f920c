"""Drawn data sets: their latents decode to their images, labels are sure."""

import jax
import numpy as np
import pytest
from helpers import row_generator

from advmix_jax import datasets
from advmix_jax.datasets import pixels
from advmix_jax.encoder import latents_file
from advmix_jax.evaluation import attributes, drawn
from advmix_jax.runtime import shipped

JUDGE = attributes.AttributeJudge(None, ('top', 'never_sure'))


def _answer(judge, images):
  """Is the top row above the middle? Surely, if it is far from it."""
  assert judge is JUDGE and images.dtype == np.uint8
  top = images[:, 0, 0, 0].astype(int)
  has = np.stack([top > 127, top > 127], axis=1).astype(np.int32)
  sure = np.where(np.abs(top - 127) > 25, 0.99, 0.6)
  return has, np.stack([sure, np.full(len(top), 0.9)], axis=1)


def _stand_in(monkeypatch):
  """JUDGE has no network: its answers come from here, on any size."""
  monkeypatch.setattr(attributes, 'answer', _answer)
  monkeypatch.setattr(attributes, 'check_generator', lambda *_: None)


@pytest.fixture
def faces(monkeypatch):
  _stand_in(monkeypatch)
  return drawn.draw(
    jax.random.key(0), row_generator.make(), {}, JUDGE, 'top', count=150
  )


def test_images_are_what_their_latents_decode_to(faces):
  again = np.asarray(row_generator.make().synthesize({}, faces.latents))
  np.testing.assert_array_equal(pixels.to_uint8(again), faces.image)
  assert len(faces.image) == len(faces.label) == len(faces.latents) == 150
  assert len(np.unique(faces.image[:, :, 0, 0], axis=0)) > 140  # Not one batch.


def test_only_images_of_whose_label_the_judge_is_sure_are_kept(faces):
  top = faces.image[:, 0, 0, 0].astype(int)
  np.testing.assert_array_equal(faces.label, top > 127)
  # The judge saw the image before its latents were rounded to 8 bits.
  assert (np.abs(top - 127) >= 24).all()


def test_half_of_the_images_have_the_attribute_in_random_places(faces):
  assert faces.label.sum() == 75
  # Of 40 fair draws, all but one in a million have 6 to 34.
  assert 6 <= faces.label[-40:].sum() <= 34


def test_saved_files_are_a_data_set_and_its_latents(faces, tmp_path):
  images, latents = tmp_path / 'faces.npz', tmp_path / 'latents.npz'
  drawn.save(faces, images, latents, num_test=40, metadata={'seed': 0})
  config = datasets.default_config('arrays')
  config.path = str(images)
  for split, rows in (('train', slice(110)), ('test', slice(110, 150))):
    data = datasets.load(config, split)
    np.testing.assert_array_equal(data.image, faces.image[rows])
    np.testing.assert_array_equal(data.label, faces.label[rows])
    found = latents_file.load(latents, data.image)
    # The images have the 8 bits of the file, up to float32's rounding.
    np.testing.assert_allclose(found, faces.latents[rows], atol=1e-6)
  assert latents_file.load_metadata(latents)['seed'] == 0


def test_an_unsure_judge_and_an_unknown_attribute_are_named(monkeypatch):
  _stand_in(monkeypatch)
  generator = row_generator.make()
  with pytest.raises(
    ValueError, match='200 samples: 5 images without and 5 with never'
  ):
    drawn.draw(jax.random.key(0), generator, {}, JUDGE, 'never_sure', count=10)
  with pytest.raises(ValueError, match="'tpo', expected one of top, never_s"):
    drawn.draw(jax.random.key(0), generator, {}, JUDGE, 'tpo', count=10)


def test_images_of_another_size_than_the_judges_are_refused_undrawn():
  judge = attributes.load(shipped.DATA / 'face_judge.npz')
  generator = row_generator.make()._replace(map=None)  # Nothing can be drawn.
  with pytest.raises(
    ValueError,
    match=r'images \(4, 5, 3\), expected \(64, 64, 3\), as the judge sees; '
    '--config.generator.size=64 resizes them',
  ):
    drawn.draw(jax.random.key(0), generator, {}, judge, 'Smiling', count=10)
