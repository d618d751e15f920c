"""Tables of records, byte for byte."""

import pytest

from advmix_jax.report import tables

ATTACK = {'N_r': 10, 'K': 20, 'alpha': 0.01, 'eps': 0.03}


def record(method, seed, clean, perturbed):
  return {
    'method': method,
    'seed': seed,
    'clean_accuracy': clean,
    'perturbed_accuracy': perturbed,
    'perturbed_attack': ATTACK,
    'ci95': {
      'clean': [clean - 0.01, clean + 0.01],
      'perturbed': [perturbed - 0.02, perturbed + 0.02],
    },
  }


ONE_SEED = [
  record('nominal', 0, 0.25, 0.01),
  record('randmix', 0, 0.925, 0.5),
  record('advmix', 0, 0.95, 0.875),
]

ONE_SEED_TABLE = """\
| Method  | Test set          | Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03) |
|---------|-------------------|--------------------------------------------------|
| Nominal | 25.0 [24.0, 26.0] | 1.0 [0.0, 3.0]                                   |
| RandMix | 92.5 [91.5, 93.5] | 50.0 [48.0, 52.0]                                |
| AdvMix  | 95.0 [94.0, 96.0] | 87.5 [85.5, 89.5]                                |

Accuracy in %, seed 0; brackets: Wilson 95% interval over test images.
"""  # noqa: E501

THREE_SEEDS_TABLE = """\
| Method | Test set          | Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03) |
|--------|-------------------|--------------------------------------------------|
| AdvMix | 94.0 [91.5, 96.5] | 80.0 [55.2, 100.0]                               |

Accuracy in %, mean of seeds 0, 1, 2; brackets: Student's 95% t-interval over seeds.
"""  # noqa: E501


def test_table_of_one_seed_byte_for_byte():
  assert tables.markdown_table(ONE_SEED) == ONE_SEED_TABLE


def test_table_of_three_seeds_byte_for_byte():
  # s = 0.01 and 0.1: half-widths 0.01 and 0.1 times 4.302653 / sqrt(3).
  records = [
    record('advmix', 0, 0.93, 0.7),
    record('advmix', 1, 0.94, 0.8),
    record('advmix', 2, 0.95, 0.9),
  ]
  assert tables.markdown_table(records) == THREE_SEEDS_TABLE


def test_an_attack_that_is_in_doubt_is_marked_beside_its_accuracy():
  records = [
    dict(record('nominal', 0, 0.5, 0.5), valid=False, converged=False),
    dict(record('advmix', 0, 0.5, 0.5), valid=True, converged=False),
    dict(record('randmix', 0, 0.5, 0.5), valid=True, converged=True),
  ]
  cells = [row[1:] for row in tables.table_rows(records)[1:]]
  assert cells == [
    ['50.0 [49.0, 51.0]', '50.0 [48.0, 52.0], not valid, not converged'],
    ['50.0 [49.0, 51.0]', '50.0 [48.0, 52.0], not converged'],
    ['50.0 [49.0, 51.0]', '50.0 [48.0, 52.0]'],
  ]
  note = tables.interval_note(records)
  assert ' Not valid: a check' in note and ' Not converged: the last' in note
  assert 'Not' not in tables.interval_note(records[2:])
  # Of several seeds one is enough.
  several = [dict(r, method='advmix', seed=i) for i, r in enumerate(records)]
  assert 'not valid, not converged' in tables.table_rows(several)[1][2]


def test_table_refuses_what_is_not_comparable():
  other = dict(ONE_SEED[0], perturbed_attack=dict(ATTACK, eps=0.1))
  with pytest.raises(ValueError, match='different attacks'):
    tables.markdown_table([other, ONE_SEED[1]])
  other = dict(ONE_SEED[0], perturbed_attack=ATTACK | {'loss': 'margin'})
  with pytest.raises(ValueError, match='loss is None and margin'):
    tables.markdown_table([ONE_SEED[1], other])
  with pytest.raises(ValueError, match='different seeds'):
    tables.markdown_table(ONE_SEED + [record('advmix', 1, 0.9, 0.8)])
  with pytest.raises(ValueError, match='no records'):
    tables.markdown_table([])


def test_a_unit_other_than_w_is_named():
  for unit, name in (('w', ''), ('w_std', ', unit=w_std')):
    attack = dict(ATTACK, unit=unit)
    rows = tables.table_rows([dict(ONE_SEED[0], perturbed_attack=attack)])
    assert (
      rows[0][2] == f'Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03{name})'
    )


def test_the_images_that_were_attacked_are_counted():
  """Often fewer than those of the clean column."""
  two = [
    dict(record('nominal', 0, 0.5, 0.5), num_attacked=20),
    dict(record('advmix', 0, 0.5, 0.5), num_attacked=20),
  ]
  note = tables.interval_note(two)
  assert note.endswith(' Under attack: the first 20 test images.')
  two[1]['num_attacked'] = 7
  with pytest.raises(ValueError, match='attacked .* images, expected as many'):
    tables.table_rows(two)
