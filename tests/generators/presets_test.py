"""Presets fit their images, and say what they cannot fit."""

import pytest

from advmix_jax.generators import presets, stylegan


@pytest.mark.parametrize('preset', ['small', 'large'])
@pytest.mark.parametrize('resolution', [32, 64, 256])
def test_a_preset_is_a_network_of_that_resolution(preset, resolution):
  fields = presets.network(preset, resolution=resolution, images=100)
  config = stylegan.default_config()
  config.update(fields)
  generator = stylegan.make_generator(config)
  # All but the last two resolutions are coarse.
  assert generator.num_layers - generator.split == 4
  widths = fields['fmaps']
  assert list(widths) == sorted(widths, reverse=True)


@pytest.mark.parametrize(
  ('images', 'accelerator', 'same_as'),
  [
    (presets.LARGE_FROM, True, 'large'),
    (presets.LARGE_FROM - 1, True, 'small'),
    (10**6, False, 'small'),
  ],
)
def test_auto_is_large_for_many_images_on_an_accelerator(
  images, accelerator, same_as
):
  found = presets.network(
    'auto', resolution=64, images=images, accelerator=accelerator
  )
  assert found == presets.network(same_as, resolution=64, images=images)


def test_images_without_colours_have_a_grey_network():
  for grey in (False, True):
    fields = presets.network('auto', resolution=32, images=9, grey=grey)
    assert fields['grey'] is grey


def test_without_a_preset_nothing_is_decided():
  assert presets.network('', resolution=31, images=0) == {}


@pytest.mark.parametrize('resolution', [16, 31, 96])
def test_a_size_that_no_stylegan_has_is_named(resolution):
  with pytest.raises(ValueError, match=f'{resolution} pixels wide'):
    presets.network('auto', resolution=resolution, images=9)


def test_an_unknown_preset_is_named():
  with pytest.raises(ValueError, match="preset is 'huge', expected one of"):
    presets.network('huge', resolution=64, images=9)
