"""Every table and figure of docs/results.md, as one literal dict.

Those of CelebA are in sweeps_faces.py.

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
encoded. `configs` names other configs than those above; `given` is a generator
that ships and isn't trained; `measures` are the accuracies that the page shows.
scales: per scale, the seeds, the columns and rows that it runs (all where it
says nothing), and `shipped`, the columns whose generator is the one that ships.
paper, paper_perturbed: {row: {column: percent}}, clean and under attack. An
item without rows is a picture, made by experiments/figures/<item>.py.

Ours, because the paper doesn't say: the shares of Table 1's skewed digits, and
which colours the classifier's digits have in Table 2, where both readings are
run. The quick scale shows that all works; its numbers are of too few digits.

Contents: ITEMS, FROM_SCRATCH.
"""

import sweeps_faces

# Without classes, style mixing is off the data where the colour is the label.
_UNCONDITIONAL = {'network.label_size': 0, 'gan.style_mixing': 0.0}
_UNCONDITIONAL_ROWS = {
  f'{name}, unconditional StyleGAN': {
    'config': {'method': method},
    'generator': _UNCONDITIONAL,
    'generator_name': 'StyleGAN, unconditional',
  }
  for name, method in (('RandMix', 'randmix'), ('AdvMix', 'advmix'))
}
_PRINTED = {'attack.keep': 'misclassified', 'attack.test_start': False}
# Table 1: its columns, and shares of the digits 0 to 9.
_SKEWS = ('unbiased', 'less biased', 'more biased')
_LESS_BIASED = (0.55, *[0.05] * 9)
_MORE_BIASED = (0.45, 0.45, *[0.0125] * 8)
# Table 2; the paper has one reading of it, and we two.
_PAPER_RANDMIX = {'unbiased': 88.55, '99% red': 83.18, '99.9% red': 53.56}
_PAPER_ADVMIX = {'unbiased': 85.07, '99% red': 85.02, '99.9% red': 85.00}
_IDEAL_ATTACK = {'attack.eps': 1.0, 'attack.alpha': 0.25, 'attack.steps': 4}
# Algorithm 1 without VGG-16: the pixel term alone, 15 times faster.
_PIXELS = {
  'start_steps': 0,
  'steps': 50,
  'perceptual_weight': 0.0,
  'mixing_weight': 0.0,
}
# Few images, and a learned start with few steps.
_QUICK = {
  'generator': {'gan.kimg': 80.0, 'gan.decay_kimg': 35.0},
  'start': {'sample_steps': 300, 'steps': 300},
  'encoder': _PIXELS,
  'measure': {'num_mixes': 500},
}
# As the generator that ships is trained: configs/stylegan.py as it is.
_FULL = {'measure': {'num_mixes': 2000}}

ITEMS = {
  'figure_2': {
    'title': 'Figure 2: training images of each method',
    'text': 'Digits beside mixup, cutout, CutMix and AdvMix.',
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
      'sigma = 0 and its latents are those that ship. At the quick scale the '
      'others see 80,000 images in place of 240,000, and Algorithm 1 encodes '
      'by the pixels alone. IRM has the colours as environments: at sigma = 0 '
      'each holds one class, so its penalty is zero. Adversarial training (eps '
      '= 0.1) has too few steps at the quick scale: 11% is chance.'
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
      'Adversarial training': {'config': {'method': 'adversarial_training'}},
      'IRM': {'config': {'method': 'irm', 'environment': 'color'}},
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
      'quick': _QUICK
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
      'full': _FULL | {'seeds': (0, 1, 2), 'shipped': ('0',)},
    },
  },
  'figure_9': {
    'title': 'Figure 9: variations and their differences',
    'text': (
      'Digits, their variation by mixup, by an l_inf adversary (eps = 0.1) and '
      'by mixing, and the rescaled difference.'
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
      'that ship. At the quick scale the others see 80,000 images in place of '
      '240,000, and Algorithm 1 encodes by the pixels alone. The ideal '
      'generator draws the colours in these shares; with eps = 1 the search '
      'may reach any colour.'
    ),
    'recolour': True,
    'ideal': {'colors': 'colored_mnist'},
    'config': {'attack.restarts': 5},
    'columns': {
      'unbiased': {},
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
        'config': {'method': 'advmix'} | _PRINTED,
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
      'quick': _QUICK
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
      'full': _FULL
      | {
        'generator': {'data.source': 'idx', 'data.num_train': 10_000},
        'seeds': (0, 1, 2),
        'shipped': ('unbiased',),
      },
    },
  },
  'table_2': {
    'title': 'Table 2: red, green and blue digits, a linear classifier',
    'text': (
      'Columns: the colours of the digits that the StyleGAN trains on. The '
      'paper does not say which colours the digits of the *classifier* have, '
      'so there are two readings: unbiased ones in every column, or those of '
      'the StyleGAN. Algorithm 1 encodes by the pixels alone.'
    ),
    'recolour': True,
    'data': {'name': 'rgb_mnist'},
    'ideal': {'colors': 'rgb_mnist'},
    'config': {'classifier.name': 'linear', 'attack.restarts': 5},
    'columns': {
      'unbiased': {'data': {'variant': 'unbiased'}},
      '99% red': {
        'data': {'variant': 'less_biased'},
        'ideal': {'color_shares': (0.99, 0.005, 0.005)},
      },
      '99.9% red': {
        'data': {'variant': 'more_biased'},
        'ideal': {'color_shares': (0.999, 0.0005, 0.0005)},
      },
    },
    'rows': {
      'RandMix, unbiased digits': {
        'config': {'method': 'randmix', 'data.variant': 'unbiased'},
      },
      'AdvMix, unbiased digits': {
        'config': {'method': 'advmix', 'data.variant': 'unbiased'},
      },
      'RandMix with clean images, unbiased digits': {
        'config': {
          'method': 'randmix',
          'mixing.clean_fraction': 0.5,
          'data.variant': 'unbiased',
        },
      },
      'AdvMix without the clean fallback, unbiased digits': {
        'config': {
          'method': 'advmix',
          'attack.clean_fallback': False,
          'data.variant': 'unbiased',
        },
      },
      'AdvMix, Algorithm 2 as printed, unbiased digits': {
        'config': {'method': 'advmix', 'data.variant': 'unbiased'} | _PRINTED,
      },
      'AdvMix, eps of half a standard deviation, unbiased digits': {
        'config': {
          'method': 'advmix',
          'attack.unit': 'w_std',
          'attack.eps': 0.5,
          'attack.alpha': 0.5,
          'data.variant': 'unbiased',
        },
      },
      'Nominal, unbiased digits': {
        'config': {'method': 'nominal', 'data.variant': 'unbiased'},
      },
      'RandMix, digits as the StyleGAN': {'config': {'method': 'randmix'}},
      'AdvMix, digits as the StyleGAN': {'config': {'method': 'advmix'}},
      'RandMix with clean images, digits as the StyleGAN': {
        'config': {'method': 'randmix', 'mixing.clean_fraction': 0.5},
      },
      'AdvMix without the clean fallback, digits as the StyleGAN': {
        'config': {'method': 'advmix', 'attack.clean_fallback': False},
      },
      'AdvMix, Algorithm 2 as printed, digits as the StyleGAN': {
        'config': {'method': 'advmix'} | _PRINTED,
      },
      'Nominal, digits as the StyleGAN': {'config': {'method': 'nominal'}},
      'RandMix, unconditional StyleGAN, unbiased digits': {
        'config': {'method': 'randmix', 'data.variant': 'unbiased'},
        'generator': _UNCONDITIONAL,
        'generator_name': 'StyleGAN, unconditional',
      },
      'AdvMix, unconditional StyleGAN, unbiased digits': {
        'config': {'method': 'advmix', 'data.variant': 'unbiased'},
        'generator': _UNCONDITIONAL,
        'generator_name': 'StyleGAN, unconditional',
      },
      'RandMix, ideal generator, unbiased digits': {
        'config': {
          'method': 'randmix',
          'generator.name': 'ideal',
          'data.variant': 'unbiased',
        },
      },
      'AdvMix, ideal generator, unbiased digits': {
        'config': {
          'method': 'advmix',
          'generator.name': 'ideal',
          'data.variant': 'unbiased',
        },
      },
      'RandMix, ideal generator, digits as the StyleGAN': {
        'config': {'method': 'randmix', 'generator.name': 'ideal'},
      },
      'AdvMix, ideal generator, digits as the StyleGAN': {
        'config': {'method': 'advmix', 'generator.name': 'ideal'},
      },
    },
    'paper': {
      'RandMix, unbiased digits': _PAPER_RANDMIX,
      'AdvMix, unbiased digits': _PAPER_ADVMIX,
      'RandMix, digits as the StyleGAN': _PAPER_RANDMIX,
      'AdvMix, digits as the StyleGAN': _PAPER_ADVMIX,
    },
    'scales': {
      'quick': _QUICK
      | {
        'seeds': (0,),
        'columns': ('unbiased', '99.9% red'),
        'rows': (
          'RandMix, unbiased digits',
          'AdvMix, unbiased digits',
          'AdvMix without the clean fallback, unbiased digits',
          'Nominal, unbiased digits',
          'RandMix, digits as the StyleGAN',
          'AdvMix, digits as the StyleGAN',
          'Nominal, digits as the StyleGAN',
          'RandMix, ideal generator, unbiased digits',
          'AdvMix, ideal generator, unbiased digits',
        ),
        'config': {
          'data.num_train': 800,
          'optimizer.batch_size': 32,
          'optimizer.epochs': 12,
          'eval.num_examples': 100,
        },
      },
      # 60,000 digits: 17 minutes for each of 8 sets.
      'full': _FULL
      | {
        'data': {'source': 'idx'},
        'encoder': _PIXELS,
        'seeds': (0, 1, 2, 3, 4),
      },
    },
  },
  **sweeps_faces.ITEMS,
}

# `make from-scratch`: flags of each script, in this order.
FROM_SCRATCH = {
  'train_stylegan.py': {},
  'train_encoder.py': {},
  'encode.py': {'--config.data.num_test': 500},  # Those that are attacked.
  'demo.py': {},
}
