"""Claims about the list of settings in experiments/measure_encoder.py."""

import importlib

from helpers import paths

from advmix_jax.encoder import algorithm1


def test_every_setting_of_the_ablation_is_a_valid_config(monkeypatch):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  script = importlib.import_module('measure_encoder')
  for changes in script.SETTINGS.values():
    config = algorithm1.default_config()
    config.update(changes)  # Raises for a field that does not exist.
    algorithm1.check(config)
