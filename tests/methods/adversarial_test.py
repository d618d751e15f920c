"""Claims about adversarial.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
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


@pytest.mark.parametrize(
  ('step', 'share'), [(0, 0.0), (5, 0.5), (10, 1.0), (25, 1.0)]
)
def test_adversarial_training_grows_from_clean_images_to_the_full_attack(
  step, share
):
  """A share of the attack is an attack with this share of eps and alpha."""

  def image(step, **pixel_attack):
    config = make_config()
    config.pixel_attack.update(**pixel_attack)
    batch = setting()[2]._replace(step=step)
    examples = make_examples('adversarial_training', config=config, batch=batch)
    return np.asarray(examples.image)

  found = image(jnp.int32(step), ramp_steps=10)
  want = image(None, eps=share * 0.1, alpha=share * 0.03)
  np.testing.assert_allclose(found, want, atol=1e-6)  # Rounding of eps.
  if not share:
    np.testing.assert_array_equal(found, setting()[2].image)
