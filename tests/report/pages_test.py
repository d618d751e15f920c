"""Pages and listings of runs, from fixed records."""

import base64
import io
import re

import numpy as np
from matplotlib import image as mpl_image

from advmix_jax.report import ladder_table, pages

NAMES = ('clean', 'reconstruction', 'random_mix', 'worst_random', 'perturbed')

RECORD = {
  'method': 'advmix',
  'seed': 1,
  **{f'{name}_accuracy': 0.9 - 0.1 * i for i, name in enumerate(NAMES)},
  'ci95': {
    name: [0.88 - 0.1 * i, 0.92 - 0.1 * i] for i, name in enumerate(NAMES)
  },
  'num_attacked': 500,
  'num_random_draws': 30,
  'perturbed_attack': {'N_r': 10, 'K': 2, 'alpha': 0.015, 'eps': 0.03},
  'accuracy_by_restarts': [0.9, 0.6, 0.5],
  'accuracy_by_draws': [0.9, 0.7, 0.6],
  'converged': True,
  'gates': {'random_below_gradient': True, 'gradients_alive': False},
  'gate_values': {
    'random_below_gradient': {
      'value': 1 / 3,
      'bound': 'at least',
      'limit': 0.01,
      'tolerance': 'p; chance',
    },
    'gradients_alive': {'value': 0.5, 'limit': 0.95, 'tolerance': 'share'},
  },
}

LISTING = """\
AdvMix, seed 1: accuracy in % [Wilson 95% interval] on the first 500 test \
images; first line: on all
  Test images                      90.0 [88.0, 92.0]
  Reconstructed                    80.0 [78.0, 82.0]
  One random mix                   70.0 [68.0, 72.0]
  Worst of 30 random mixes         60.0 [58.0, 62.0]
  Algorithm 2                      50.0 [48.0, 52.0]
  N_r=10, K=2, alpha=0.015, eps=0.03

Check                  Passed  Value  Limit          Value of what; tolerance
random_below_gradient  yes     0.333  at least 0.01  p; chance
gradients_alive        NO      0.5    0.95           share
converged              yes                           no gate: a longer search \
moves the accuracy by less than half the width of its 95% interval"""


LADDER = {
  'ladder': [
    {
      'name': name,
      'accuracy': 0.5,
      'ci95': [0.25, 0.75],
      'images': 6,
      'passes': 14,
      'audited_accuracy': 0.625,
      'audited_ci95': [0.5, 0.75],
    }
    for name in ('clean', 'equal_compute')
  ],
  'doubled': {'restarts': 0.4375, 'steps': 0.5},
  'converged': False,
  'gradient': {'only_gradient': 7, 'only_random': 0, 'p_value': 2.0**-6},
}
LADDER_LISTING = """\
Attack                       Accuracy           Audited            Images  \
Passes
These images                 50.0 [25.0, 75.0]  62.5 [50.0, 75.0]  6       14
Worst random, equal compute  50.0 [25.0, 75.0]  62.5 [50.0, 75.0]  6       14
Algorithm 2: NOT CONVERGED; 43.8% with twice the restarts, 50.0% with twice \
the steps.
At equal compute, 7 images are broken by Algorithm 2 only and 0 by random \
mixes only (McNemar's exact test, p = 0.016)."""


def pictures():
  kinds = ('image', 'reconstruction', 'random_mix', 'adversarial')
  sure, fooled = np.eye(10)[[7, 2]], np.eye(10)[[7, 3]]
  return {
    'label': np.array([7, 2]),
    'images': {kind: np.full((2, 8, 8, 3), 99, np.uint8) for kind in kinds},
    'probabilities': {
      kind: fooled if kind == 'adversarial' else sure for kind in kinds
    },
  }


def test_listing_byte_for_byte():
  assert pages.listing(RECORD) == LISTING


def test_random_mixes_that_have_not_converged_are_said():
  words = 'Random mixes: NOT CONVERGED; 75.0% with half of them'
  for converged in (True, False):
    random = {'halved': 0.75, 'converged': converged}
    text = pages.listing(RECORD | LADDER | {'random': random})
    assert (words in ' '.join(text.split())) != converged


def test_a_listing_says_on_all_only_where_all_were_tested():
  head, *rest = pages.listing(RECORD, clean_on_all=False).splitlines()
  assert head.endswith('[Wilson 95% interval] on 500 images')
  assert rest == LISTING.splitlines()[1:]


def test_listing_and_page_show_a_ladder():
  record = RECORD | LADDER
  assert LADDER_LISTING in pages.listing(record)
  page = pages.comparison([record], [pictures()])
  assert '<h2>Ladder of attacks: AdvMix, seed 1</h2>' in page
  assert '<td>62.5 [50.0, 75.0]</td>' in page and 'NOT CONVERGED' in page
  alone = [
    {k: v for k, v in rung.items() if 'audited' not in k}
    for rung in LADDER['ladder']
  ]
  rows = ladder_table.rows(record | {'ladder': alone})
  assert rows[0] == ['Attack', 'Accuracy', 'Images', 'Passes']


def test_page_names_every_run_and_loads_nothing():
  records = [dict(RECORD, method='nominal'), RECORD]
  grid = pages.examples(
    np.zeros((20, 8, 8, 3)), np.arange(20) % 10, num_classes=10
  )
  page = pages.comparison(
    records,
    [pictures()] * 2,
    examples={'Training set': grid},
    added=[pages.Section('Added')],
  )
  assert '<title>Robustness to adversarial mixing</title>' in page
  headings = re.findall('<h2>(.*)</h2>', page)
  assert headings == [
    'Results',
    'Training set',
    'Reconstructions and random mixes',
    'Adversarial mixes: Nominal, seed 1',
    'Adversarial mixes: AdvMix, seed 1',
    'Added',
    'All measures',
    'Accuracy by budget',
    'Checks of the evaluation',
  ]
  assert 'Worst of 30 random mixes' in page
  cells = ('gradients_alive', 'NO', '0.5', '0.95', 'share')
  row = ''.join(f'<td>{cell}</td>' for cell in cells)
  for run in ('Nominal, seed 1', 'AdvMix, seed 1'):
    assert f'<tr><th scope="row">{run}</th>{row}</tr>' in page
  assert not re.search(r'https?:|<script|<link|@import|url\(', page)
  assert set(re.findall('src="([^,]*),', page)) == {'data:image/png;base64'}


def test_a_page_about_one_classifier_begins_with_what_to_know():
  attack = RECORD['perturbed_attack'] | {'direction': 'corners'}
  record = RECORD | LADDER | {'method': 'mine', 'perturbed_attack': attack}
  page = pages.single(record, pictures(), title='Mine', notes=['No <b>.'])
  headings = re.findall('<h2>(.*)</h2>', page)
  assert headings == [
    'Accuracy in %',
    'Ladder of attacks: mine, seed 1',
    'The worst images',
    'Reconstructions and random mixes',
    'Accuracy by budget',
    'Checks of the evaluation',
  ]
  assert 'Brackets: Wilson 95% intervals. No &lt;b&gt;.' in page
  assert 'Search without gradients: NOT CONVERGED' in page
  assert 'Algorithm 2' not in page
  assert not re.search(r'https?:|<script|<link|@import|url\(', page)


PNG = b'\x89PNG\r\n\x1a\n'


def test_page_is_self_contained():
  text = pages.page(
    'A & B',
    [
      pages.Section('Table', [['h'], ['cell']]),
      pages.Section('Curve', pictures=[('a "curve"', PNG)]),
    ],
  )
  assert not re.search(r'https?:|//www|<script|<link|@import|url\(', text)
  (source,) = re.findall(r'(?:src|href)="([^"]*)"', text)
  kind, _, data = source.partition(',')
  assert kind == 'data:image/png;base64' and base64.b64decode(data) == PNG
  assert '<title>A &amp; B</title>' in text and '<h1>A &amp; B</h1>' in text
  assert 'alt="a &#34;curve&#34;"' in text


def test_all_text_is_escaped():
  bad = '<b> & "it\'s"'
  shown = pages.Section(bad, [[bad], [bad]], bad, [(bad, PNG)])
  text = pages.page(bad, [shown])
  assert text.count('&lt;b&gt; &amp; &#34;it&#39;s&#34;') == 7
  assert '<b>' not in text and "it's" not in text
  assert '<p>1 &lt; 2</p>' in pages.page('', [pages.Section('', text='1 < 2')])


def test_a_section_has_only_what_it_is_given():
  text = pages.page('', [pages.Section('Heading')])
  assert not re.search('<(table|p|img)', text)
  text = pages.page('', [pages.Section('', [['a', 'b'], ['1', '2']])])
  head = '<tr><th scope="col">a</th><th scope="col">b</th></tr>'
  assert f'{head}\n<tr><th scope="row">1</th><td>2</td></tr>' in text


def test_examples_have_one_column_per_class():
  images = np.zeros((6, 4, 4, 3))
  images[::2, ..., 0] = 1  # Class 0 is red, class 1 is green.
  images[1::2, ..., 1] = 1
  png = pages.examples(images, np.array([0, 1] * 3), num_classes=3)
  pixels = mpl_image.imread(io.BytesIO(png))[..., :3]
  middle = pixels.shape[1] // 2
  left, right = pixels[:, :middle], pixels[:, middle:]
  assert (left == [1, 0, 0]).all(-1).any() and (right == [0, 1, 0]).all(
    -1
  ).any()
  assert not (left == [0, 1, 0]).all(-1).any()


def test_captions_mark_what_is_wrong():
  shown = pictures()
  says = [
    pages._says(shown['probabilities'][kind], shown['label'])
    for kind in ('image', 'adversarial')
  ]
  assert says == [['7: 100%', '2: 100%'], ['7: 100%', '✗ 3: 100%']]
