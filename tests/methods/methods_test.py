"""Claims about methods/__init__.py and nominal.py: what all methods share."""

import chex
import jax
import numpy as np
import pytest
from helpers import paths
from helpers.toy_methods import (
  K,
  linear_logits_fn,
  make_config,
  make_examples,
  setting,
)

from advmix_jax import methods
from advmix_jax.report import tables
from advmix_jax.runtime import parallel


def test_nominal_is_the_batch_itself():
  batch = setting()[2]
  examples = make_examples('nominal')
  np.testing.assert_array_equal(examples.image, batch.image)
  np.testing.assert_array_equal(examples.target.argmax(-1), batch.label)
  np.testing.assert_array_equal(examples.target.sum(-1), 1)


@pytest.mark.parametrize('name', list(methods.METHODS))
def test_every_method_returns_images_and_distributions(name):
  examples = make_examples(name)
  chex.assert_shape(examples.image, (6, 32, 32, 3))
  chex.assert_shape(examples.target, (6, K))
  assert examples.image.min() >= 0 and examples.image.max() <= 1 + 1e-6
  np.testing.assert_allclose(examples.target.sum(-1), 1, rtol=1e-6)
  again = make_examples(name)
  np.testing.assert_array_equal(examples.image, again.image)  # Pure.


@pytest.mark.parametrize('name', list(methods.METHODS))
def test_two_devices_make_the_examples_of_one(name):
  """Two halves of the batch, as parallel's pmap sees them, on one device.

  A method that draws anew for its own rows fails here: parallel.rows draws for
  the rows of all devices. Sums of other shapes round differently.
  """
  generator, generator_params, batch, *_ = setting()
  method = methods.make(name, make_config(), num_classes=K, generator=generator)
  rng, logits_fn = jax.random.key(0), linear_logits_fn()
  halves = jax.tree.map(lambda a: a.reshape(2, 3, *a.shape[1:]), batch)
  split = jax.jit(
    jax.vmap(
      lambda half: method.examples_fn(rng, logits_fn, half, generator_params),
      axis_name=parallel._AXIS,
    )
  )(halves)
  whole = make_examples(name)
  for half, one in zip(split[:2], whole[:2], strict=True):
    np.testing.assert_allclose(half.reshape(one.shape), one, atol=1e-5)


@pytest.mark.parametrize('name', list(methods.METHODS))
def test_examples_keep_the_environment_of_their_image(name):
  batch = setting()[2]
  found = make_examples(name).environment
  if name in (
    'mixup',
    'cutmix',
  ):  # An image of two environments belongs to neither.
    assert found is None
  else:
    np.testing.assert_array_equal(found, batch.environment)
  without = batch._replace(environment=None)
  assert make_examples(name, batch=without).environment is None


def test_every_method_has_a_name_in_tables_and_in_the_readme():
  text = (paths.ROOT / 'README.md').read_text(encoding='utf-8')
  for name in methods.METHODS:
    assert name in tables._NAMES
    assert f'`{name}`' in text and f'\n  {name} ' in methods.__doc__


def test_errors_name_the_value_and_the_valid_ones():
  with pytest.raises(ValueError, match="'mixmatch', expected .*'advmix'"):
    methods.make('mixmatch', make_config(), num_classes=K)
  with pytest.raises(ValueError, match="'randmix' needs a generator"):
    methods.make('randmix', make_config(), num_classes=K)
  with pytest.raises(ValueError, match='attack.eps is -1.0'):
    make_examples('advmix', config=make_config(eps=-1.0))
  config = make_config()
  config.mixup.alpha = 0.0
  with pytest.raises(ValueError, match='mixup.alpha is 0.0, expected > 0'):
    make_examples('mixup', config=config)
  config.mixing.clean_fraction = 2.0
  with pytest.raises(ValueError, match=r'clean_fraction is 2.0, .*\[0, 1\]'):
    make_examples('randmix', config=config)
