"""Makes anybody's classifier one that the attacks can run.

  adapted = foreign.adapt(logits_fn, images[:8])

A function that JAX can trace is used as it is, with its gradients. Any other
one, for instance of NumPy, runs on the host (`jax.pure_callback`): it has no
gradients, and is attacked without them. The same holds for a function of JAX
that has none.

The function is also called twice on the same images: one that keeps a state
(dropout, a counter, batch statistics that are still updated) has no accuracy of
its own.

Contents: Adapted, adapt, naming.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax import types
from advmix_jax.evaluation import gates, inputs
from advmix_jax.runtime import cpu, untrusted

_PROBABILITIES = (
  'logits_fn returns probabilities: its rows sum to 1. Return what comes '
  'before softmax: its gradients do not vanish where the classifier is sure.'
)
_NO_GRADIENTS = (
  'The classifier has no gradients: JAX cannot {reason}. It is attacked by '
  'random mixes and by a search without gradients; one with gradients could '
  'break more.'
)
_SUM_ERROR = 1e-3


class Adapted(NamedTuple):
  """A classifier as evaluators take it."""

  logits_fn: Callable[..., jax.Array]  # ({}, [B, H, W, C]) -> [B, K] float32
  num_classes: int  # K
  gradients: bool
  warnings: list[str]  # What a reader of the results has to know.
  failures: list[str]  # Grows where a function on the host fails.


def adapt(logits_fn: Callable[..., Any], images: np.ndarray) -> Adapted:
  """Finds out how a classifier can be run, by running it on a few images.

  Args:
    logits_fn: Images [B, H, W, C] in [0, 1] -> logits [B, K], of any B.
    images: [n, H, W, C] float32, n >= 1.

  Raises:
    ValueError: It raises an error, returns something else, or keeps a state.
  """
  if not callable(logits_fn):
    raise ValueError(
      f'logits_fn is a {type(logits_fn).__name__}, expected a function'
    )
  reason = _why('trace it', lambda x: jax.eval_shape(logits_fn, x), images)
  convert = jnp.asarray if not reason else np.array
  logits = _call(logits_fn, convert(images))
  num_classes = logits.shape[1]
  _check_state(logits, _call(logits_fn, convert(images)))
  _call(logits_fn, convert(images[:1]))  # Any batch size has to do.
  failures = []
  run = _on_host(logits_fn, num_classes, failures) if reason else logits_fn
  reason = reason or _why('differentiate it', _gradient_fn(run), images)
  warnings = [_NO_GRADIENTS.format(reason=reason)] if reason else []
  if (logits >= 0).all() and np.allclose(logits.sum(-1), 1, atol=_SUM_ERROR):
    warnings.append(_PROBABILITIES)
  return Adapted(
    _with_params(run, gradients=not reason),
    num_classes,
    gradients=not reason,
    warnings=warnings,
    failures=failures,
  )


@contextlib.contextmanager
def naming(adapted: Adapted) -> Iterator[None]:
  """Within it, a classifier that fails on the host does so in its own words.

  Raises:
    ValueError: It failed, or returned something else than before.
  """
  try:
    yield
  except Exception as error:
    if adapted.failures:
      raise ValueError(adapted.failures[0]) from error
    raise


def _why(action, trace_fn, images) -> str:
  """What JAX cannot do with a function of such images; '' where it can."""
  try:
    trace_fn(jax.ShapeDtypeStruct(images.shape, np.float32))
  except Exception as error:  # Foreign code raises errors of any type.
    return f'{action} ({type(error).__name__})'
  return ''


def _gradient_fn(logits_fn):
  """Traces the gradient that attacks need."""
  gradient = jax.grad(lambda x: jnp.asarray(logits_fn(x)).sum())
  return lambda x: jax.eval_shape(gradient, x)


def _call(logits_fn, images) -> np.ndarray:
  """Logits as NumPy, of the right shape."""
  try:
    logits = np.asarray(logits_fn(images))
  except Exception as error:
    raise ValueError(
      f'logits_fn fails on images of shape {images.shape}: '
      f'{type(error).__name__}: {untrusted.first_line(error)}'
    ) from error
  inputs.check_logits(logits, len(images))
  return logits.astype(np.float32)


def _check_state(first, again):
  """Raises ValueError if two calls on the same images differ."""
  inputs.check_finite(first)
  change = float(np.abs(first - again).max())
  most = gates.LOGIT_TOLERANCE * gates.unit(first)
  if not change <= most:  # NaN is not, either.
    raise ValueError(
      f'logits_fn keeps a state: two calls on the same images differ by '
      f'{change:.3g}; switch dropout and updates of statistics off'
    )


def _on_host(logits_fn, num_classes, failures) -> types.LogitsFn:
  """A function of NumPy as one of JAX, without gradients.

  Raises:
    ValueError: XLA has a single thread, and would wait for ever.
  """
  if cpu.threads() < 2:
    raise ValueError(
      'there is one core, on which JAX cannot call a classifier of another '
      'library; call advmix_jax.configure_cpu() before the first use of JAX'
    )

  def host(images):
    try:
      logits = _call(logits_fn, np.array(images))
      if logits.shape[1] != num_classes:
        raise ValueError(
          f'logits_fn returns {logits.shape[1]} logits, and returned '
          f'{num_classes} before'
        )
    except ValueError as error:  # XLA makes an error of its own of it.
      failures.append(str(error))
      raise
    return logits

  def call(images):
    like = jax.ShapeDtypeStruct((len(images), num_classes), np.float32)
    return jax.pure_callback(host, like, images, vmap_method='sequential')

  return call


def _with_params(logits_fn, *, gradients):
  """logits_fn(images) as a function of ({}, images).

  Always a new one: the weights that the old one closes over may have changed,
  and compiled programs hold copies of them.
  """

  def apply(params, images):
    del params
    images = images if gradients else jax.lax.stop_gradient(images)
    return jnp.asarray(logits_fn(images), jnp.float32)

  return apply
