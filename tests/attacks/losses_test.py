"""Claims about losses.py."""

import jax.numpy as jnp
import numpy as np

from advmix_jax import attacks


def test_the_margin_is_positive_where_misclassified():
  logits = jnp.array([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
  np.testing.assert_array_equal(
    attacks.margin(logits, jnp.arange(3)), [2.0, -1.0, 1.0]
  )


def test_cross_entropy_of_the_true_class_in_closed_form():
  probabilities = jnp.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]])
  # The logits are known up to a shift, which changes nothing.
  nats, logits = attacks.cross_entropy_and_logits(
    lambda image: jnp.log(image) + 3.0, probabilities, jnp.array([0, 2])
  )
  np.testing.assert_allclose(nats, [np.log(2), -np.log(0.05)], rtol=1e-6)
  np.testing.assert_allclose(logits, jnp.log(probabilities) + 3.0)


def test_logits_that_are_not_finite_name_no_class():
  """argmax of NaN is 0, which would be right for class 0."""
  logits = jnp.array([[3.0, 1.0], [jnp.nan, 1.0], [jnp.inf, 1.0], [1.0, 3.0]])
  found = attacks.misclassified(logits, jnp.zeros(4, int))
  np.testing.assert_array_equal(found, [False, True, True, True])
