"""Small losses that attacks climb, and both attacks behind one call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from advmix_jax import attacks
from helpers import compiling

RNG = jax.random.key(0)
NEVER = np.array([-1, -1])  # The record of an example that nothing broke.

both = pytest.mark.parametrize('kind', ['pgd', 'shrinking_pgd'])


def run(kind, loss_fn, start_fn, labels, data=None, **options):
  """Runs `pgd` or `shrinking_pgd` on one loss (x, labels, data)."""

  def attack(rng):
    if kind == 'pgd':
      loss = lambda x: loss_fn(x, labels, data)  # noqa: E731
      return attacks.pgd(loss, rng, start_fn, labels, **options)
    return attacks.shrinking_pgd(
      loss_fn, rng, start_fn, labels, data, min_size=4, **options
    )

  attack = jax.jit(attack, compiler_options=compiling.LEVEL_0)
  return jax.tree.map(np.asarray, attack(RNG))


def wrong_where(loss_fn, wrong_fn):
  """Adds logits that name class 1 where wrong_fn holds, else class 0."""

  def loss(x, labels, data):
    wrong = wrong_fn(x, data).astype(jnp.float32)
    return loss_fn(x, data), jnp.stack([1 - wrong, wrong], axis=-1)

  return loss


def never_wrong(loss_fn):
  """Adds logits that always name class 0."""
  return wrong_where(loss_fn, lambda x, data: jnp.zeros(x.shape[0]))


def zeros(batch):
  return jnp.zeros(batch, jnp.int32)


def total(x, data):
  return x.sum(axis=-1)


def hard_problem(batch):
  """A bumpy loss over 3 classes, with data of two shapes per example."""
  keys = jax.random.split(jax.random.key(3), 4)
  w = jax.random.normal(keys[0], (6, 3))
  data = {
    'shift': 2 * jax.random.normal(keys[1], (batch, 6)),
    'nested': (jax.random.uniform(keys[2], (batch, 2, 3)),),
  }
  labels = jax.random.randint(keys[3], (batch,), 0, 3)

  def loss(x, labels, data):
    logits = (x + data['shift']) @ w + data['nested'][0].sum(1)
    logits = logits + jnp.sin(3 * logits)
    nats = -jax.nn.log_softmax(logits)
    return jnp.take_along_axis(nats, labels[:, None], 1)[:, 0], logits

  start_fn = lambda rng: jax.random.normal(rng, (batch, 6))  # noqa: E731
  return loss, start_fn, labels, data


def counted(loss_fn):
  """The loss, and a list of 'f' and 'b': its forward and backward passes."""
  calls = []

  @jax.custom_vjp
  def probe(x):
    jax.debug.callback(lambda: calls.append('f'))
    return x

  def forward(x):
    return probe(x), None

  def backward(_, g):
    jax.debug.callback(lambda: calls.append('b'))
    return (g,)

  probe.defvjp(forward, backward)
  return lambda x, labels, data: loss_fn(probe(x), labels, data), calls
