"""Claims about advmix_jax/report/rungs.py: ladders of attacks, from records."""

from advmix_jax.report import results, rungs

LAYOUT = results.Layout(
  'table_9', 'Table 9', rows=('Nominal', 'AdvMix'), columns=('Smiling', 'Male')
)


def record(row, seed, accuracy, audited=None, **more):
  rung = {'name': 'algorithm_2', 'accuracy': accuracy, 'ci95': [0.1, 0.9]}
  if audited is not None:
    rung |= {'audited_accuracy': audited, 'audited_ci95': [0.2, 0.8]}
  return {
    'kind': 'classifier',
    'cells': [['table_9', row, 'Smiling']],
    'seed': seed,
    'config': {'seed': seed},
    'results': {'ladder': [rung]} | more,
  }


def lines(records):
  return rungs.text(LAYOUT, records).splitlines()


def test_a_line_is_an_attack_and_a_column_a_method():
  found = lines([record('Nominal', 0, 0.275), record('AdvMix', 0, 0.6)])
  assert '| attack | Nominal | AdvMix |' in found
  wanted = '| Algorithm 2 | 27.5 [10.0, 90.0] | 60.0 [10.0, 90.0] |'
  assert found.count(wanted) == 1  # Not in the audited table.
  assert 'Adam' not in ' '.join(found)  # It was not run.
  assert not [line for line in found if 'Male' in line]  # Nothing was run.


def test_audited_accuracies_have_a_table_of_their_own():
  found = lines([record('AdvMix', 0, 0.2, audited=0.5)])
  first, second = (line for line in found if line.startswith('| Algorithm 2'))
  assert '20.0 [10.0, 90.0]' in first and '50.0 [20.0, 80.0]' in second


def test_several_seeds_are_a_mean_with_a_t_interval():
  found = lines([record('AdvMix', seed, 0.4 + 0.1 * seed) for seed in (0, 1)])
  # t(0.975, 1) = 12.706 times half the difference is 63.5 points.
  assert '| Algorithm 2 | 45.0 [0.0, 100.0] |' in found


def test_one_seed_that_is_not_valid_or_not_converged_marks_its_method():
  for of_one, said in (
    ({'failed_gates': ['gradients_alive']}, 'not valid'),
    ({'converged': False}, 'not converged'),
  ):
    for first, second in ((of_one, {}), ({}, of_one)):
      found = lines(
        [record('AdvMix', 0, 0.4, **first), record('AdvMix', 1, 0.4, **second)]
      )
      assert f'| attack | AdvMix (Algorithm 2 {said}) |' in found


def test_a_method_that_failed_a_gate_is_marked():
  found = lines([record('AdvMix', 0, 0.4, failed_gates=['gradients_alive'])])
  assert '| attack | AdvMix (Algorithm 2 not valid) |' in found
  assert rungs.text(LAYOUT, []) == ''


def test_a_method_whose_attack_has_not_converged_is_marked():
  found = lines([record('AdvMix', 0, 0.4, converged=False)])
  assert '| attack | AdvMix (Algorithm 2 not converged) |' in found
