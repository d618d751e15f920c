import pathlib

import pytest
import scipy

from advmix_jax.report import paired

HEAD = 'index,label,clean_prediction,clean,perturbed,first_random'


def write(path, clean, perturbed, labels=None):
  labels = labels or [0] * len(clean)
  lines = [
    f'{i},{label},1,{c},{p},0'
    for i, (label, c, p) in enumerate(
      zip(labels, clean, perturbed, strict=True)
    )
  ]
  path.write_text('\n'.join([HEAD, *lines]) + '\n')
  return paired.read(path)


def test_only_images_on_which_both_differ_count(tmp_path):
  # Of 9 images 6 are right with the first alone, 1 with the second alone.
  first = write(tmp_path / 'a.csv', [1] * 6 + [0, 1, 1], [0] * 9)
  second = write(tmp_path / 'b.csv', [0] * 6 + [1, 1, 1], [0] * 9)
  found = paired.compare(first, second)
  assert list(found) == ['clean', 'perturbed']  # Neither classes nor counts.
  clean = found['clean']
  assert (clean['only_first'], clean['only_second']) == (6, 1)
  assert clean['difference'] == pytest.approx(5 / 9)
  # Two sides of a fair coin: (C(7, 0) + C(7, 1)) * 2 / 2^7.
  assert clean['p_value'] == pytest.approx(16 / 128)
  assert clean['p_value'] == scipy.stats.binomtest(1, 7).pvalue
  assert found['perturbed']['p_value'] == 1.0
  assert '| clean | 6 | 1 | 0.12 | +55.6 |' in paired.table(found)


def test_the_other_order_changes_only_the_sign(tmp_path):
  first = write(tmp_path / 'a.csv', [1, 1, 0, 0], [1, 0, 0, 0])
  second = write(tmp_path / 'b.csv', [0, 1, 1, 1], [0, 0, 0, 1])
  one, other = paired.compare(first, second), paired.compare(second, first)
  for name in one:
    assert one[name]['p_value'] == other[name]['p_value']
    assert one[name]['difference'] == -other[name]['difference']


def test_images_of_each_label_are_counted(tmp_path):
  labels = [0, 0, 1, 1]
  first = write(tmp_path / 'a.csv', [1, 1, 1, 0], [1, 0, 0, 0], labels)
  second = write(tmp_path / 'b.csv', [0, 0, 1, 1], [1, 0, 0, 0], labels)
  parts = {'a': paired.by_label(first), 'b': paired.by_label(second)}
  assert parts['a']['clean'] == {'0': [2, 2], '1': [1, 2]}
  assert parts['a']['perturbed'] == {'0': [1, 2], '1': [0, 2]}
  found = paired.compare(first, second)
  clean = found['clean']['by_label']
  # Both are ahead on one label, which the sum hides: 2 and 1 of 4 images.
  assert (clean['0']['only_first'], clean['0']['only_second']) == (2, 0)
  assert (clean['1']['only_first'], clean['1']['only_second']) == (0, 1)
  assert clean['0']['p_value'] == scipy.stats.binomtest(0, 2).pvalue
  text = paired.label_table(parts, found)
  assert '| clean | 0 | 2 of 2 | 0 of 2 | 2 | 0 | 0.5 |' in text


def test_other_images_are_refused(tmp_path):
  first = write(tmp_path / 'a.csv', [1, 0], [1, 0])
  second = write(tmp_path / 'b.csv', [1, 0], [1, 0], labels=[0, 1])
  with pytest.raises(ValueError, match='not the same images and labels'):
    paired.compare(first, second)


def test_attacks_of_other_strength_are_named():
  weak = {'perturbed_attack': {'N_r': 5, 'K': 5, 'eps': 0.03}}
  strong = {'perturbed_attack': {'N_r': 10, 'K': 5, 'eps': 1.0}}
  assert paired.attacks(weak, strong) == (
    'the attacks differ: N_r is 5 and 10, eps is 0.03 and 1.0; what is '
    'measured under attack does not compare'
  )
  assert paired.attacks(weak, weak) == ''
  assert paired.attacks(weak, {}) == ''  # Tables alone say nothing of it.


def _with_texts(rows, pixels, sources):
  """The same table with the columns image and source."""
  path = pathlib.Path(rows.path)
  head, *lines = path.read_text().splitlines()
  texts = zip(lines, pixels, sources, strict=True)
  added = [f'{line},{image},{source}' for line, image, source in texts]
  path.write_text('\n'.join([f'{head},image,source', *added]) + '\n')
  return paired.read(path)


def test_other_images_of_the_same_labels_are_refused_by_their_hashes(tmp_path):
  old, new, other = [
    write(tmp_path / name, [1, 0], [1, 0]) for name in ('a', 'b', 'c')
  ]
  new = _with_texts(new, ['0a', '0b'], ['0', '1'])
  other = _with_texts(other, ['0a', '0c'], ['0', '1'])
  with pytest.raises(ValueError, match='not the same images and labels'):
    paired.compare(new, other)
  # Rows named 0 and 1 are no measure; a table without hashes is compared.
  assert list(paired.compare(new, new)) == ['clean', 'perturbed']
  assert paired.compare(old, new) == paired.compare(old, old)


def test_another_file_is_refused(tmp_path):
  (tmp_path / 'a.csv').write_text('file,label\nx.png,1\n')
  with pytest.raises(ValueError, match='expected a per_example.csv'):
    paired.read(tmp_path / 'a.csv')
  with pytest.raises(FileNotFoundError, match='no such file'):
    paired.read(tmp_path / 'b.csv')


def test_other_generators_and_seeds_are_named_and_failed_checks():
  shipped = {'generator': '0a', 'seed': 0, 'perturbed_attack': {'K': 5}}
  other = shipped | {'generator': '0b', 'seed': 7, 'failed_gates': ['a', 'b']}
  words = paired.attacks(shipped, other)
  assert 'generator is 0a and 0b, seed is 0 and 7' in words
  assert paired.attacks(shipped, {'perturbed_attack': {'K': 5}}) == ''
  assert paired.invalid(shipped, shipped) == ''
  assert paired.invalid(shipped, other) == (
    'a check of the second evaluation failed: a, b'
  )
