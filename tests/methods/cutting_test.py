"""Claims about cutting.py: cutout and CutMix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.toy_methods import make_config, make_examples
from scipy import stats

from advmix_jax import types
from advmix_jax.methods import cutting


def constant_images(n, values, *, height=8, width=8):
  """Image i is values[i] everywhere, and its label is i."""
  shape = (n, height, width, 3)
  image = jnp.broadcast_to(values[:, None, None, None], shape)
  return types.Batch(image, jnp.arange(n), None)


def slow_box(center, side, extent):
  """Pixels of a box along one axis, one by one."""
  first = max(0, center - side // 2)
  last = min(extent, center + side // 2)
  return set(range(first, last))


def test_boxes_are_those_of_the_slow_twin():
  n, height, width = 300, 6, 9
  rng = np.random.default_rng(0)
  sides = rng.integers(0, 12, (n, 2))
  key = jax.random.key(1)
  found = np.asarray(cutting._boxes(key, jnp.asarray(sides), height, width))
  centers = np.asarray(
    jax.random.randint(key, (n, 2), 0, jnp.array([height, width]))
  )
  assert found.shape == (n, height, width, 1)
  for mask, (y, x), (tall, wide) in zip(
    found[..., 0], centers, sides, strict=True
  ):
    rows, columns = np.nonzero(mask)
    want_rows = slow_box(y, tall, height)
    want_columns = slow_box(x, wide, width)
    assert mask.sum() == len(want_rows) * len(want_columns)
    if mask.any():
      assert set(rows) == want_rows and set(columns) == want_columns
  # Every pixel is a centre: boxes reach over each border.
  assert set(centers[:, 0]) == set(range(height))
  assert set(centers[:, 1]) == set(range(width))


def test_cutout_removes_the_area_that_its_centre_leaves_inside():
  """Along each axis, the mean length over all centres."""
  n, extent, side = 4000, 8, 4
  config = make_config(size=n)
  config.cutout.update(side=side, value=0.25)
  batch = constant_images(n, jnp.ones(n), height=extent, width=extent)
  batch = batch._replace(label=jnp.arange(n) % 10)
  examples = make_examples('cutout', config=config, batch=batch)
  assert set(np.unique(examples.image)) == {0.25, 1.0}
  area = (examples.image[..., 0] != 1).sum((1, 2))
  length = [len(slow_box(c, side, extent)) for c in range(extent)]
  assert np.max(area) == side**2 and np.min(area) == min(length) ** 2
  # Five standard errors.
  assert abs(area.mean() - np.mean(length) ** 2) < 5 * area.std() / n**0.5
  np.testing.assert_array_equal(examples.target.argmax(-1), batch.label)


def test_cutmix_weighs_targets_by_the_area_that_is_pasted():
  n = 50
  label = jnp.arange(n) % 10
  batch = constant_images(n, (1 + label) / 16)  # Exact in binary.
  batch = batch._replace(label=label)
  examples = make_examples('cutmix', config=make_config(size=n), batch=batch)
  # A pixel's value names its label; the target has the share of each.
  owner = np.round(np.asarray(examples.image)[..., 0] * 16).astype(int) - 1
  count = np.stack([np.bincount(row.ravel(), minlength=10) for row in owner])
  np.testing.assert_allclose(examples.target, count / 64, atol=1e-6)
  assert ((count > 0).sum(-1) <= 2).all()
  assert (count[np.arange(n), label] < 64).sum() > n / 3


def test_cutmix_weight_is_drawn_from_the_beta_distribution():
  """A box of sides W sqrt(1 - l), its centre uniform: the mean area follows."""
  n, extent, alpha = 4000, 32, 1.0
  config = make_config(size=n)
  config.cutmix.alpha = alpha
  label = jnp.arange(n) % 2
  batch = constant_images(n, label * 1.0, height=extent, width=extent)
  batch = batch._replace(label=label)
  examples = make_examples('cutmix', config=config, batch=batch)
  mixed = np.abs(np.asarray(examples.image.mean((1, 2, 3))) - label)
  # Half the partners have the other label. Its mean area, by quadrature.
  l = (np.arange(2000) + 0.5) / 2000  # Quantiles of Beta(1, 1).
  sides = (extent * np.sqrt(1 - l)).astype(int)
  length = [
    np.mean([len(slow_box(c, side, extent)) for c in range(extent)])
    for side in range(extent + 1)
  ]
  want = 0.5 * np.mean(np.square([length[s] for s in sides])) / extent**2
  assert abs(mixed.mean() - want) < 5 * mixed.std() / n**0.5


@pytest.mark.parametrize(
  ('name', 'field', 'value', 'message'),
  [
    ('cutout', 'side', 0, 'cutout.side is 0, expected an even number >= 2'),
    ('cutout', 'side', 5, 'cutout.side is 5, expected an even number >= 2'),
    ('cutout', 'value', 1.5, r'cutout.value is 1.5, expected .* in \[0, 1\]'),
    ('cutmix', 'alpha', 0.0, 'cutmix.alpha is 0.0, expected > 0'),
  ],
)
def test_errors_name_the_value_and_the_valid_ones(name, field, value, message):
  config = make_config()
  config[name][field] = value
  with pytest.raises(ValueError, match=message):
    make_examples(name, config=config)


def test_cutmix_pastes_nothing_as_often_as_its_alpha_says():
  """A side of W sqrt(1 - l) < 2 pixels has no half: P(1 - l < (2 / W)^2)."""
  n, extent, alpha = 4000, 32, 0.1
  config = make_config(size=n)
  config.cutmix.alpha = alpha
  batch = constant_images(n, jnp.arange(n) / n, height=extent, width=extent)
  batch = batch._replace(label=jnp.arange(n) % 10)
  examples = make_examples('cutmix', config=config, batch=batch)
  same = (examples.image == batch.image).all((1, 2, 3)).mean()
  want = stats.beta.cdf((2 / extent) ** 2, alpha, alpha)
  assert 0.2 < want < 0.4  # With alpha = 1 it is 0.004.
  assert abs(same - want) < 5 * np.sqrt(want * (1 - want) / n)
