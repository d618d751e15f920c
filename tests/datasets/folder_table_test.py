import shutil
import zipfile

import numpy as np
import pytest
from helpers import made_folders, made_images
from helpers.one_line import loading_error as error_of
from PIL import Image

from advmix_jax import datasets
from advmix_jax.datasets import folder, label_table, pixels
from advmix_jax.ops import area


@pytest.fixture
def config(tmp_path):
  return made_folders.config_of_birds(tmp_path)


def test_images_are_cut_to_their_middle_square(config):
  data = datasets.load(config, 'train')
  image = made_images.picture(0, *made_folders.SIZES[0]) / np.float32(255)
  small = area.resize(image, area.Box(0, 5, 20, 25), 8)
  np.testing.assert_array_equal(data.image[0], pixels.to_uint8(small))
  assert data.image.shape == (2, 8, 8, 3)


def test_mixed_and_small_sizes_are_said_once(config, capsys):
  birds = config.data_dir
  config.resolution = 32
  datasets.load(config, 'train')
  assert capsys.readouterr().out.splitlines() == [
    f'{birds}: classes 0 crow, 1 owl, 2 tit',
    f'{birds}: no image of tit in train',
    f'{birds}: images of 2 sizes, from 30x20 to 21x33 pixels; each becomes '
    '32x32',
    f'{birds}: 2 images are smaller than 32x32 and are enlarged; a smaller '
    'data.resolution keeps them sharp',
  ]
  datasets.load(config, 'train')  # From the cache.
  datasets.load(config, 'test')  # One image of 40x40, a tit.
  assert capsys.readouterr().out.splitlines() == [
    f'{birds}: no image of crow, owl in test'
  ]


def test_classes_are_all_labels_in_alphabetical_order(config):
  found = {s: datasets.load(config, s) for s in folder.SPLITS}
  assert {s: d.label.tolist() for s, d in found.items()} == {
    'train': [1, 0],
    'valid': [1],
    'test': [2],
  }
  assert all(d.num_classes == 3 for d in found.values())
  assert datasets.describe(config) == {'dataset': 'folder', 'folder': 'birds'}


def test_a_zip_archive_gives_the_same(config, tmp_path):
  plain = datasets.load(config, 'train')
  path = tmp_path / 'birds.zip'
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    for name, _, _ in made_folders.ROWS:
      archive.write(tmp_path / 'birds' / name, f'birds/{name}')
  config.labels = str(tmp_path / 'birds' / 'labels.csv')
  config.data_dir = str(path)
  zipped = datasets.load(config, 'train')
  np.testing.assert_array_equal(plain.image, zipped.image)


def test_a_table_inside_a_zip_archive_is_read(config, tmp_path):
  plain = {s: datasets.load(config, s) for s in folder.SPLITS}
  shutil.make_archive(str(tmp_path / 'birds'), 'zip', tmp_path / 'birds')
  config.data_dir = str(tmp_path / 'birds.zip')
  for split, want in plain.items():
    found = datasets.load(config, split)
    np.testing.assert_array_equal(found.image, want.image)
    np.testing.assert_array_equal(found.label, want.label)


def test_a_table_is_read_beside_other_members(config, tmp_path):
  """As macOS packs a folder: all in one more folder, and files of its own."""
  path = tmp_path / 'birds.zip'
  with zipfile.ZipFile(path, 'w') as archive:
    for name in ('labels.csv', *(name for name, _, _ in made_folders.ROWS)):
      archive.write(tmp_path / 'birds' / name, f'birds/{name}')
    archive.writestr('__MACOSX/birds/a/._1.png', b'')
    archive.writestr('README.txt', b'')
  config.data_dir = str(path)
  assert datasets.load(config, 'train').label.tolist() == [1, 0]


def test_mirror_doubles_images_and_labels(config):
  names = datasets.load(config, 'train').names
  config.mirror = True
  data = datasets.load(config, 'train')
  np.testing.assert_array_equal(data.image[1::2], data.image[::2, :, ::-1])
  assert data.label.tolist() == [1, 1, 0, 0]
  assert data.names == (names[0], names[0], names[1], names[1])


@pytest.mark.parametrize(
  'rows, message',
  [
    ([('a/1.png', 'owl')], "line 2 is 'a/1.png,owl'"),
    ([('a/1.png', 'owl', 'trian')], 'one of train, valid, test'),
    ([('a/1.png', '', 'train')], 'line 2'),
    ([made_folders.ROWS[0], made_folders.ROWS[0]], "'a/1.png' is there twice"),
    (
      [made_folders.ROWS[0], made_folders.ROWS[2]],
      '1 different labels, expected >= 2',
    ),
    (
      [made_folders.ROWS[2], made_folders.ROWS[3]],
      "no image of split 'train', only of test, valid",
    ),
    ([made_folders.ROWS[1], ('../1.png', 'owl', 'train')], 'leads out of'),
    ([made_folders.ROWS[1], ('/etc/passwd', 'owl', 'train')], 'leads out of'),
    ([made_folders.ROWS[1], ('9.png', 'owl', 'train')], '9.png'),
  ],
)
def test_a_bad_table_is_named(config, tmp_path, rows, message):
  made_folders.with_table(tmp_path / 'birds', rows)
  assert message in error_of(config)


def test_a_missing_or_foreign_table_is_named(config, tmp_path):
  path = tmp_path / 'birds' / 'labels.csv'
  path.write_text('image_id;class\n')
  assert "first line is 'image_id;class'" in error_of(config)
  path.write_bytes(b'\xff\xff\x00')
  assert 'expected a CSV in UTF-8' in error_of(config)
  config.labels = str(tmp_path / 'other.csv')
  assert 'no such file, expected a CSV' in error_of(config)
  path.unlink()
  config.labels = ''
  assert 'class a has 2 image(s), expected at least 3' in error_of(config)
  config.data_dir = ''
  assert 'needs data_dir' in error_of(config)


@pytest.mark.parametrize(
  'labels, classes, number',
  [
    (range(12), range(12), 12),  # As text, 10 comes before 2.
    ((0, 2, 3), (0, 2, 3), 4),  # One class has no image.
    ((1, 3), (1, 3), 4),  # Half of them are there.
    ((1990, 2001, 307), (1, 2, 0), 3),  # No classes: only in order.
    (('10', '9', 'x'), (0, 1, 2), 3),  # Text.
  ],
)
def test_numbers_in_a_table_are_the_classes(
  config, tmp_path, labels, classes, number
):
  image = Image.fromarray(made_images.picture(0, 9, 9))
  lines = ['file,label,split']
  for i, label in enumerate(labels):
    image.save(tmp_path / 'birds' / f'{i}.png')
    lines.append(f'{i}.png,{label},train')
  (tmp_path / 'birds' / 'labels.csv').write_text('\n'.join(lines))
  found = datasets.load(config, 'train')
  assert found.label.tolist() == list(classes)
  assert found.num_classes == number
  assert found.names == tuple(f'{i}.png' for i in range(len(labels)))


def test_two_names_of_one_number_are_refused(config, tmp_path):
  made_folders.table(config, tmp_path / 'birds', ['a/1.png,1', 'a/2.png,01'])
  assert "labels '01' and '1' are the same number" in error_of(config)


def test_spaces_around_a_label_are_none_of_it(tmp_path):
  (tmp_path / 'labels.csv').write_text('file,label\na, owl\nb,owl \nc,crow')
  rows = label_table.read(tmp_path / 'labels.csv')
  assert [row.label for row in rows] == ['owl', 'owl', 'crow']


def test_two_spellings_of_one_file_are_refused(config, tmp_path):
  made_folders.table(
    config, tmp_path / 'birds', ['a/1.png,crow', './a/1.png,owl']
  )
  assert "'./a/1.png' is there twice" in error_of(config)


def test_images_that_a_table_does_not_list_are_said(config, tmp_path, capsys):
  made_folders.flat(tmp_path / 'listed', {'owl': 5, 'crow': 5})
  names = [f'{kind}/{i}.png' for kind in ('owl', 'crow') for i in range(4)]
  lines = [f'{name},{name[:3]}' for name in names]
  made_folders.table(config, tmp_path / 'listed', lines)
  assert len(datasets.load(config, 'train').label) == 4
  assert (
    '2 images are not in the table and are left out, the first is crow/4.png'
  ) in capsys.readouterr().out


def test_a_row_that_names_a_folder_is_refused(config, tmp_path):
  made_folders.flat(tmp_path / 'kinds', {'a': 5, 'b': 0, 'c': 0, 'd': 0})
  lines = [f'a/{i}.png,crow' for i in range(5)]
  made_folders.table(
    config, tmp_path / 'kinds', [*lines, 'b,owl', 'c,owl', 'd,owl']
  )
  assert 'is a folder, expected an image' in error_of(config)


def test_a_table_without_splits_has_the_seed_of_the_split(config, tmp_path):
  path = tmp_path / 'classes'
  made_folders.classes(path, {'owl': 30, 'crow': 30})
  names = [f'{c}/{i}.png' for c in ('owl', 'crow') for i in range(0, 30, 2)]
  lines = [f'{name},{name.split("/")[0]}' for name in names]
  (path / 'labels.csv').write_text('\n'.join(['file,label', *lines]) + '\n')
  config.data_dir = str(path)
  again, same = (datasets.load(config, 'test').image for _ in range(2))
  np.testing.assert_array_equal(again, same)
  config.split_seed = 1
  assert (datasets.load(config, 'test').image != same).any()
  (path / 'labels.csv').write_text('file,label\nowl/0.png\n')
  assert 'expected a file, a label' in error_of(config)


def _split_of(config):
  found = {s: datasets.load(config, s).names for s in folder.SPLITS}
  return {name: split for split, names in found.items() for name in names}


def test_a_second_folder_in_a_table_moves_no_image(config, tmp_path):
  """All files of the first table lie in one folder."""
  path = tmp_path / 'many'
  made_folders.flat(path, {'images': 40, 'more': 2})
  names = [f'images/{i}.png' for i in range(40)]
  lines = [f'{name},{"ab"[i % 2]}' for i, name in enumerate(names)]
  made_folders.table(config, path, lines)
  before = _split_of(config)
  made_folders.table(config, path, [*lines, 'more/0.png,a'])
  after = _split_of(config)
  assert sum(after[name] != split for name, split in before.items()) <= 2


def test_folders_called_like_parts_are_the_parts_of_a_table(
  config, tmp_path, capsys
):
  path = tmp_path / 'parted'
  made_folders.flat(path, {'train': 4, 'Val': 2, 'test': 4})
  counts = {'train': 4, 'Val': 2, 'test': 4}
  made_folders.table(
    config,
    path,
    [f'{p}/{i}.png,{"ab"[i % 2]}' for p, n in counts.items() for i in range(n)],
  )
  found = _split_of(config)
  assert {name for name, split in found.items() if split == 'valid'} == {
    'Val/0.png',
    'Val/1.png',
  }
  assert all(
    split == name.partition('/')[0].lower()
    for name, split in found.items()
    if split != 'valid'
  )
  assert 'no column split, the folders are the parts' in capsys.readouterr().out


def test_a_part_may_have_its_usual_other_names(config, tmp_path):
  (tmp_path / 'birds' / 'labels.csv').write_text(
    'file, label, split\na/1.png,owl,training\na/2.gif,crow,Val\n'
    'b/3.bmp,owl,validation\nb/4.png,owl,testing\n'
  )
  assert _split_of(config) == {
    'a/1.png': 'train',
    'a/2.gif': 'valid',
    'b/3.bmp': 'valid',
    'b/4.png': 'test',
  }


def test_a_table_of_one_part_alone_is_split(config, tmp_path):
  """A folder that happens to be called train leaves images to test on."""
  made_folders.flat(tmp_path / 'alone', {'train': 20})
  lines = [f'train/{i}.png,{"ab"[i % 2]}' for i in range(20)]
  made_folders.table(config, tmp_path / 'alone', lines)
  found = list(_split_of(config).values())
  assert [found.count(s) for s in folder.SPLITS] == [14, 2, 4]


def test_a_folder_in_place_of_a_table_is_named(config, tmp_path):
  config.labels = str(tmp_path / 'birds')
  assert 'birds: is a folder, expected a CSV' in error_of(config)
