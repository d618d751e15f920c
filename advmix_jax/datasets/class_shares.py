"""Chooses images so that the classes have given shares, in exact counts.

  index = class_shares.choose(labels, (0.5, 0.25, 0.25), total=100, seed=0)
  labels[index]  # 50 of class 0, 25 of class 1, 25 of class 2

Table 1 trains generators on digits that are skewed this way. The paper doesn't
give its shares.

Contents: are_shares, counts, choose.
"""

from collections.abc import Sequence

import numpy as np


def are_shares(shares: Sequence[float], size: int) -> bool:
  """Whether these are `size` numbers >= 0 that sum to 1, within 1e-6."""
  found = np.asarray(shares, np.float64)
  whole = found.shape == (size,) and abs(found.sum() - 1) <= 1e-6
  return bool(whole and (found >= 0).all())


def counts(shares: Sequence[float], total: int) -> np.ndarray:
  """Whole numbers [K] in proportion to `shares`, which sum to `total`.

  Each is its exact share rounded down, or one more: the largest remainders
  get the images that are left, the lower class first where they are equal.

  Raises:
    ValueError: `shares` are not numbers >= 0 that sum to 1.
  """
  if not are_shares(shares, len(shares)):
    raise ValueError(
      f'shares are {tuple(shares)}, expected numbers >= 0 that sum to 1'
    )
  # Without the rounding, 0.29 * 100 would be 28.999... and lose its image.
  exact = np.round(np.asarray(shares, np.float64) * total, 6)
  found = np.floor(exact).astype(np.int64)
  left = total - found.sum()
  found[np.argsort(found - exact, kind='stable')[:left]] += 1
  return found


def choose(
  labels: np.ndarray, shares: Sequence[float], *, total: int, seed: int
) -> np.ndarray:
  """Indices [total] of images whose classes have these shares.

  Within a class the images are drawn without replacement. The indices are
  ascending, so the images keep their order.

  Args:
    labels: [N] int in [0, K).
    shares: K shares >= 0 that sum to 1.
    total: how many images; 0: as many as the classes allow.
    seed: of the draws.

  Raises:
    ValueError: the shares are bad, not one for each class, or a class has too
      few images.
  """
  held = np.bincount(labels, minlength=len(shares))
  if len(held) > len(shares):
    raise ValueError(
      f'shares has {len(shares)} numbers, expected {len(held)}, one per class'
    )
  wanted = counts(shares, total or _largest(held, shares))
  if (wanted > held).any():
    k = int((wanted > held).argmax())
    raise ValueError(
      f'shares {tuple(shares)} of {total} images ask for {wanted[k]} images of '
      f'class {k}, expected at most {held[k]}, all that there are'
    )
  rng = np.random.default_rng((seed, len(labels)))
  parts = [
    rng.permutation(np.flatnonzero(labels == k))[:n]
    for k, n in enumerate(wanted)
  ]
  return np.sort(np.concatenate(parts))


def _largest(held: np.ndarray, shares: Sequence[float]) -> int:
  """The largest total for which every class has enough images."""
  total = int(
    min(n / share for n, share in zip(held, shares, strict=True) if share > 0)
  )
  while (counts(shares, total) > held).any():  # Rounding may ask for one more.
    total -= 1
  return total
