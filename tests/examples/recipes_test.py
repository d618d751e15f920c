"""Each recipe: the same logits as its framework, and the right gradients."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import paths

from advmix_jax.evaluation import foreign

# Recipe: the packages that it needs beyond the project's own.
RECIPES = {
  'flax': ['flax'],
  'haiku': [],
  'keras': ['keras'],
  'onnx': ['onnx', 'jaxonnxruntime'],
  'torch': ['torch', 'torch2jax'],
}


@pytest.fixture(name='recipe', params=RECIPES, scope='module')
def fixture_recipe(request):
  """(the recipe's module, its model, its function of JAX)."""
  for package in RECIPES[request.param]:
    # Not importorskip: keras must not be imported before its backend is set.
    if importlib.util.find_spec(package) is None:
      pytest.skip(f'needs {package}, see extras_require in setup.py')
  path = paths.ROOT / 'examples' / f'{request.param}_classifier.py'
  spec = importlib.util.spec_from_file_location(path.stem, path)
  module = importlib.util.module_from_spec(spec)
  with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(path.parent)  # As when it is run as a script.
    spec.loader.exec_module(module)
  model = module.build()
  return module, model, module.as_jax(model)


def images(n=3):
  shape = (n, 32, 32, 3)
  return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


def test_logits_are_those_of_the_framework(recipe):
  module, model, logits_fn = recipe
  expected = np.asarray(module.native(model, images()))
  assert expected.shape == (3, 10)
  for run in (logits_fn, jax.jit(logits_fn)):
    np.testing.assert_allclose(run(images()), expected, rtol=1e-4, atol=1e-4)


def test_gradients_are_those_of_finite_differences(recipe):
  """Along random directions, in steps that single precision resolves."""
  logits_fn = recipe[2]
  weights = np.random.default_rng(1).normal(size=(3, 10)).astype(np.float32)

  @jax.jit
  def score(image):
    return (logits_fn(image) * weights).sum(axis=-1)

  gradient = jax.jit(jax.grad(lambda image: score(image).sum()))(images())
  rng, step = np.random.default_rng(2), 0.02
  for _ in range(3):
    direction = rng.normal(size=images().shape).astype(np.float32)
    direction /= np.linalg.norm(direction[0])
    ahead, behind = (score(images() + s * direction) for s in (step, -step))
    found = (ahead - behind) / (2 * step)
    expected = (gradient * direction).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, atol=2e-3)
  assert np.abs(gradient).max() > 1e-3


def test_recipes_run_in_a_loop_with_any_batch_size(recipe):
  """As the attack does: gradients within lax.scan, and smaller batches."""

  @jax.jit
  def climb(image):
    def step(x, _):
      return x + 0.01 * jnp.sign(
        jax.grad(lambda y: recipe[2](y).sum())(x)
      ), None

    return jax.lax.scan(step, image, None, length=2)[0]

  whole, alone = climb(images(2)), climb(images(2)[:1])
  np.testing.assert_allclose(whole[:1], alone, atol=1e-5)
  adapted = foreign.adapt(recipe[2], images())
  assert adapted.gradients and adapted.num_classes == 10
  assert not adapted.warnings
