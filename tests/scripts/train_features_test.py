"""A claim about experiments/assets/train_features.py."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
from helpers import paths

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits
from advmix_jax.encoder import perceptual


def test_trained_network_knows_digits_and_levels_weigh_alike(
  tmp_path, monkeypatch
):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS / 'assets')
  script = importlib.import_module('train_features')
  digits = load_digits('embedded', 'train', limit=800)
  config = script.default_config()
  config.update(widths=(4, 8, 8), epochs=1, batch_size=32)
  params = script.train(jax.random.key(0), digits, tmp_path, config=config)
  perceptual.save(
    tmp_path / 'features.npz', params, {'config': config.to_dict()}
  )
  features_fn = jax.jit(perceptual.load(tmp_path / 'features.npz'))
  test = load_digits('embedded', 'train', limit=500)
  data = colored_mnist.make(test, sigma=0.0, seed=3, biased=False)
  images = datasets.to_float(data.image)
  levels = features_fn(images)
  for level in levels:
    # Normalised on uniform colours; these ten are brighter.
    assert 0.2 < float(jnp.square(level).mean()) < 5
  # Nearest mean activation of the class: far above the 10% of chance.
  deep = np.asarray(levels[-1]).reshape(500, -1)
  means = np.stack([deep[test.label == k].mean(0) for k in range(10)])
  distance = np.square(deep[:, None] - means).sum(-1)
  assert (distance.argmin(-1) == test.label).mean() > 0.5
