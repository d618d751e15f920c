"""Claims about the loop around StyleGAN's steps."""

import json

import jax
import numpy as np
import pytest
from helpers import tiny_gan

from advmix_jax.generators import gan, gan_training, stylegan


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, monkeypatch):
  # One compilation for the three runs, whose steps are the same program.
  step = gan.make_step(tiny_gan.config(1).network, tiny_gan.config(1).gan)
  monkeypatch.setattr(gan, 'make_step', lambda *arguments: step)
  gan_training.train(tiny_gan.config(0.032), tmp_path / 'whole')
  gan_training.train(tiny_gan.config(0.016), tmp_path / 'parts')
  gan_training.train(tiny_gan.config(0.032), tmp_path / 'parts')
  with monkeypatch.context() as patch, pytest.raises(SystemExit) as e:
    answers = iter([False, False, True])
    patch.setattr(
      gan_training.preemption, 'asked', lambda step, every: next(answers)
    )
    gan_training.train(tiny_gan.config(0.032), tmp_path / 'stopped')
  assert e.value.code == 143
  gan_training.train(tiny_gan.config(0.032), tmp_path / 'stopped')
  whole = tiny_gan.leaves(tmp_path / 'whole' / 'generator.npz')
  stopped = tiny_gan.leaves(tmp_path / 'stopped' / 'generator.npz')
  parts = tiny_gan.leaves(tmp_path / 'parts' / 'generator.npz')
  assert set(whole) == set(parts)
  for name, value in whole.items():
    np.testing.assert_array_equal(value, parts[name], err_msg=name)
    np.testing.assert_array_equal(value, stopped[name], err_msg=name)
  init = stylegan.make_generator(tiny_gan.config(1).network).init
  shapes = jax.eval_shape(init, jax.random.key(0))
  assert len(whole) == len(jax.tree.leaves(shapes))
  assert (tmp_path / 'whole' / 'samples' / '000000k.png').exists()
  config = json.loads((tmp_path / 'parts' / 'config.json').read_text())
  assert config['gan']['kimg'] == 0.032


def test_too_few_classes_for_the_images_are_refused(tmp_path):
  config = tiny_gan.config(1.0)
  config.network.label_size = 4
  with pytest.raises(ValueError, match='label_size is 4, expected 0 .* 10'):
    gan_training.train(config, tmp_path)


def test_a_non_finite_loss_names_the_steps():
  with pytest.raises(ValueError, match=r'gan/r1 is nan in steps 3\.\.4'):
    gan_training._finite({'gan/r1': np.nan}, 3, 4)
