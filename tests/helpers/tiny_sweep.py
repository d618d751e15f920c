"""Items as those of experiments/sweeps.py that take seconds.

Contents: ITEMS, FROM_SCRATCH.
"""

_GAN = {
  'network.fmaps': (8, 8, 4, 4),
  'network.latent_size': 8,
  'network.dlatent_size': 8,
  'network.mapping_fmaps': 8,
  'network.mapping_layers': 1,
  'gan.batch_size': 8,
  'gan.kimg': 0.008,  # One step.
  'gan.decay_kimg': 0.0,
}
_START = {'widths': (4, 4, 4), 'hidden': 8, 'draws': 50, 'batch_size': 8}
# Without steps on the pixels and without VGG-16: to compile them takes longest.
_ENCODER = {
  'start_steps': 0,
  'steps': 1,
  'batch_size': 8,
  'perceptual_weight': 0.0,
  'mixing_weight': 0.0,
}

ITEMS = {
  'table_tiny': {
    'title': 'Tiny table: two methods',
    'text': 'Sigma = 0.',
    'plot': {'x_label': 'sigma'},
    'data': {'num_train': 16},
    'generator': _GAN,
    'start': _START | {'sample_steps': 2, 'steps': 1},
    'encoder': _ENCODER,
    'config': {
      'data.num_test': 20,
      'classifier.name': 'linear',
      'optimizer.epochs': 1,
      'optimizer.batch_size': 8,
      'eval.batch_size': 20,
      'eval.num_examples': 10,
    },
    'columns': {'0': {'x': 0.0, 'data': {'sigma': 0.0}}},
    'rows': {
      'Nominal': {'config': {'method': 'nominal'}},
      'RandMix': {'config': {'method': 'randmix'}},
    },
    'paper': {'RandMix': {'0': 99.0}},
    'scales': {
      'quick': {'seeds': (0, 1), 'measure': {'num_mixes': 20}},
      'full': {'seeds': (0, 1, 2)},
    },
  },
  'figure_tiny': {'title': 'Tiny figure: none', 'text': 'No script draws it.'},
}

FROM_SCRATCH = {
  'train_stylegan.py': {f'--config.{k}': v for k, v in _GAN.items()}
  | {'--config.data.num_train': 16},
  'train_encoder.py': {'--config.data.num_train': 16}
  | {f'--config.inversion.{k}': v for k, v in _START.items()}
  | {'--config.inversion.sample_steps': 2, '--config.inversion.steps': 1}
  | {f'--config.encoder.{k}': v for k, v in _ENCODER.items()},
  'encode.py': {'--config.data.num_train': 16, '--config.data.num_test': 10}
  | {f'--config.encoder.{k}': v for k, v in _ENCODER.items()},
  'demo.py': {
    '--config.data.num_train': 16,
    '--config.data.num_test': 10,
    '--config.classifier.name': 'linear',
    '--config.optimizer.epochs': 1,
    '--config.optimizer.batch_size': 8,
    '--config.eval.num_examples': 10,
    '--config.eval.batch_size': 10,
    '--config.eval.attack.restarts': 1,
    '--config.eval.attack.steps': 1,
    '--config.attack.restarts': 1,
  }
  | {f'--config.encoder.{k}': v for k, v in _ENCODER.items()},
}
