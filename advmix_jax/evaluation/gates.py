"""Gates: checks that every sound evaluation passes.

  passed = gates.check(subject, batch.image, outcomes)

Contents: LOGIT_TOLERANCE, check.
"""

from __future__ import annotations

import numpy as np

from advmix_jax.evaluation.measures import Subject, predict
from advmix_jax.evaluation.outcomes import Outcomes, correct

# Logits of another batch size differ by float32 sums in another order.
LOGIT_TOLERANCE = 1e-3


def check(
  subject: Subject,
  images: np.ndarray,
  outcomes: Outcomes,
  *,
  batch_size: int = 100,
) -> dict[str, bool]:
  """Checks that a sound evaluation passes, {name: passed}.

  random_below_gradient: N random mixes fool the classifier on no more examples
    than Algorithm 2 with as many images; otherwise its gradients don't help.
  kept_images_verified: re-decoding the images that the attack kept, at another
    batch size, reproduces the recorded outcomes.
  logits_ignore_batch: the logits of the first images don't depend on the
    other images in the batch.
  gradients_alive: at a random start, at least 95% of the examples have a
    finite gradient that isn't zero.
  """
  good = correct(outcomes)
  few = images[:batch_size]
  alone = predict(subject, few[:7], batch_size=7)
  together = predict(subject, few, batch_size=batch_size)[:7]
  steepest = outcomes.attacked.steepest
  alive = np.isfinite(steepest) & (steepest > 0)
  return {
    'random_below_gradient': bool(
      good['worst_random'].sum() >= good['perturbed'].sum()
    ),
    'kept_images_verified': bool(outcomes.verified.all()),
    'logits_ignore_batch': bool(
      np.allclose(alone, together, atol=LOGIT_TOLERANCE)
    ),
    'gradients_alive': bool(alive.mean() >= 0.95),
  }
