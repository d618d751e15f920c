"""Tables byte for byte, the page's self-containment, pictures as PNG."""

import io
import math
import re

import numpy as np
import pytest
from matplotlib import image as mpl_image

from advmix_jax.report import report

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
| Method  | Unbiased test set | Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03) |
|---------|-------------------|--------------------------------------------------|
| Nominal | 25.0 [24.0, 26.0] | 1.0 [0.0, 3.0]                                   |
| RandMix | 92.5 [91.5, 93.5] | 50.0 [48.0, 52.0]                                |
| AdvMix  | 95.0 [94.0, 96.0] | 87.5 [85.5, 89.5]                                |

Accuracy in %, seed 0; brackets: Wilson 95% interval over test digits.
"""  # noqa: E501

THREE_SEEDS_TABLE = """\
| Method | Unbiased test set | Algorithm 2 (N_r=10, K=20, alpha=0.01, eps=0.03) |
|--------|-------------------|--------------------------------------------------|
| AdvMix | 94.0 [91.5, 96.5] | 80.0 [55.2, 100.0]                               |

Accuracy in %, mean of seeds 0, 1, 2; brackets: 95% t-interval over seeds.
"""  # noqa: E501


def test_mean_interval_has_students_quantile():
  # s = 1, n = 3, t_2(0.975) = 4.302653.
  mean, low, high = report.mean_interval([1.0, 2.0, 3.0])
  half = 4.302653 / math.sqrt(3)
  np.testing.assert_allclose([mean, low, high], [2, 2 - half, 2 + half], 1e-6)


def test_mean_interval_of_one_value_has_no_spread():
  mean, low, high = report.mean_interval([0.5])
  assert mean == 0.5 and math.isnan(low) and math.isnan(high)


def test_mean_interval_of_nothing_raises():
  with pytest.raises(ValueError, match='no values'):
    report.mean_interval([])


def test_table_of_one_seed_byte_for_byte():
  assert report.markdown_table(ONE_SEED) == ONE_SEED_TABLE


def test_table_of_three_seeds_byte_for_byte():
  # s = 0.01 and 0.1: half-widths 0.01 and 0.1 times 4.302653 / sqrt(3).
  records = [
    record('advmix', 0, 0.93, 0.7),
    record('advmix', 1, 0.94, 0.8),
    record('advmix', 2, 0.95, 0.9),
  ]
  assert report.markdown_table(records) == THREE_SEEDS_TABLE


def test_table_refuses_what_is_not_comparable():
  other = dict(ONE_SEED[0], perturbed_attack=dict(ATTACK, eps=0.1))
  with pytest.raises(ValueError, match='different attacks'):
    report.markdown_table([other, ONE_SEED[1]])
  with pytest.raises(ValueError, match='different seeds'):
    report.markdown_table(ONE_SEED + [record('advmix', 1, 0.9, 0.8)])
  with pytest.raises(ValueError, match='no records'):
    report.markdown_table([])


def decode(png):
  return mpl_image.imread(io.BytesIO(png), format='png')


def test_picture_grid_shows_its_pictures():
  red, blue = np.zeros((2, 8, 8, 3))
  red[..., 0], blue[..., 2] = 1, 1
  png = report.picture_grid(
    np.stack([[red, red, red], [blue, blue, blue]]),
    row_names=['digits', 'mixes'],
    captions=[['3 (0.99)'] * 3] * 2,
  )
  pixels = decode(png)[..., :3].reshape(-1, 3)
  reds = (pixels == [1, 0, 0]).all(1).sum()
  blues = (pixels == [0, 0, 1]).all(1).sum()
  assert reds > 1000 and reds == pytest.approx(blues, rel=0.1)


def test_picture_grid_refuses_another_shape():
  with pytest.raises(ValueError, match='row names'):
    report.picture_grid(np.zeros((2, 8, 8, 3)), row_names=['a', 'b'])


def test_line_plot_is_a_png():
  png = report.line_plot(
    {'AdvMix': ([1, 2, 5], [0.9, 0.85, 0.8])}, x_label='N_r', y_label='accuracy'
  )
  assert decode(png).ndim == 3


def test_page_is_self_contained():
  png = report.line_plot({'a': ([0, 1], [0, 1])}, x_label='x', y_label='y')
  page = report.html_page(
    'A & B',
    [
      ('Table', report.html_table(report.table_rows(ONE_SEED))),
      ('Curve', report.html_image(png, 'a "curve"')),
    ],
  )
  assert not re.search(r'https?:|//www|<script|<link|@import|url\(', page)
  sources = re.findall(r'(?:src|href)="([^"]{0,22})', page)
  assert sources == ['data:image/png;base64,']
  assert '<title>A &amp; B</title>' in page and 'a &quot;curve&quot;' in page


def test_cells_are_escaped():
  assert '<td>&lt;b&gt;</td>' in report.html_table([['h'], ['<b>']])
  assert report.html_text('1 < 2', tag='pre') == '<pre>1 &lt; 2</pre>'
