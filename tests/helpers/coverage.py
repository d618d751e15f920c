"""The coverage that two sets of one distribution have on average.

Contents: expected_coverage.
"""

import numpy as np

from advmix_jax.evaluation import quality


def expected_coverage(
  num_real: int, num_fake: int, *, nearest: int = quality.NEAREST
) -> float:
  """The mean coverage where both sets have one continuous distribution.

  1 - (N-1)...(N-k) / ((N+M-1)...(N+M-k)), whatever the distribution is (Naeem
  et al., Equation 9): the chance that the k nearest of all others are not all
  real.
  """
  order = np.arange(1, nearest + 1)
  ratio = (num_real - order) / (num_real + num_fake - order)
  return float(1 - ratio.prod())
