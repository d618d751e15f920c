import shutil
import zipfile

import numpy as np
import pytest
from helpers import made_images
from PIL import Image

from advmix_jax import datasets
from advmix_jax.datasets import decoding, folder, image_files, pixels
from advmix_jax.ops import area

ROWS = (
  ('a/1.png', 'owl', 'train'),
  ('a/2.gif', 'crow', 'train'),
  ('b/3.bmp', 'owl', 'valid'),
  ('b/4.png', 'tit', 'test'),
)
SIZES = ((20, 30), (33, 21), (16, 16), (40, 40))


def write(path, rows=ROWS):
  for i, (name, _, _) in enumerate(ROWS):
    image = made_images.picture(i, *SIZES[i])
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path / name)
  text = '\n'.join(','.join(row) for row in (('file', 'label', 'split'), *rows))
  (path / 'labels.csv').write_text(text + '\n')


@pytest.fixture
def config(tmp_path):
  write(tmp_path / 'birds')
  config = datasets.default_config('folder')
  config.data_dir = str(tmp_path / 'birds')
  config.resolution = 8
  config.cache_dir = str(tmp_path / 'cache')
  return config


def error_of(config, split='train'):
  with pytest.raises((ValueError, FileNotFoundError)) as caught:
    datasets.load(config, split)
  assert '\n' not in str(caught.value)
  return str(caught.value)


def test_images_are_cut_to_their_middle_square(config):
  data = datasets.load(config, 'train')
  image = made_images.picture(0, *SIZES[0]) / np.float32(255)
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
    for name, _, _ in ROWS:
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
    for name in ('labels.csv', *(name for name, _, _ in ROWS)):
      archive.write(tmp_path / 'birds' / name, f'birds/{name}')
    archive.writestr('__MACOSX/birds/a/._1.png', b'')
    archive.writestr('README.txt', b'')
  config.data_dir = str(path)
  assert datasets.load(config, 'train').label.tolist() == [1, 0]


def test_a_folder_with_the_name_of_the_archive_may_be_a_class(config, tmp_path):
  path = tmp_path / 'owl.zip'
  with zipfile.ZipFile(path, 'w') as archive:
    for label in ('owl', 'tit'):
      for i in range(3):
        archive.write(tmp_path / 'birds' / 'a' / '1.png', f'{label}/{i}.png')
  with image_files.open_images(path) as images:
    rows = folder.by_folder(images)
  assert [row.label for row in rows] == ['owl'] * 3 + ['tit'] * 3


def test_the_first_images_are_of_all_classes(config, tmp_path):
  """Files are listed class by class."""
  for label, count in (('crow', 20), ('owl', 10)):
    for i in range(count):
      made = tmp_path / 'sorted' / label / f'{i}.png'
      made.parent.mkdir(parents=True, exist_ok=True)
      shutil.copy(tmp_path / 'birds' / 'a' / '1.png', made)
  config.data_dir = str(tmp_path / 'sorted')
  config.num_train = 6
  label = datasets.load(config, 'train').label
  assert sorted(label.tolist()) == [0, 0, 0, 0, 1, 1]


def test_mirror_doubles_images_and_labels(config):
  config.mirror = True
  data = datasets.load(config, 'train')
  np.testing.assert_array_equal(data.image[1::2], data.image[::2, :, ::-1])
  assert data.label.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
  'rows, message',
  [
    ([('a/1.png', 'owl')], "line 2 is 'a/1.png,owl'"),
    ([('a/1.png', 'owl', 'trian')], 'one of train, valid, test'),
    ([('a/1.png', '', 'train')], 'line 2'),
    ([ROWS[0], ROWS[0]], "'a/1.png' is there twice"),
    ([ROWS[0], ROWS[2]], '1 different labels, expected >= 2'),
    ([ROWS[2], ROWS[3]], "no image of split 'train', only of test, valid"),
    ([ROWS[1], ('../1.png', 'owl', 'train')], 'leads out of'),
    ([ROWS[1], ('/etc/passwd', 'owl', 'train')], 'leads out of'),
    ([ROWS[1], ('9.png', 'owl', 'train')], '9.png'),
  ],
)
def test_a_bad_table_is_named(config, tmp_path, rows, message):
  write(tmp_path / 'birds', rows)
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


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
  path = tmp_path / 'bomb.zip'
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('a.png', bytes(5000))
  monkeypatch.setattr(image_files, 'MAX_BYTES', 4999)
  with (
    image_files.open_images(path) as images,
    pytest.raises(ValueError, match='a.png unpacks to 5000 bytes'),
  ):
    images.read('a.png')


def write_classes(path, counts):
  for name, count in counts.items():
    (path / name / 'more').mkdir(parents=True)
    for i in range(count):
      place = path / name / 'more' / f'{i}.png' if i % 2 else path / name
      place = place if i % 2 else place / f'{i}.png'
      Image.fromarray(made_images.picture(i, 12, 10)).save(place)
  (path / 'crow' / '.DS_Store').write_bytes(b'x')
  (path / 'notes.txt').write_text('no image')


@pytest.mark.parametrize('packed', [False, True])
def test_a_folder_is_a_class_and_a_split_is_made(config, tmp_path, packed):
  path = tmp_path / 'classes'
  write_classes(path, {'owl': 10, 'crow': 5})
  config.data_dir = str(path)
  if packed:
    config.data_dir = shutil.make_archive(str(path), 'zip', tmp_path, 'classes')
  found = {s: datasets.load(config, s) for s in folder.SPLITS}
  # Of 5: one to validate, one to test. Of 10: one and two.
  assert {s: np.bincount(d.label).tolist() for s, d in found.items()} == {
    'train': [3, 7],
    'valid': [1, 1],
    'test': [1, 2],
  }
  image = np.concatenate([d.image for d in found.values()])
  assert len(np.unique(image.reshape(15, -1), axis=0)) == 10  # 5 are in both.
  assert 'split: 10% validation and 20% test' in found['train'].source


def test_a_folder_around_all_classes_is_no_class(config, tmp_path):
  write_classes(tmp_path / 'my birds' / 'photos', {'owl': 4, 'crow': 6})
  made = shutil.make_archive(
    str(tmp_path / 'other'), 'zip', tmp_path, 'my birds'
  )
  config.data_dir = made
  packed = datasets.load(config, 'train')
  config.data_dir = str(tmp_path / 'my birds' / 'photos')
  plain = datasets.load(config, 'train')
  np.testing.assert_array_equal(packed.image, plain.image)
  np.testing.assert_array_equal(packed.label, plain.label)
  shutil.rmtree(tmp_path / 'my birds' / 'photos' / 'owl')
  assert '1 different labels' in error_of(config)


@pytest.mark.parametrize('names', [('train', 'val', 'test'), ('Train', 'Test')])
def test_folders_of_parts_are_no_classes(config, tmp_path, names):
  """The layout of torchvision's ImageFolder: birds/train/owl/1.png."""
  path = tmp_path / 'parts'
  for count, part in enumerate(names, 1):
    for label in ('crow', 'owl'):
      (path / part / label).mkdir(parents=True)
      for i in range(count):
        image = made_images.picture(i, 12, 10)
        Image.fromarray(image).save(path / part / label / f'{i}.png')
  config.data_dir = str(path)
  splits = ('train', 'valid', 'test') if len(names) == 3 else ('train', 'test')
  for count, split in enumerate(splits, 1):
    found = datasets.load(config, split)
    assert found.label.tolist() == [0] * count + [1] * count
    assert found.num_classes == 2 and 'split:' not in found.source
    assert found.names[0] == f'{names[count - 1]}/crow/0.png'
  if len(names) == 2:
    assert "no image of split 'valid', only of test, train" in error_of(
      config, 'valid'
    )


def test_a_part_without_classes_is_refused(config, tmp_path):
  for part in ('train', 'test'):
    (tmp_path / 'parts' / part).mkdir(parents=True)
    image = Image.fromarray(made_images.picture(0, 9, 9))
    image.save(tmp_path / 'parts' / part / '0.png')
  config.data_dir = str(tmp_path / 'parts')
  assert '0.png lies in no folder' in error_of(config)


@pytest.mark.parametrize(
  'labels, classes, number',
  [
    (range(12), range(12), 12),  # As text, 10 comes before 2.
    ((0, 2, 3), (0, 2, 3), 4),  # One class has no image.
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


def _flat(path, counts):
  """A folder of images for each class, and nothing else."""
  for name, count in counts.items():
    (path / name).mkdir(parents=True)
    for i in range(count):
      image = Image.fromarray(made_images.picture(i, 12, 10))
      image.save(path / name / f'{i}.png')


def _table(config, folder, lines):
  (folder / 'labels.csv').write_text('\n'.join(['file,label', *lines]))
  config.data_dir = str(folder)


def test_two_names_of_one_number_are_refused(config, tmp_path):
  _table(config, tmp_path / 'birds', ['a/1.png,1', 'a/2.png,01'])
  assert "labels '01' and '1' are the same number" in error_of(config)


def test_spaces_around_a_label_are_none_of_it(tmp_path):
  (tmp_path / 'labels.csv').write_text('file,label\na, owl\nb,owl \nc,crow')
  rows = folder.read_labels(tmp_path / 'labels.csv')
  assert [row.label for row in rows] == ['owl', 'owl', 'crow']


def test_two_spellings_of_one_file_are_refused(config, tmp_path):
  _table(config, tmp_path / 'birds', ['a/1.png,crow', './a/1.png,owl'])
  assert "'./a/1.png' is there twice" in error_of(config)


def test_images_that_a_table_does_not_list_are_said(config, tmp_path, capsys):
  _flat(tmp_path / 'listed', {'owl': 5, 'crow': 5})
  names = [f'{kind}/{i}.png' for kind in ('owl', 'crow') for i in range(4)]
  lines = [f'{name},{name[:3]}' for name in names]
  _table(config, tmp_path / 'listed', lines)
  assert len(datasets.load(config, 'train').label) == 4
  assert (
    '2 images are not in the table and are left out, the first is crow/4.png'
  ) in capsys.readouterr().out


def test_a_made_split_goes_by_names(config, tmp_path):
  """The order of a table and further images move no other image."""
  path = tmp_path / 'many'
  write_classes(path, {'owl': 20, 'crow': 20})
  config.data_dir = str(path)
  before = {s: {*datasets.load(config, s).names} for s in folder.SPLITS}
  assert {s: len(names) for s, names in before.items()} == {
    'train': 28,
    'valid': 4,
    'test': 8,
  }
  shutil.copy(path / 'owl' / '0.png', path / 'owl' / 'new.png')
  after = {s: {*datasets.load(config, s).names} for s in folder.SPLITS}
  moved = before['test'] - after['test']
  assert len(moved) <= 1 and 'owl/new.png' in set.union(*after.values())
  names = sorted(set.union(*before.values()), reverse=True)
  _table(config, path, [f'{name},{name[:3]}' for name in names])
  again = {s: {*datasets.load(config, s).names} for s in folder.SPLITS}
  assert again == before


@pytest.mark.parametrize('table', ['birds/owl/labels.csv', 'Labels.CSV'])
def test_a_table_that_is_not_read_is_refused(config, tmp_path, table):
  write_classes(tmp_path / 'classes' / 'birds', {'owl': 4, 'crow': 4})
  (tmp_path / 'classes' / table).write_text('file,label\n')
  config.data_dir = str(tmp_path / 'classes')
  assert f'{table} is not read, expected labels.csv at the top' in (
    error_of(config)
  )


def test_a_folder_beside_parts_is_refused(config, tmp_path):
  path = tmp_path / 'parts'
  for part in ('train', 'test'):
    _flat(path / part, {'owl': 2, 'crow': 2})
  _flat(path, {'to predict': 3})
  config.data_dir = str(path)
  assert 'to predict lies beside test and train, expected parts' in (
    error_of(config)
  )


def test_a_folder_without_images_says_so(config, tmp_path):
  (tmp_path / 'empty').mkdir()
  config.data_dir = str(tmp_path / 'empty')
  assert error_of(config).endswith('empty: has no images')


def test_a_linked_folder_is_a_class_beside_the_real_one(tmp_path):
  """Whatever the order in which the system lists folders."""
  _flat(tmp_path, {'a': 2, 'b': 2})
  (tmp_path / 'z').symlink_to(tmp_path / 'a')
  with image_files.open_images(tmp_path) as images:
    rows = folder.by_folder(images)
  assert [row.label for row in rows] == ['a', 'a', 'b', 'b', 'z', 'z']


def test_a_row_that_names_a_folder_is_refused(config, tmp_path):
  _flat(tmp_path / 'kinds', {'a': 5, 'b': 0, 'c': 0, 'd': 0})
  lines = [f'a/{i}.png,crow' for i in range(5)]
  _table(config, tmp_path / 'kinds', [*lines, 'b,owl', 'c,owl', 'd,owl'])
  assert 'is a folder, expected an image' in error_of(config)


@pytest.mark.parametrize(
  'change, message',
  [
    ({'resolution': 0}, 'data.resolution is 0, expected >= 4'),
    ({'valid_share': float('nan')}, 'valid_share and test_share are nan'),
    ({'split_seed': -1}, 'data.split_seed is -1, expected >= 0'),
  ],
  ids=str,
)
def test_bad_fields_are_named(config, tmp_path, change, message):
  write_classes(tmp_path / 'classes', {'owl': 4, 'crow': 4})
  config.data_dir = str(tmp_path / 'classes')
  config.update(change)
  assert message in error_of(config)


def test_hidden_files_are_left_out_and_linked_folders_are_read(
  config, tmp_path
):
  path = tmp_path / 'classes'
  write_classes(path, {'owl': 4, 'crow': 4, '.thumbnails': 4, '@eaDir': 4})
  (path / 'owl').rename(tmp_path / 'elsewhere')
  (path / 'owl').symlink_to(tmp_path / 'elsewhere')
  (path / 'crow' / 'loop').symlink_to(path)  # Ends, and adds nothing.
  with image_files.open_images(path) as images:
    rows = folder.by_folder(images)
  assert [row.label for row in rows] == ['crow'] * 4 + ['owl'] * 4


def test_files_of_other_kinds_are_said_once(config, tmp_path, capsys):
  """Half of a class, as a telephone saves it, must not vanish unseen."""
  path = tmp_path / 'classes'
  write_classes(path, {'owl': 4, 'crow': 4, '.thumbnails': 4})
  for name in ('owl/a.HEIC', 'owl/b.heic', 'notes', '.thumbnails/c.heic'):
    (path / name).write_bytes(b'')
  config.data_dir = str(path)
  datasets.load(config, 'train')
  datasets.load(config, 'test')
  lines = capsys.readouterr().out.splitlines()
  assert [line for line in lines if 'left out' in line] == [
    f'{path}: 4 files are left out (2 .heic, 1 without an ending, 1 .txt), '
    f'the first is notes; images end as {", ".join(decoding.FORMATS)} files do'
  ]


def test_a_test_part_alone_is_no_folder_around_the_classes(config, tmp_path):
  write_classes(tmp_path / 'classes' / 'test', {'owl': 4, 'crow': 4})
  config.data_dir = str(tmp_path / 'classes')
  assert len(datasets.load(config, 'test').label) == 8
  assert "no image of split 'train', only of test" in error_of(config)


def test_an_image_outside_all_folders_is_named(config, tmp_path):
  path = tmp_path / 'classes'
  write_classes(path, {'owl': 4, 'crow': 4})
  Image.fromarray(made_images.picture(0, 9, 9)).save(path / 'lost.png')
  config.data_dir = str(path)
  assert 'lost.png lies in no folder' in error_of(config)


def test_a_table_without_splits_has_the_seed_of_the_split(config, tmp_path):
  path = tmp_path / 'classes'
  write_classes(path, {'owl': 30, 'crow': 30})
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
