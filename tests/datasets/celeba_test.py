import sys
import types
import zipfile

import numpy as np
import pytest
from helpers import made_images
from helpers.one_line import loading_error as error_of

from advmix_jax import datasets
from advmix_jax.datasets import celeba, decoding, framing, image_files, pixels
from advmix_jax.ops import area


@pytest.fixture
def config(tmp_path):
  made_images.write_celeba(tmp_path)
  config = datasets.default_config('celeba')
  config.data_dir = str(tmp_path)
  config.resolution = 16
  config.cache_dir = str(tmp_path / 'cache')
  return config


def wanted(indices, size=16):
  """Pictures cut to the square and averaged, without JPEG between."""
  images = np.stack([made_images.picture(i) for i in indices])
  small = area.resize(images / np.float32(255), framing.SQUARE, size)
  return pixels.to_uint8(small).astype(int)


def test_images_labels_and_parts_are_those_of_the_files(config):
  values = made_images.attributes(6)
  for split, rows in (('train', [0, 1, 2, 3]), ('valid', [4]), ('test', [5])):
    data = datasets.load(config, split)
    # JPEG moves a smooth picture by a few of 255 levels.
    assert np.abs(data.image.astype(int) - wanted(rows)).max() <= 4
    smiling = values[rows, celeba.ATTRIBUTES.index('Smiling')]
    np.testing.assert_array_equal(data.label, smiling)
    assert data.num_classes == 2 and data.source == 'celeba'
    for i, name in enumerate(celeba.ATTRIBUTES):
      np.testing.assert_array_equal(data.groups[name], values[rows, i])


def test_another_attribute_is_another_label(config):
  config.attribute = 'Male'
  data = datasets.load(config, 'train')
  np.testing.assert_array_equal(data.label, data.groups['Male'])
  assert datasets.describe(config) == {
    'dataset': 'celeba',
    'attribute': 'Male',
  }


def test_a_folder_in_the_official_download_gives_the_same(config, tmp_path):
  official = tmp_path / 'official'
  for name in ('Img', 'Anno', 'Eval'):
    (official / name).mkdir(parents=True)
  made_images.write_celeba(official / 'Img', as_zip=False)
  for folder, name in (
    ('Anno', 'list_attr_celeba.txt'),
    ('Eval', 'list_eval_partition.txt'),
  ):
    (official / 'Img' / name).rename(official / folder / name)
  first = datasets.load(config, 'train')
  config.data_dir = str(official)
  second = datasets.load(config, 'train')
  np.testing.assert_array_equal(first.image, second.image)
  np.testing.assert_array_equal(first.label, second.label)


def test_images_of_half_the_size_show_the_same_square(config, tmp_path):
  half = tmp_path / 'half'
  half.mkdir()
  made_images.write_celeba(half, height=109, width=89)
  large = datasets.load(config, 'train').image.astype(int)
  config.data_dir = str(half)
  small = datasets.load(config, 'train').image.astype(int)
  # Both are samplings of one smooth picture: half a large pixel apart, where
  # the steepest slope is 255 levels in a third of 178 pixels.
  assert np.abs(large - small).max() <= 8


def test_mirror_adds_the_mirror_image_after_each_image(config):
  plain = datasets.load(config, 'train')
  config.mirror = True
  both = datasets.load(config, 'train')
  np.testing.assert_array_equal(both.image[::2], plain.image)
  np.testing.assert_array_equal(both.image[1::2], plain.image[:, :, ::-1])
  np.testing.assert_array_equal(both.label, plain.label.repeat(2))
  assert len(datasets.load(config, 'test').image) == 1


def test_a_second_load_decodes_nothing(config, monkeypatch):
  first = datasets.load(config, 'train').image
  monkeypatch.setattr(decoding, 'decode', None)
  np.testing.assert_array_equal(datasets.load(config, 'train').image, first)


@pytest.mark.parametrize('as_zip', [True, False])
def test_changed_images_are_decoded_again(config, tmp_path, as_zip):
  """Others of the same names in the same place; two of them change places."""
  (tmp_path / 'img_align_celeba.zip').unlink()
  made_images.write_celeba(tmp_path, as_zip=as_zip)
  before = datasets.load(config, 'train').image
  order = [1, 0, 2, 3]  # Of the images to train on.
  files = {
    f'img_align_celeba/{place + 1:06d}.jpg': made_images.jpeg(
      made_images.picture(i)
    )
    for place, i in enumerate(order)
  }
  if as_zip:
    with zipfile.ZipFile(tmp_path / 'img_align_celeba.zip', 'w') as archive:
      for name, content in files.items():
        archive.writestr(name, content)
  else:
    for name, content in files.items():
      (tmp_path / name).write_bytes(content)
  after = datasets.load(config, 'train').image
  assert (before[0] != before[1]).any()
  np.testing.assert_array_equal(after, before[order])


def test_another_part_of_the_same_images_is_not_that_of_the_cache(
  config, tmp_path
):
  """As where CelebA's images are read as any folder, too."""
  square = datasets.load(config, 'train').image[:1]
  with image_files.open_images(tmp_path / 'img_align_celeba.zip') as images:
    cut, again, middle = (
      image_files.load(
        images,
        ['000001.jpg'],
        size=16,
        box_fn=box_fn,
        cache_dir=config.cache_dir,
      )
      for box_fn in (framing.in_frame,) * 2 + (decoding.whole_square,)
    )
  np.testing.assert_array_equal(cut, square)
  np.testing.assert_array_equal(again, square)
  image = made_images.picture(0) / np.float32(255)
  whole = area.resize(image, area.Box(20, 0, 198, 178), 16)
  # JPEG moves a smooth picture by a few of 255 levels.
  assert np.abs(middle[0].astype(int) - pixels.to_uint8(whole)).max() <= 4
  assert np.abs(middle.astype(int) - square).max() > 4


def test_lists_in_any_order_give_each_image_its_attributes(config, tmp_path):
  before = datasets.load(config, 'train')
  path = tmp_path / 'list_eval_partition.txt'
  lines = path.read_text().splitlines()
  order = [3, 0, 2, 1]  # Of the images to train on.
  path.write_text('\n'.join([lines[i] for i in [4, *order, 5]]) + '\n')
  after = datasets.load(config, 'train')
  np.testing.assert_array_equal(after.image, before.image[order])
  for name in celeba.ATTRIBUTES:
    np.testing.assert_array_equal(
      after.groups[name], before.groups[name][order]
    )


def test_a_damaged_cache_is_made_again(config, tmp_path):
  before = np.array(datasets.load(config, 'train').image)
  for path in (tmp_path / 'cache').iterdir():
    path.write_bytes(path.read_bytes()[:200])
  np.testing.assert_array_equal(datasets.load(config, 'train').image, before)


def test_the_first_images_are_kept(config):
  whole = datasets.load(config, 'train')
  config.num_train = 3
  part = datasets.load(config, 'train')
  np.testing.assert_array_equal(part.image, whole.image[:3])
  config.num_train = 5
  assert 'data.num_train is 5, expected 0 (all) to 4' in error_of(config)


@pytest.mark.parametrize('field', ['attribute', 'source'])
def test_an_unknown_option_is_named_with_the_known_ones(config, field):
  config[field] = 'Smilng'
  message = error_of(config)
  assert f"data.{field} is 'Smilng'" in message
  known = celeba.ATTRIBUTES if field == 'attribute' else celeba.SOURCES
  assert all(name in message for name in known)


def test_a_missing_data_dir_is_named(config, tmp_path):
  config.data_dir = ''
  assert 'needs data_dir' in error_of(config)
  config.data_dir = str(tmp_path / 'nowhere')
  assert 'nowhere' in error_of(config)


@pytest.mark.parametrize(
  'name, content, message',
  [
    ('img_align_celeba.zip', b'<!DOCTYPE html><html>', 'is an HTML page'),
    ('img_align_celeba.zip', b'PK\x03\x04 and no more', 'not a zip file'),
    ('list_attr_celeba.txt', b'<html>quota', 'is an HTML page'),
    ('list_attr_celeba.txt', b'image_id,5_o_Clock_Shadow\n', 'is a CSV file'),
    ('list_attr_celeba.txt', b'', 'expected the number of images'),
    ('list_attr_celeba.txt', b'2\nSmiling Male\n', 'names of CelebA'),
    ('list_attr_celeba.txt', b'\xff\xfe\x00', 'expected a text file'),
    ('list_eval_partition.txt', b'image_id,partition\n', 'is a CSV file'),
    ('list_eval_partition.txt', b'000001.jpg 3\n', 'line 1 is'),
    ('list_eval_partition.txt', b'000001.jpg 1\n', 'no image of the train'),
    ('list_eval_partition.txt', b'a.jpg 0\na.jpg 2\n', 'two rows of a.jpg'),
    (
      'list_eval_partition.txt',
      b'000001.jpg 0\n',
      'has 1 images and list_attr_celeba.txt 6, expected the same ones; '
      '000002.jpg is not in list_eval_partition.txt',
    ),
  ],
)
def test_a_wrong_file_is_recognised(config, tmp_path, name, content, message):
  (tmp_path / name).write_bytes(content)
  found = error_of(config)
  assert message in found and name.split('.')[0] in found


@pytest.mark.parametrize('split', ['train', 'valid', 'test'])
def test_a_part_without_an_image_is_named(config, tmp_path, split):
  part = celeba.SPLITS.index(split)
  path = tmp_path / 'list_eval_partition.txt'
  path.write_text(
    path.read_text().replace(f' {part}\n', f' {(part + 1) % 3}\n')
  )
  assert f'no image of the {split} part' in error_of(config, split)


@pytest.mark.parametrize(
  'name', ['list_attr_celeba.txt', 'img_align_celeba.zip']
)
def test_a_folder_is_checked_without_decoding(config, tmp_path, name):
  celeba.check_folder(tmp_path)
  (tmp_path / name).rename(tmp_path / 'elsewhere')
  with pytest.raises(FileNotFoundError, match=name):
    celeba.check_folder(tmp_path)


def test_only_the_parts_that_are_needed_have_to_be_there(config, tmp_path):
  path = tmp_path / 'list_eval_partition.txt'
  path.write_text(path.read_text().replace(' 1\n', ' 0\n'))
  celeba.check_folder(tmp_path, ('train', 'test'))
  with pytest.raises(ValueError, match='no image of the valid part'):
    celeba.check_folder(tmp_path)


def test_the_files_of_other_sites_are_recognised(config, tmp_path):
  path = tmp_path / 'list_attr_celeba.txt'
  csv, whole = path.with_suffix('.csv'), path.read_text()
  csv.write_text('image_id,5_o_Clock_Shadow\n')
  assert len(datasets.load(config, 'train').label) == 4  # Both are there.
  path.unlink()
  (tmp_path / 'Anno').mkdir()
  (tmp_path / 'Anno' / path.name).write_text(whole)
  assert len(datasets.load(config, 'train').label) == 4
  (tmp_path / 'Anno' / path.name).unlink()
  found = error_of(config)
  assert 'list_attr_celeba.csv: is a CSV file' in found
  assert 'expected the official text file list_attr_celeba.txt' in found


def test_a_name_that_one_file_lacks_or_has_twice_is_named(config, tmp_path):
  path = tmp_path / 'list_attr_celeba.txt'
  whole = path.read_text()
  path.write_text(whole.replace('000006.jpg', 'other.jpg'))
  assert '000006.jpg is not in list_attr_celeba.txt' in error_of(config)
  path.write_text(whole.replace('000006.jpg', '000001.jpg'))
  assert 'has two rows of 000001.jpg, expected one' in error_of(config)


def test_a_missing_row_is_counted(config, tmp_path):
  path = tmp_path / 'list_attr_celeba.txt'
  lines = path.read_text().splitlines()
  path.write_text('\n'.join(lines[:-1]))
  assert 'has 5 images, expected 6' in error_of(config)
  path.write_text('\n'.join([*lines[:-1], lines[-1][:-3]]))
  assert 'row of 000006.jpg has 39 values, expected 40' in error_of(config)


@pytest.mark.parametrize(
  'damage, message',
  [
    (lambda data: data[: len(data) // 2], 'truncated'),
    (lambda data: b'', 'cannot identify image file'),
    (lambda data: b'<!doctype html>', 'is an HTML page'),
    (
      lambda data: made_images.jpeg(made_images.picture(0, 100, 100)),
      'image of 100x100 pixels, expected the proportions of 178x218',
    ),
  ],
)
def test_a_damaged_image_is_named_and_leaves_no_cache(
  config, tmp_path, damage, message
):
  (tmp_path / 'img_align_celeba.zip').unlink()
  made_images.write_celeba(tmp_path, as_zip=False)
  path = tmp_path / 'img_align_celeba' / '000003.jpg'
  path.write_bytes(damage(path.read_bytes()))
  found = error_of(config)
  assert '000003.jpg' in found and message in found
  assert not (tmp_path / 'cache').exists()
  path.unlink()
  assert '000003.jpg' in error_of(config)


def test_tfds_gives_the_same_images_and_attributes(config, monkeypatch):
  values, calls = made_images.attributes(6), []

  def rows(count):
    return [
      {
        'image': made_images.picture(i),
        'attributes': dict(
          zip(celeba.ATTRIBUTES, map(bool, values[i]), strict=True)
        ),
      }
      for i in range(count)
    ]

  class Rows(list):
    take = staticmethod(rows)

  def load(name, **kwargs):
    calls.append((name, kwargs))
    return Rows(rows(4))

  fake = types.SimpleNamespace(load=load, as_numpy=lambda data: data)
  monkeypatch.setitem(sys.modules, 'tensorflow_datasets', fake)
  config.source, config.mirror = 'tfds', True
  data = datasets.load(config, 'train')
  np.testing.assert_array_equal(data.image[::2], wanted(range(4)))
  np.testing.assert_array_equal(data.image[1::2], data.image[::2, :, ::-1])
  smiling = values[:4, celeba.ATTRIBUTES.index('Smiling')]
  np.testing.assert_array_equal(data.label, smiling.repeat(2))
  assert calls[0] == (
    'celeb_a',
    {'split': 'train', 'data_dir': config.data_dir, 'download': False},
  )
  for split, theirs in (('valid', 'validation'), ('test', 'test')):
    plain = datasets.load(config, split)  # Mirror images are for training.
    np.testing.assert_array_equal(plain.image, wanted(range(4)))
    assert calls[-1][1]['split'] == theirs
  config.num_train = 3
  few = datasets.load(config, 'train')
  np.testing.assert_array_equal(few.image, data.image[:6])
  np.testing.assert_array_equal(few.label, data.label[:6])
  monkeypatch.setitem(sys.modules, 'tensorflow_datasets', None)
  assert 'not installed' in error_of(config)


def test_the_square_is_the_rule_of_celeba_hq():
  # Karras et al. 2018, appendix C, for upright eyes and mouth: x spans
  # max(2 |eye to eye|, 1.8 |eye to mouth|) to both sides of the centre.
  eyes = np.array([[69.5, 111.5], [108.0, 111.5]])
  mouth = np.array([88.75, 152.5])
  middle = eyes.mean(0)
  x = (eyes[1] - eyes[0]) - np.flipud(mouth - middle) * [-1, 1]
  x /= np.hypot(*x)
  x *= max(
    np.hypot(*(eyes[1] - eyes[0])) * 2, np.hypot(*(mouth - middle)) * 1.8
  )
  y = np.flipud(x) * [-1, 1]
  center = middle + (mouth - middle) * 0.1
  corners = np.stack([center - x - y, center + x + y])
  # The rule's own turn is left out: 0.15 pixels at the corners.
  np.testing.assert_allclose(
    [framing.SQUARE.left, framing.SQUARE.top], corners[0], atol=0.5
  )
  np.testing.assert_allclose(
    [framing.SQUARE.right, framing.SQUARE.bottom], corners[1], atol=0.5
  )
  assert framing.SQUARE.top >= 0 and framing.SQUARE.bottom <= 218
  assert framing.SQUARE.left >= 0 and framing.SQUARE.right <= 178
