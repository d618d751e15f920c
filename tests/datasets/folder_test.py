import shutil
import zipfile

import numpy as np
import pytest
from helpers import made_folders, made_images
from helpers.one_line import loading_error as error_of
from PIL import Image

from advmix_jax import datasets
from advmix_jax.datasets import decoding, folder, image_files
from advmix_jax.runtime import hosts


@pytest.fixture
def config(tmp_path):
  return made_folders.config_of_birds(tmp_path)


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


@pytest.mark.parametrize('packed', [False, True])
def test_a_folder_is_a_class_and_a_split_is_made(config, tmp_path, packed):
  path = tmp_path / 'classes'
  made_folders.classes(path, {'owl': 10, 'crow': 5})
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
  made_folders.classes(tmp_path / 'my birds' / 'photos', {'owl': 4, 'crow': 6})
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


def test_a_made_split_goes_by_names(config, tmp_path):
  """The order of a table and further images move no other image."""
  path = tmp_path / 'many'
  made_folders.classes(path, {'owl': 20, 'crow': 20})
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
  made_folders.table(config, path, [f'{name},{name[:3]}' for name in names])
  again = {s: {*datasets.load(config, s).names} for s in folder.SPLITS}
  assert again == before


@pytest.mark.parametrize('table', ['birds/owl/labels.csv', 'Labels.CSV'])
def test_a_table_that_is_not_read_is_refused(config, tmp_path, table):
  made_folders.classes(tmp_path / 'classes' / 'birds', {'owl': 4, 'crow': 4})
  (tmp_path / 'classes' / table).write_text('file,label\n')
  config.data_dir = str(tmp_path / 'classes')
  assert f'{table} is not read, expected labels.csv at the top' in (
    error_of(config)
  )


def test_a_folder_beside_parts_is_refused(config, tmp_path):
  path = tmp_path / 'parts'
  for part in ('train', 'test'):
    made_folders.flat(path / part, {'owl': 2, 'crow': 2})
  made_folders.flat(path, {'to predict': 3})
  config.data_dir = str(path)
  assert 'to predict lies beside test and train, expected parts' in (
    error_of(config)
  )


def test_folders_that_only_look_like_parts_are_named(tmp_path, capsys):
  made_folders.flat(tmp_path, {'seg_train': 2, 'seg_test': 2, 'seg_pred': 1})
  with image_files.open_images(tmp_path) as images:
    rows = folder.by_folder(images)
  assert [row.label for row in rows[:2]] == ['seg_pred', 'seg_test']
  assert (
    'seg_test and seg_train are taken as classes; parts of the data are '
    'folders called train, valid, test'
  ) in capsys.readouterr().out


def test_classes_may_have_the_word_train_in_their_names(tmp_path, capsys):
  made_folders.flat(tmp_path, {'steam train': 1, 'tram': 1, 'train-bridge': 1})
  with image_files.open_images(tmp_path) as images:
    folder.by_folder(images)
  assert not capsys.readouterr().out


def test_a_folder_without_images_says_so(config, tmp_path):
  (tmp_path / 'empty').mkdir()
  config.data_dir = str(tmp_path / 'empty')
  assert error_of(config).endswith('empty: has no images')


def test_a_linked_folder_is_a_class_beside_the_real_one(tmp_path):
  """Whatever the order in which the system lists folders."""
  made_folders.flat(tmp_path, {'a': 2, 'b': 2})
  (tmp_path / 'z').symlink_to(tmp_path / 'a')
  with image_files.open_images(tmp_path) as images:
    rows = folder.by_folder(images)
  assert [row.label for row in rows] == ['a', 'a', 'b', 'b', 'z', 'z']


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
  made_folders.classes(tmp_path / 'classes', {'owl': 4, 'crow': 4})
  config.data_dir = str(tmp_path / 'classes')
  config.update(change)
  assert message in error_of(config)


def test_hidden_files_are_left_out_and_linked_folders_are_read(
  config, tmp_path
):
  path = tmp_path / 'classes'
  made_folders.classes(
    path, {'owl': 4, 'crow': 4, '.thumbnails': 4, '@eaDir': 4}
  )
  (path / 'owl').rename(tmp_path / 'elsewhere')
  (path / 'owl').symlink_to(tmp_path / 'elsewhere')
  (path / 'crow' / 'loop').symlink_to(path)  # Ends, and adds nothing.
  with image_files.open_images(path) as images:
    rows = folder.by_folder(images)
  assert [row.label for row in rows] == ['crow'] * 4 + ['owl'] * 4


def test_files_of_other_kinds_are_said_once(config, tmp_path, capsys):
  """Half of a class, as a telephone saves it, must not vanish unseen."""
  path = tmp_path / 'classes'
  made_folders.classes(path, {'owl': 4, 'crow': 4, '.thumbnails': 4})
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
  made_folders.classes(tmp_path / 'classes' / 'test', {'owl': 4, 'crow': 4})
  config.data_dir = str(tmp_path / 'classes')
  assert len(datasets.load(config, 'test').label) == 8
  assert "no image of split 'train', only of test" in error_of(config)


def test_an_image_outside_all_folders_is_named(config, tmp_path):
  path = tmp_path / 'classes'
  made_folders.classes(path, {'owl': 4, 'crow': 4})
  Image.fromarray(made_images.picture(0, 9, 9)).save(path / 'lost.png')
  config.data_dir = str(path)
  assert 'lost.png lies in no folder' in error_of(config)


def test_parts_in_parts_are_no_classes(config, tmp_path):
  """As archives unpack that hold train/train/owl and test/test/owl."""
  path = tmp_path / 'twice'
  for part in ('train', 'test'):
    made_folders.flat(path / part / part, {'crow': 1, 'owl': 1})
  config.data_dir = str(path)
  assert 'the folders in the parts are test, train, parts' in error_of(config)


def test_images_that_are_links_to_nowhere_are_said(config, tmp_path, capsys):
  """Files that a tool has not fetched yet."""
  path = tmp_path / 'linked'
  made_folders.flat(path, {'crow': 5, 'owl': 5})
  config.data_dir = str(path)
  (path / 'owl' / '.lost.png').symlink_to(tmp_path / 'nowhere')
  (path / 'owl' / 'lost.txt').symlink_to(tmp_path / 'nowhere')
  datasets.load(config, 'train')
  assert 'lead nowhere' not in capsys.readouterr().out
  (path / 'owl' / 'lost.png').symlink_to(tmp_path / 'nowhere')
  assert len(datasets.load(config, 'test').label) == 2
  shown = [x for x in capsys.readouterr().out.splitlines() if 'nowhere' in x]
  (line,) = shown
  assert ' 1 images are links' in line and line.endswith('owl/lost.png')


@pytest.mark.parametrize('most, said', [(4095, True), (65535, False)])
def test_levels_that_leave_images_black_are_said(
  most, said, config, tmp_path, capsys
):
  path = tmp_path / 'deep'
  for name in ('crow', 'owl'):
    (path / name).mkdir(parents=True)
    for i in range(4):
      levels = np.full((9, 9), most * (i + 1) // 4, np.uint16)
      Image.fromarray(levels).save(path / name / f'{i}.png')
  config.data_dir = str(path)
  datasets.load(config, 'train')
  assert ('brightest level of all images is' in capsys.readouterr().out) == said


def test_a_name_that_is_no_text_can_be_printed(capsys):
  hosts.print_once('owl\udce9')
  assert capsys.readouterr().out == 'owl\\udce9\n'
