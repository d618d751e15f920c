"""Every table and figure of docs/results.md, as one literal dict.

Table 2 is in sweeps_rgb.py, the tables of CelebA are in sweeps_faces.py, and
what they share is in sweeps_shared.py.

An item with rows is a table; one with `plot` is drawn, too. The fields of a
cell's runs add up from its item, the scale, the column and the row, the later
one counting:

  data       fields of `data`, for classifier and generator alike
  config     configs/colored_mnist.py, the classifier
  generator  configs/stylegan.py
  ideal      `generator` of the classifier, where it is the ideal one
  start      `inversion` of configs/encoder.py, the learned start
  encoder    `encoder`, Algorithm 1
  measure    flags of measure_generator.py; without it, nothing is measured

An item's `recolour` says to test classifiers on exact recolourings, too;
`attacked`, to attack them with the whole ladder, for which test images are
encoded. A row's `generator_name` is what its own generator is called; an item's
`identity` tells images from others of the same config. `configs` names other
configs than those above; `given` is a generator that ships and isn't trained;
`measures` are the accuracies that the page shows. scales: per scale, the seeds
(`seeds_of`: those of a column, where they differ), the columns and rows that it
runs (all where it says nothing), and `shipped`, the columns whose generator is
the one that ships. paper, paper_perturbed: {row: {column: percent}}, clean and
under attack. An item without rows is a picture, made by
experiments/figures/<item>.py.

Ours, because the paper doesn't say: the shares of Table 1's skewed digits, and
which colours the classifier's digits have in Table 2, where both readings are
run. The quick scale shows that all works; its numbers are of too few digits.

Contents: ITEMS, FROM_SCRATCH.
"""

import sweeps_faces
import sweeps_rgb
from sweeps_shared import FULL, PIXELS, PRINTED, QUICK, UNCONDITIONAL

_UNCONDITIONAL_ROWS = {
  f'{name}, unconditional StyleGAN': {
    # At sigma = 0 both items name their test colours alike, and share runs.
    'config': {'method': method, 'data.test_sigma': 0.0},
  }
  | UNCONDITIONAL
  for name, method in (('RandMix', 'randmix'), ('AdvMix', 'advmix'))
}
# Table 1: its columns, and shares of the digits 0 to 9.
_SKEWS = ('unbiased', 'less biased', 'more biased')
_LESS_BIASED = (0.55, *[0.05] * 9)
_MORE_BIASED = (0.45, 0.45, *[0.0125] * 8)
_IDEAL_ATTACK = {'attack.eps': 1.0, 'attack.alpha': 0.25, 'attack.steps': 4}
ITEMS = {
  'figure_2': {
    'title': 'Figure 2: training images of each method',
    'text': (
      'Digits beside mixup, cutout, CutMix and AdvMix. Mixup has alpha = 1, '
      'for the eye; training uses 0.2.'
    ),
    'given': 'generator.npz',
  },
  'figure_4': {
    'title': 'Figure 4: the toy problem',
    'text': (
      'Two Gaussians: the original data, what AdvMix and mixup make of them, '
      'and the classifier that each trains.'
    ),
  },
  'figure_6': {
    'title': 'Figure 6: mean colours of the ten digits',
    'text': 'The colour that a training digit of each class has.',
  },
  'figure_7': {
    'title': 'Figure 7: accuracy on unbiased colours against sigma',
    'text': (
      'Training digits have the colour of their class, with a standard '
      'deviation sigma per channel. The test set is the same for all: ten mean '
      'colours, independent of the digit. One StyleGAN per sigma; that of '
      'sigma = 0 and its latents are those that ship. For the others '
      'Algorithm 1 encodes by the pixels alone, and at the quick scale they '
      'see 80,000 images in place of 240,000. The environments of IRM are the '
      'mean colours that digits are nearest to: at sigma = 0 each holds one '
      'class, so its penalty falls to zero as the classifier becomes certain. '
      'The weight of the penalty is 1: of 1 to 10,000 the best on unbiased '
      'colours of further training digits (docs/irm.md). The eps of '
      'adversarial training grows from '
      '0 to 0.1 over the first 75 steps: at full strength from the start, it '
      'learns nothing at the quick scale.'
    ),
    'recolour': True,
    'plot': {'x_label': 'sigma of the training colours'},
    'config': {
      'data.test_sigma': 0.0,
      'attack.restarts': 5,
    },
    'columns': {
      f'{sigma:g}': {'x': sigma, 'data': {'sigma': sigma}}
      for sigma in (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
    },
    'rows': {
      'Nominal': {'config': {'method': 'nominal'}},
      'mixup': {'config': {'method': 'mixup'}},
      'cutout': {'config': {'method': 'cutout'}},
      'CutMix': {'config': {'method': 'cutmix'}},
      'Adversarial training': {
        'config': {
          'method': 'adversarial_training',
          'pixel_attack.ramp_steps': 75,
        },
      },
      'IRM': {
        'config': {
          'method': 'irm',
          'environment': 'nearest_color',
          'irm.weight': 1.0,
        }
      },
      'RandMix': {'config': {'method': 'randmix'}},
      'AdvMix': {'config': {'method': 'advmix'}},
      **_UNCONDITIONAL_ROWS,
      'Ceiling: nominal, unbiased colours': {
        'config': {'method': 'nominal', 'data.variant': 'unbiased'},
      },
      'Ceiling: exact recolouring': {
        'config': {
          'method': 'randmix',
          'generator.name': 'ideal',
          'generator.colors': 'colored_mnist',
        },
      },
    },
    'scales': {
      'quick': QUICK
      | {
        'seeds': (0,),
        'columns': ('0', '0.4'),
        'rows': (
          'Nominal',
          'mixup',
          'cutout',
          'CutMix',
          'Adversarial training',
          'IRM',
          'RandMix',
          'AdvMix',
          'Ceiling: nominal, unbiased colours',
          'Ceiling: exact recolouring',
        ),
        'shipped': ('0',),
        'config': {
          'data.num_train': 600,
          'optimizer.batch_size': 32,
          'optimizer.epochs': 8,
          'eval.num_examples': 100,
        },
      },
      'full': FULL | {'encoder': PIXELS, 'seeds': (0, 1, 2), 'shipped': ('0',)},
    },
  },
  'figure_9': {
    'title': 'Figure 9: variations and their differences',
    'text': (
      'Digits, their variation by mixup, by an l_inf adversary (eps = 0.1) and '
      'by mixing, and the difference, enlarged by the factor below it. Mixup '
      'has alpha = 1, for the eye; training uses 0.2.'
    ),
    'given': 'generator.npz',
  },
  'table_1': {
    'title': 'Table 1: a StyleGAN trained on skewed digits',
    'text': (
      'Sigma = 0, unbiased test digits. Classifiers train on the same digits '
      'in every column; those of the StyleGAN are skewed, and with them its '
      'colours. The paper gives no shares. Ours: less biased has 55% zeros and '
      '5% of each other digit; more biased has 45% zeros, 45% ones and 1.25% '
      'of each other digit. The unbiased StyleGAN and its latents are those '
      'that ship. For the others Algorithm 1 encodes by the pixels alone, and '
      'at the quick scale they see 80,000 images in place of 240,000. The '
      'ideal generator draws the colours in these shares; with eps = 1 the '
      'search may reach any colour. "As printed" is said of lines 1 and 9 of '
      "Algorithm 2; steps go along the gradient's sign in all rows."
    ),
    'recolour': True,
    'ideal': {'colors': 'colored_mnist'},
    'config': {'attack.restarts': 5},
    'columns': {
      # The digits of the others, by the name that Figure 7's have.
      'unbiased': {
        'generator': {'data.source': 'embedded', 'data.num_train': 0},
      },
      'less biased': {
        'generator': {'data.digit_shares': _LESS_BIASED},
        'ideal': {'color_shares': _LESS_BIASED},
      },
      'more biased': {
        'generator': {'data.digit_shares': _MORE_BIASED},
        'ideal': {'color_shares': _MORE_BIASED},
      },
    },
    'rows': {
      'RandMix': {'config': {'method': 'randmix'}},
      'AdvMix': {'config': {'method': 'advmix'}},
      'AdvMix, Algorithm 2 as printed': {
        'config': {'method': 'advmix'} | PRINTED,
      },
      **_UNCONDITIONAL_ROWS,
      'RandMix, ideal generator': {
        'config': {'method': 'randmix', 'generator.name': 'ideal'},
      },
      'AdvMix, ideal generator': {
        'config': {'method': 'advmix', 'generator.name': 'ideal'},
      },
      'AdvMix, ideal generator, eps = 1': {
        'config': {'method': 'advmix', 'generator.name': 'ideal'}
        | _IDEAL_ATTACK,
      },
      'Nominal': {'config': {'method': 'nominal'}},
      'Ceiling: nominal, unbiased colours': {
        'config': {'method': 'nominal', 'data.variant': 'unbiased'},
      },
    },
    'paper': {
      'RandMix': dict(zip(_SKEWS, (99.11, 98.87, 97.63), strict=True)),
      'AdvMix': dict(zip(_SKEWS, (99.19, 99.07, 98.79), strict=True)),
    },
    'scales': {
      'quick': QUICK
      | {
        'seeds': (0,),
        'rows': (
          'RandMix',
          'AdvMix',
          'AdvMix, Algorithm 2 as printed',
          'RandMix, ideal generator',
          'AdvMix, ideal generator',
          'Nominal',
          'Ceiling: nominal, unbiased colours',
        ),
        'shipped': ('unbiased',),
        'config': {
          'data.num_train': 600,
          'optimizer.batch_size': 32,
          'optimizer.epochs': 8,
          'eval.num_examples': 100,
        },
      },
      # A generator sees 10,000 of the 60,000 digits: 5,923 of them are zeros.
      'full': FULL
      | {
        'encoder': PIXELS,
        'generator': {'data.source': 'idx', 'data.num_train': 10_000},
        'seeds': (0, 1, 2),
        'shipped': ('unbiased',),
      },
    },
  },
  **sweeps_rgb.ITEMS,
  **sweeps_faces.ITEMS,
}

# `make from-scratch`: flags of each script, in this order.
FROM_SCRATCH = {
  'train_stylegan.py': {},
  'train_encoder.py': {},
  'encode.py': {'--config.data.num_test': 500},  # Those that are attacked.
  'demo.py': {},
}
