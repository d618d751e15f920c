"""Claims about the toy of Figure 4."""

import jax
import numpy as np

from advmix_jax.generators import mixing, toy


def test_points_have_the_moments_of_the_paper():
  size = 4000
  image, label = toy.sample(seed=0, size=size)
  x1, x2 = np.asarray(toy.to_points(image)).T
  assert image.shape == (size, 1, 1, 2) and set(label) == {0, 1}
  assert label.mean() == 0.5
  side = x1 > 5
  # Five standard errors; 5 lies 2.9 deviations from each middle.
  for middle, part in ((0, x1[~side]), (10, x1[side])):
    assert abs(part.mean() - middle) < 5 * 3**0.5 / len(part) ** 0.5
    assert abs(part.std() - 3**0.5) < 0.1
  for y in (0, 1):
    part = x2[label == y]
    assert abs(part.mean() - 20 * y) < 5 / len(part) ** 0.5
    assert abs(part.std() - 1) < 5 / (2 * len(part)) ** 0.5
    # z_⊥ is independent of the label.
    assert abs(side[label == y].mean() - 0.5) < 5 * 0.5 / len(part) ** 0.5


def test_decoding_is_the_inverse_of_encoding_and_splits():
  generator = toy.make_generator()
  image, _ = toy.sample(seed=1, size=20)
  w = toy.encode(image)
  np.testing.assert_allclose(generator.synthesize({}, w), image, atol=1e-6)
  coarse = generator.coarse({}, w[:, :1])
  np.testing.assert_array_equal(
    generator.fine({}, coarse, w[:, 1:]), generator.synthesize({}, w)
  )


def test_a_mix_moves_x1_alone():
  generator = toy.make_generator()
  image, _ = toy.sample(seed=1, size=1000)
  z_par, _ = mixing.split_latents(toy.encode(image), generator.split)
  z_perp = mixing.random_fine(generator, {}, jax.random.key(0), 1000)
  mix = generator.synthesize({}, mixing.merge_latents(z_par, z_perp))
  before, after = toy.to_points(image), toy.to_points(mix)
  np.testing.assert_allclose(after[:, 1], before[:, 1], atol=1e-5)
  # Independent: five standard errors of a correlation.
  assert abs(np.corrcoef(before[:, 0], after[:, 0])[0, 1]) < 5 / 1000**0.5


def test_map_draws_from_the_distribution_of_the_points():
  generator = toy.make_generator()
  z = mixing.random_z(generator, jax.random.key(0), 4000)
  drawn = toy.to_points(generator.synthesize({}, generator.map({}, z)))
  image, _ = toy.sample(seed=0, size=4000)
  points = np.asarray(toy.to_points(image))
  for axis in (0, 1):
    quantiles = np.linspace(0.05, 0.4, 8)
    np.testing.assert_allclose(
      np.quantile(drawn[:, axis], quantiles),
      np.quantile(points[:, axis], quantiles),
      atol=0.35,  # Five standard errors at the thinnest of them.
    )
