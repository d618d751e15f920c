"""Claims about generators.load."""

import re

import jax
import numpy as np
import pytest
from helpers import random_params

from advmix_jax import datasets, generators, ops
from advmix_jax.datasets import colored_mnist
from advmix_jax.generators import ideal, stylegan


def _config(**fields):
  config = generators.default_config()
  config.update(fields)
  return config


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  """Path of a random generator of 8x8 images."""
  config = stylegan.default_config()
  config.update({'resolution': 8, 'fmaps': (8, 8), 'split': 2})
  params = stylegan.make_generator(config).init(jax.random.key(0))
  path = tmp_path_factory.mktemp('release') / 'generator.npz'
  stylegan.save(path, config, params)
  return path


def test_a_stylegan_is_clipped_to_the_range_of_images(release):
  generator, params = generators.load(_config(path=str(release)))
  raw, _ = stylegan.load(release)
  w = 30 * jax.random.normal(jax.random.key(1), (2, 4, 32))
  want = raw.synthesize(params, w)
  assert want.min() < 0 and want.max() > 1
  np.testing.assert_array_equal(
    generator.synthesize(params, w), np.clip(want, 0, 1)
  )
  parts = generator.coarse(params, w[:, :2])
  got = generator.fine(params, parts, w[:, 2:])
  np.testing.assert_allclose(got, np.clip(want, 0, 1), atol=1e-5)


def test_another_split_changes_the_parts_and_not_the_images(release):
  first, params = generators.load(_config(path=str(release)))
  second, _ = generators.load(_config(path=str(release), split=3))
  assert (first.split, second.split) == (2, 3)
  w = jax.random.normal(jax.random.key(1), (2, 4, 32))
  want = first.synthesize(params, w)
  np.testing.assert_array_equal(second.synthesize(params, w), want)
  parts = second.coarse(params, w[:, :3])
  got = second.fine(params, parts, w[:, 3:])
  np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize('split', [4, -1])
def test_a_split_that_the_layers_lack_is_named_with_the_file(release, split):
  message = (
    f"generator.split is {split}, expected 1 to 3, or 0 for the file's own, 2; "
    f'{release} has 4 layers'
  )
  with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
    generators.load(_config(path=str(release), split=split))


@pytest.mark.parametrize(
  'fields',
  [{'split_fmaps': 1}, {'split_bounded': True}, {'fine_norm': False}],
)
def test_layers_that_depend_on_the_split_keep_it(fields, tmp_path):
  network = {'resolution': 8, 'fmaps': (8, 8), 'split': 2, **fields}
  path = random_params.save_stylegan(tmp_path / 'generator.npz', network)
  for split in (0, 2):
    generator, _ = generators.load(_config(path=str(path), split=split))
    assert generator.split == 2
  with pytest.raises(ValueError, match='generator.split is 3, expected 2, for'):
    generators.load(_config(path=str(path), split=3))


def test_images_are_resized_by_area_and_then_clipped(release):
  small, params = generators.load(_config(path=str(release), size=4))
  raw, _ = stylegan.load(release)
  w = 30 * jax.random.normal(jax.random.key(1), (2, 4, 32))
  want = np.clip(ops.downscale2d(raw.synthesize(params, w), 2), 0, 1)
  np.testing.assert_allclose(small.synthesize(params, w), want, atol=1e-5)
  parts = small.coarse(params, w[:, :2])
  got = small.fine(params, parts, w[:, 2:])
  np.testing.assert_allclose(got, want, atol=1e-5)
  again, _ = generators.load(_config(path=str(release), size=4))
  assert again.synthesize is small.synthesize  # Compiled once.
  with pytest.raises(ValueError, match='generator.size is -1'):
    generators.load(_config(path=str(release), size=-1))


def test_a_shape_is_checked_after_the_resizing(release):
  for fields, shape in (({}, (8, 8, 3)), ({'size': 4}, (4, 4, 3))):
    found = generators.load(_config(path=str(release), **fields))
    generators.check_shape(*found, shape, why='as they are', option='--size')
    with pytest.raises(ValueError, match=r'expected \(6, 6, 3\), as the data'):
      generators.check_shape(
        *found, (6, 6, 3), why='as the data has', option='--size'
      )


def test_the_ideal_one_is_the_same_object_at_every_call():
  first, again = (generators.load(_config(name='ideal')) for _ in range(2))
  assert first is again and first is ideal.default_generator()


def test_the_ideal_one_draws_the_colours_that_the_config_names():
  config = _config(name='ideal', colors='colored_mnist')
  generator, params = generators.load(config)
  drawn = generator.map(params, jax.random.normal(jax.random.key(0), (500, 5)))
  means = colored_mnist.COLOR_MEANS
  which = np.abs(np.asarray(drawn[:, -1])[:, None] - means).max(-1) == 0
  assert (which.sum(1) == 1).all() and which.any(0).all()
  config.colors = 'pastel'
  with pytest.raises(ValueError, match="colors is 'pastel', expected one of"):
    generators.load(config)


def test_an_unknown_name_lists_the_known_ones():
  with pytest.raises(ValueError, match="'vae', expected one of .*'stylegan'"):
    generators.load(_config(name='vae'))
  with pytest.raises(FileNotFoundError, match='none.npz'):
    generators.load(_config(path='none.npz'))


def test_images_that_are_no_digits_need_a_generator_of_their_own():
  config = generators.default_config()
  for name in datasets.REPAINTABLE:
    generators.check_named(config, name)
  with pytest.raises(ValueError, match="path is missing: images of 'folder'"):
    generators.check_named(config, 'folder')
  config.path = 'birds.npz'
  generators.check_named(config, 'folder')
  config.update(path='', name='ideal')
  generators.check_named(config, 'folder')


@pytest.mark.parametrize('lod', [0.0, 0.5, 1.0])
def test_a_generator_that_still_grows_is_refused(lod):
  """Before anything is drawn: attacks need the full size."""
  config = stylegan.default_config()
  config.lod = lod
  generator = stylegan.make_generator(config)
  params = jax.eval_shape(generator.init, jax.random.key(0))

  def check():
    generators.check_shape(
      generator, params, (32, 32, 3), why='as they are', option='--size'
    )

  if not lod:
    check()
    return
  with pytest.raises(ValueError, match=f'needs a network of lod 0, got {lod}'):
    check()
