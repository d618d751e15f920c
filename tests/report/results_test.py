"""Claims about advmix_jax/report/results.py: a golden page, and its numbers."""

import numpy as np
import pytest

from advmix_jax.report import results, statistics

TABLE = results.Layout(
  name='table_9',
  title='Table 9: made up',
  text='Two methods.',
  rows=('RandMix', 'AdvMix'),
  columns=('0', '0.5'),
  papers={'clean': {('RandMix', '0'): 88.55, ('AdvMix', '0.5'): 85.0}},
  x=(0.0, 0.5),
)
FIGURE = results.Layout('figure_9', 'Figure 9: drawn', 'A picture.')
OTHER = results.Layout('figure_8', 'Figure 8: not drawn', 'No picture.')


def record(row, column, seed, accuracy, **fields):
  """A record of one classifier on 400 digits."""
  right = round(400 * accuracy)
  return {
    'key': f'{row}{column}{seed}{accuracy}',
    'kind': 'classifier',
    'cells': [['table_9', row, column]],
    'seed': seed,
    'config': {'seed': seed, 'method': row},
    'commit': '0123456789abcdef',
    'seconds': 45.0,
    'cores': 2,
    'results': {
      'clean_accuracy': accuracy,
      'ci95': {'clean': list(statistics.wilson_interval(right, 400))},
    },
  } | fields


GENERATOR = record(
  'StyleGAN',
  '0.5',
  0,
  0.0,
  kind='measure',
  seconds=30.0,
  results={
    'style_follows': [0.934, [0.92, 0.95]],
    'label_follows': [0.9915, [0.985, 0.995]],
    'styles': [0.3, 0.6, 0.1],
  },
)
DRAWN = {
  'key': 'drawn',
  'kind': 'figure',
  'cells': [['figure_9', '', '']],
  'seed': 0,
  'config': {},
  'commit': 'fedcba9876543210-dirty',
  'seconds': 90.0,
  'cores': 4,
  'results': {'pictures': ['figure_9.png', 'figure_9.svg']},
}
RECORDS = [
  record('RandMix', '0', 0, 0.8),
  record('RandMix', '0', 1, 0.9),
  record('AdvMix', '0', 0, 0.75),
  GENERATOR,
  DRAWN,
]

# Two seeds: mean 85.0, and t(0.975, 1) = 12.706 times 0.05 is 63.5 points.
# One seed: 300 of 400, Wilson's interval.
GOLDEN = """## Table 9: made up

Two methods.

### Table 9, full scale

`python experiments/reproduce.py --only=table_9 --scale=full`

Accuracy on the clean test set, in %:

|  | 0 | 0.5 |
| --- | --- | --- |
| RandMix | 85.0 [21.5, 100.0]<br>paper 88.55, n = 2, 1.5 min | not run |
| AdvMix | 75.0 [70.5, 79.0]<br>n = 1, 45 s | not run<br>paper 85.00 |

| Generator | Trained on | Colour follows fine | Digit follows coarse | Colours drawn, % |
| --- | --- | --- | --- | --- |
| StyleGAN | 0.5 | 93.4 [92.0, 95.0] | 99.2 [98.5, 99.5] | 30.0, 60.0, 10.0 |

Cost on 2 cores, and number of runs: classifier 2.2 min (3), measure 30 s (1). Commit: 0123456789.

## Figure 9: drawn

A picture.

### Figure 9, full scale

`python experiments/reproduce.py --only=figure_9 --scale=full`

![Figure 9: drawn](figures/full/figure_9.png)

Cost on 4 cores, and number of runs: figure 1.5 min (1). Commit: fedcba9876-dirty.

## Figure 8: not drawn

No picture.

### Figure 8, full scale

`python experiments/reproduce.py --only=figure_8 --scale=full`

not run
"""  # noqa: E501


def both(layout):
  return {'quick': layout, 'full': layout}


def test_the_page_of_made_up_records_is_this_one():
  layouts = [both(TABLE), both(FIGURE), both(OTHER)]
  text = results.page(layouts, {'quick': [], 'full': RECORDS})
  assert text[text.index('## ') :] == GOLDEN
  assert text.startswith('# Results\n')


def test_each_scale_with_records_has_a_section():
  text = results.page([both(TABLE)], {'quick': RECORDS[:1], 'full': RECORDS})
  assert text.index('Table 9, quick scale') < text.index('Table 9, full scale')
  quick = results.page([both(TABLE)], {'quick': RECORDS, 'full': []})
  assert quick.endswith('--scale=full`\n\nnot run\n')  # And nothing more.
  nothing = results.page([both(TABLE)], {'quick': [], 'full': []})
  assert 'full scale' in nothing and 'quick scale' not in nothing
  assert nothing.count('not run') == 1


def test_a_generator_of_a_column_that_is_no_more_is_left_out():
  layout = TABLE._replace(columns=('0',), x=(0.0,))
  assert results.generators(layout, RECORDS) == ''


def test_seeds_with_another_config_do_not_mix():
  old = record('AdvMix', '0', 1, 0.1, config={'seed': 1, 'method': 'old'})
  found = results.cell([old, *RECORDS], 'table_9', 'AdvMix', '0')
  assert found.n == 1 and found.mean == 0.75
  newer = record('AdvMix', '0', 1, 0.5, config={'seed': 1, 'method': 'AdvMix'})
  found = results.cell([*RECORDS, newer], 'table_9', 'AdvMix', '0')
  assert found.n == 2 and found.mean == pytest.approx(0.625)


def test_seeds_that_need_other_runs_do_not_mix():
  old = record('AdvMix', '0', 1, 0.1, needs={'generator': 'old'})
  found = results.cell([old, *RECORDS], 'table_9', 'AdvMix', '0')
  assert found.n == 1 and found.mean == 0.75


def test_the_sizes_of_the_newest_runs_are_said():
  def sized(row, train):
    fields = {'num_train': train, 'num_test': 2000, 'num_attacked': 200}
    made = record(row, '0', 0, 0.8)
    return made | {
      'results': made['results'] | fields,
      'config': {'seed': 0, 'optimizer.epochs': 5},
    }

  old, rows = sized('AdvMix', 7), [sized('RandMix', 60), sized('AdvMix', 800)]
  text = results.page([both(TABLE)], {'quick': [], 'full': [old, *rows]})
  assert (
    'Sizes: training images 60 or 800; test images 2,000; of them attacked '
    '200; passes 5.\n'
  ) in text


def test_other_measures_are_shown_where_they_were_taken():
  taken = record('RandMix', '0', 0, 0.8)
  taken['results'] |= {
    'recolouring': {
      'all_means_accuracy': 0.5,
      'ci95': {'all_means': [0.4, 0.6]},
    }
  }
  text = results.page([{'full': TABLE}], {'full': [taken]})
  assert 'Right in every mean colour, in %:' in text
  assert '50.0 [40.0, 60.0]' in text and 'colour of a grid' not in text
  # The first table says what is missing, this one has what was taken alone.
  first, _, second = text.partition('Right in every mean colour')
  assert first.count('not run') == 3 and 'not run' not in second
  assert 'AdvMix' in first and 'AdvMix' not in second


def attacked_record(seed):
  made = record('AdvMix', '0', seed, 0.5)
  both_kinds = {'clean': [0.4, 0.6], 'perturbed': [0.2, 0.4]}
  made['results'] |= {'perturbed_accuracy': 0.3, 'ci95': both_kinds}
  return made


def test_a_row_has_one_config_in_all_its_measures():
  """A measure that only an older config took is of another classifier."""
  old = attacked_record(0) | {'config': {'seed': 0, 'method': 'old'}}
  records = [old, record('AdvMix', '0', 0, 0.75)]
  args = records, 'table_9', 'AdvMix', '0'
  assert results.cell(*args).mean == 0.75
  assert results.cell(*args, 'perturbed') is None


def test_a_generator_has_its_newest_measurement_alone():
  again = GENERATOR['results'] | {'styles': [0.5, 0.4, 0.1]}
  found = results.generators(
    TABLE, [*RECORDS, GENERATOR, GENERATOR | {'results': again}]
  )
  assert '50.0, 40.0, 10.0' in found and '30.0, 60.0, 10.0' not in found


def test_only_accuracies_under_attack_say_that_a_gate_failed():
  made = [attacked_record(seed) for seed in (0, 1)]
  assert 'not valid' not in results.table(TABLE, made, 'perturbed')
  for one, gates in zip(made, (['converged', 'alive'], ['alive']), strict=True):
    one['results'] |= {'failed_gates': gates}
  attacked = results.table(TABLE, made, 'perturbed')
  assert '**not valid**: alive, converged' in attacked
  assert 'not valid' not in results.table(TABLE, made)


def test_only_accuracies_under_attack_say_that_it_has_not_converged():
  made = attacked_record(0)
  for converged in (True, False):
    made['results'] |= {'converged': converged}
    attacked = results.table(TABLE, [made], 'perturbed')
    assert ('*not converged*' in attacked) != converged
    assert 'not converged' not in results.table(TABLE, [made])
  for seeds in ([made, attacked_record(1)], [attacked_record(1), made]):
    assert '*not converged*' in results.table(TABLE, seeds, 'perturbed')


def test_an_audited_accuracy_has_the_doubts_of_its_attack():
  made = attacked_record(0)
  made['results'] |= {
    'audited_accuracy': 0.4,
    'ci95': {'audited': [0.3, 0.5]},
    'failed_gates': ['alive'],
    'converged': False,
  }
  audited = results.table(TABLE, [made], 'audited')
  assert '40.0 [30.0, 50.0]<br>' in audited
  assert '**not valid**: alive, *not converged*' in audited


def test_a_curve_has_the_cells_that_were_run():
  here = [record('RandMix', '0', 0, 0.85), record('AdvMix', '0', 0, 0.9)]
  several = [*here, record('AdvMix', '0.5', 0, 0.8)]
  found = results.curves(TABLE, several)
  assert [x for x, _ in found['RandMix']] == [0.0]
  assert [x for x, _ in found['AdvMix']] == [0.0, 0.5]
  np.testing.assert_allclose(found['RandMix'][0][1].mean, 0.85)
  # Points above each other are no curve.
  assert not results.curves(TABLE, here)
  assert not results.curves(TABLE, [])
  picture = '![Table 9: made up](figures/full/table_9.png)'
  assert picture in results.page([{'full': TABLE}], {'full': several})
  assert picture not in results.page([{'full': TABLE}], {'full': here})


@pytest.mark.parametrize(
  ('seconds', 'text'), [(59.4, '59 s'), (90, '1.5 min'), (5400, '1.5 h')]
)
def test_durations_have_two_digits_or_so(seconds, text):
  assert results.duration(seconds) == text


def test_a_table_under_attack_shows_its_own_measures_and_papers():
  attacked = record('AdvMix', '0', 0, 0.9)
  attacked['results']['perturbed_accuracy'] = 0.75
  attacked['results']['ci95']['perturbed'] = [0.7, 0.79]
  layout = TABLE._replace(
    papers={'perturbed': {('AdvMix', '0'): 74.55, ('RandMix', '0'): 23.51}},
    measures=('perturbed', 'worst'),
    x=(),
  )
  page = results.page([{'full': layout}], {'full': [attacked]})
  assert 'Under Algorithm 2, in %' in page
  assert '75.0 [70.0, 79.0]<br>paper 74.55, n = 1' in page
  assert 'not run<br>paper 23.51' in page
  assert 'clean test set' not in page and '90.0' not in page
  assert 'worst of all' not in page  # Nobody took that measure.
