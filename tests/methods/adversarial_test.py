"""Claims about adversarial.py."""

import jax
import jax.numpy as jnp
import numpy as np
from helpers.toy_methods import (
  K,
  losses,
  make_config,
  make_examples,
  setting,
)


def test_adversarial_training_stays_in_the_ball_and_raises_the_loss():
  batch = setting()[2]
  examples = make_examples('adversarial_training')
  clean = make_examples('nominal')
  distance = jnp.abs(examples.image - batch.image).max()
  assert 0.05 < distance <= 0.1 + 1e-6  # float32 rounding of x + eps.
  assert examples.image.min() >= 0 and examples.image.max() <= 1
  assert (losses(examples) > losses(clean)).all()


def test_adversarial_training_goes_on_with_misclassified_examples():
  """Every image is misclassified, and the loss grows with the red channel."""
  batch = setting()[2]
  target = jax.nn.one_hot(batch.label, K)

  def logits_fn(image):
    return -target * (5 + image[..., 0].mean((1, 2)))[:, None]

  config = make_config()
  config.pixel_attack.update(alpha=0.05, steps=4)  # From any start to the edge.
  examples = make_examples(
    'adversarial_training', config=config, logits_fn=logits_fn
  )
  red = jnp.clip(batch.image[..., 0] + 0.1, 0, 1)
  np.testing.assert_allclose(examples.image[..., 0], red, atol=1e-6)


def test_adversarial_training_ramps_from_clean_images_to_the_full_attack():
  """Step n of a ramp of 10 is the attack with n / 10 of eps and alpha."""

  def image(step, **pixel_attack):
    config = make_config()
    config.pixel_attack.update(**pixel_attack)
    batch = setting()[2]._replace(step=step)
    examples = make_examples('adversarial_training', config=config, batch=batch)
    return np.asarray(examples.image)

  def check(step, expected):
    found = image(jnp.int32(step), ramp_steps=10)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # Rounding of eps.

  check(0, setting()[2].image)
  check(5, image(None, eps=0.05, alpha=0.015))
  check(10, image(None))
  check(25, image(None))
