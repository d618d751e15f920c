"""Colored-MNIST (Section 5.1): colour-biased training, unbiased test digits.

  python experiments/train.py --config=configs/colored_mnist.py
  python experiments/train.py --config=configs/colored_mnist.py:ideal
  python experiments/train.py --config=configs/colored_mnist.py \
    --config.method=nominal --config.seed=1

The variant 'ideal' swaps StyleGAN for an exact generator of coloured digits
(Section 3), and lets attacks reach every legible colour (eps = 1). Every
field can be overridden on the command line. The paper gives N_r, eps, Adam's
rate and the epochs; the rest is this project's choice.
"""

import ml_collections

VARIANTS = ('', 'ideal')


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; `variant` is '' (StyleGAN) or 'ideal'."""
  if variant not in VARIANTS:
    raise ValueError(f'config variant is {variant!r}, expected {VARIANTS}')
  config = ml_collections.ConfigDict()
  # nominal | mixup | adversarial_training | randmix | advmix
  config.method = 'advmix'
  config.seed = 0  # Of initial weights, order, and every draw in training.
  # Grouping of the data set that gives each example's environment; '': none.
  config.environment = ''
  config.parallel = 'pmap'  # Several devices: 'pmap' | 'sharding'.
  config.log_every = 10  # Steps per line of metrics.jsonl.
  config.checkpoint_every = 0  # Steps; 0 is once per epoch.
  config.data = _data()
  # 'stylegan' | 'ideal'; '' is the generator that ships with the project.
  config.generator = {'name': variant or 'stylegan', 'path': ''}
  config.encoder = _encoder()
  # 'vgg' (5 convolutions of w, w | 2w, 2w | 4w channels) | 'linear'
  config.classifier = {'name': 'vgg', 'width': 16}
  config.optimizer = {'learning_rate': 1e-3, 'batch_size': 64, 'epochs': 5}
  config.mixup = {'alpha': 0.2}
  # RandMix and AdvMix: the fraction of a batch that is trained on unmixed.
  config.mixing = {'clean_fraction': 0.0}
  # Adversarial training: l_inf on pixels in [0, 1], one start in the ball.
  config.pixel_attack = {'eps': 0.1, 'alpha': 0.025, 'steps': 7}
  # K = 1 reaches the corner of the ball and takes about half the time of K = 2.
  config.attack = _attack(restarts=5, steps=1, alpha=0.03)
  config.eval = {
    'num_examples': 500,
    'batch_size': 100,
    'attack': _attack(restarts=10, steps=5, alpha=0.01),
  }
  if variant == 'ideal':
    for attack in (config.attack, config.eval.attack):
      attack.update({'eps': 1.0, 'alpha': 0.25, 'steps': 4})
  return config


def _data() -> dict[str, object]:
  """Digits and colours; the fields are explained in datasets.default_config."""
  return {
    'name': 'colored_mnist',
    'source': 'embedded',  # 'embedded' | 'idx' | 'tfds'
    'data_dir': '',
    'sigma': 0.0,
    'seed': 0,
    'num_train': 0,  # 0: all
    'num_test': 0,
    'variant': 'biased',
    'less_biased': 0.99,
    'more_biased': 0.999,
  }


def _encoder() -> dict[str, object]:
  """Algorithm 1, for images whose latents don't ship with the project.

  The fields are explained in encoder.default_config.
  """
  return {
    'path': '',
    'start': 'network',  # 'network' | 'average'
    'steps': 20,
    'learning_rate': 0.06,
    'final_rate': 0.1,
    'pixel_weight': 1.0,
    'perceptual_weight': 1.0,
    'mixing_weight': 0.2,
    'mixing_draws': 1,
    'mixing_view': 'shape',  # 'shape' | 'image'
    'average_draws': 1000,
    'batch_size': 250,
  }


def _attack(*, restarts: int, steps: int, alpha: float) -> dict[str, object]:
  """Algorithm 2."""
  return {
    'restarts': restarts,  # N_r
    'steps': steps,  # K
    'alpha': alpha,  # Step size.
    'eps': 0.03,  # l_inf radius around the random start, in latents.
    'direction': 'sign',  # 'sign' | 'raw'
    'gradient_at': 'current',  # 'current' (Eq. 9) | 'start' (line 7 as printed)
    'typical_set': False,  # Project onto the shell of Eq. 15 too.
  }
