"""Claims about advmix_jax/report/strength.py."""

from advmix_jax.report import pages, strength


def row(eps, steps, accuracy, random):
  return {
    'eps': eps,
    'alpha': eps / 4,
    'unit': 'w_std',
    'K': steps,
    'accuracy': accuracy,
    'ci95': [accuracy - 0.25, accuracy + 0.25],
    'random_accuracy': random,
    'random_ci95': [random - 0.125, random + 0.125],
    'only_gradient': 9,
    'only_random': 1,
    'p_value': 0.03,
  }


# In the order of sweep.variants: eps at K = 2, then K at eps = 0.5.
RECORD = {
  'perturbed_attack': {'eps': 0.5, 'alpha': 0.125, 'K': 2, 'unit': 'w_std'},
  'sweep': [
    row(0.0, 2, 0.75, 0.5),
    row(0.5, 2, 0.5, 0.5),
    row(5.0, 2, 0.25, 0.5),
    row(0.5, 0, 0.75, 0.75),
    row(0.5, 4, 0.375, 0.25),
  ],
}


def test_a_row_has_the_unit_and_both_intervals():
  head, first, *_ = strength.rows(RECORD)
  assert head == [
    *('eps', 'Unit', 'K', 'Algorithm 2', 'Random, equal compute'),
    *('Only Algorithm 2', 'Only random', 'p'),
  ]
  assert first == [
    *('0', 'w_std', '2', '75.0 [50.0, 100.0]', '50.0 [37.5, 62.5]'),
    *('9', '1', '0.03'),
  ]
  lines = strength.listing(RECORD).splitlines()
  assert len(lines) == 6
  assert ' '.join(lines[3].split()) == (
    '5 w_std 2 25.0 [0.0, 50.0] 50.0 [37.5, 62.5] 9 1 0.03'
  )


def test_each_panel_varies_one_of_the_two_and_shares_the_run_itself():
  (_, _, by_eps), (_, _, by_steps) = strength._series(RECORD)
  assert [(r['eps'], r['K']) for r in by_eps] == [(0, 2), (0.5, 2), (5, 2)]
  assert [(r['eps'], r['K']) for r in by_steps] == [
    *((0.5, 0), (0.5, 2), (0.5, 4))
  ]
  # In a ball of radius 0 only alpha tells the attacks apart.
  flat = [r | {'eps': 0.0} for r in RECORD['sweep']]
  attack = RECORD['perturbed_attack'] | {'eps': 0.0}
  _, (_, _, by_steps) = strength._series(
    {'perturbed_attack': attack, 'sweep': flat}
  )
  assert [r['K'] for r in by_steps] == [0, 2, 4]


def test_curves_are_at_equal_distances_with_their_intervals():
  (_, _, shown), _ = strength._series(RECORD)
  assert strength._lines(shown, 'Algorithm 2') == {
    'Algorithm 2': [
      *((0, 0.75, 0.5, 1.0), (1, 0.5, 0.25, 0.75), (2, 0.25, 0.0, 0.5))
    ],
    'as many random mixes as its compute': [
      (x, 0.5, 0.375, 0.625) for x in range(3)
    ],
  }


def test_the_picture_is_a_png_and_an_svg_of_the_same_bytes_each_time():
  png, svg = strength.plot(RECORD)
  assert png.startswith(b'\x89PNG') and b'<svg' in svg
  assert strength.plot(RECORD) == (png, svg)
  weaker = RECORD | {'sweep': [*RECORD['sweep'][:-1], row(0.5, 4, 0.5, 0.25)]}
  assert strength.plot(weaker)[0] != png


def test_the_section_has_the_picture_and_the_table():
  page = pages.page('A sweep', [strength.section(RECORD, b'PNG')])
  assert '<h2>Accuracy against eps and K</h2>' in page
  assert '<td>50.0 [37.5, 62.5]</td>' in page
  assert 'alt="Accuracy against eps and K" src="data:image/png' in page
