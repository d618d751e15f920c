"""Claims about report/groups.py: who is served, from records alone."""

import pytest

from advmix_jax.report import groups, results

LAYOUT = results.Layout(
  'table_9', 'Table 9', rows=('RandMix', 'AdvMix'), columns=('Smiling', 'Young')
)


def record(row, seed=0, config=None, **by_group):
  """The record of one classifier in the column Smiling."""
  return {
    'key': f'{row}{seed}{config}',
    'kind': 'classifier',
    'cells': [['table_9', row, 'Smiling']],
    'seed': seed,
    'config': {'seed': seed, **(config or {})},
    'results': {'groups': by_group},
  }


def glasses(with_them, without):
  """40 images without glasses, 10 with."""
  return [[without, [0.5, 0.6], 40], [with_them, [0.2, 0.4], 10]]


def lines(*found):
  text = groups.text(LAYOUT, found)
  return [line.split(' | ') for line in text.splitlines() if '|' in line]


def test_a_line_is_a_group_and_a_column_a_method_that_was_run():
  head, _, without, with_them = lines(
    record('AdvMix', Eyeglasses=glasses(0.3, 0.55))
  )
  assert head == ['| group', 'images', 'AdvMix |']
  assert without == ['| not Eyeglasses', '40', '55.0 [50.0, 60.0] |']
  assert with_them == ['| Eyeglasses', '10', '30.0 [20.0, 40.0] |']


def test_over_seeds_it_is_the_mean_with_the_t_interval():
  seeds = [
    record('RandMix', seed, Eyeglasses=glasses(share, 0.5))
    for seed, share in enumerate((0.29, 0.31))
  ]
  *_, with_them = lines(*seeds)
  # Student's t for one degree of freedom is 12.706; the mean's error is 0.01.
  assert with_them[-1] == '30.0 [17.3, 42.7] |'


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_the_newest_config_counts(order):
  both = [
    record('AdvMix', config={'eps': eps}, Eyeglasses=glasses(eps, 0.5))
    for eps in (0.1, 0.2)
  ]
  *_, with_them = lines(*[both[i] for i in order])
  assert with_them[-1].startswith(f'{10 * (order[-1] + 1)}.0 ')


def test_a_group_without_images_has_no_share():
  empty = [[0.5, [0.4, 0.6], 50], [None, [0.0, 1.0], 0]]
  *_, with_them = lines(record('AdvMix', Eyeglasses=empty))
  assert with_them == ['| Eyeglasses', '0', '- |']


def test_records_without_groups_give_nothing():
  plain = record('AdvMix') | {'results': {}}
  assert groups.text(LAYOUT, [plain]) == ''
