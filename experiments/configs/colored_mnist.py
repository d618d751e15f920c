"""Colored-MNIST (Section 5.1): colour-biased training, unbiased test digits.

  python experiments/train.py --config=configs/colored_mnist.py
  python experiments/train.py --config=configs/colored_mnist.py:ideal
  python experiments/train.py --config=configs/colored_mnist.py \
    --config.method=nominal --config.seed=1
  python experiments/train.py --config=configs/colored_mnist.py \
    --config.method=irm --config.environment=nearest_color

The variant 'ideal' swaps StyleGAN for an exact generator of coloured digits
(Section 3), and lets attacks reach every legible colour (eps = 1). With
`--config.generator.colors=colored_mnist` it draws the ten mean colours, each as
often; RandMix with it trains on exact recolourings, the ceiling. Every field
can be overridden on the command line; `training.default_config` lists them, and
for each section the function that explains its fields. The paper gives N_r,
eps, Adam's learning rate and the epochs; the rest is this project's choice.
"""

import ml_collections

from advmix_jax import training

VARIANTS = ('', 'ideal')


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config; `variant` is '' (StyleGAN) or 'ideal'."""
  if variant not in VARIANTS:
    raise ValueError(f'config variant is {variant!r}, expected {VARIANTS}')
  config = training.default_config()
  config.data.name = 'colored_mnist'
  config.optimizer.update(learning_rate=1e-3, epochs=5)
  config.attack.update(restarts=5, steps=1, alpha=0.03, eps=0.03)
  config.eval.attack.update(restarts=10, steps=5, alpha=0.01, eps=0.03)
  if variant == 'ideal':
    config.generator.name = 'ideal'
    for attack in (config.attack, config.eval.attack):
      attack.update(eps=1.0, alpha=0.25, steps=4)
  return config
