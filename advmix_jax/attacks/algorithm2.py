"""Algorithm 2: the fine latents z_⊥ that fool a classifier most.

The inner maximisation of AdvMix (Equation 4),

  max_{z_⊥ in Z_⊥} L(f(dec(enc(x)_∥, z_⊥)), y),

is approximated by gradient ascent from N_r random draws, with K projected steps
from each (Equation 9):

  x~ <- x;  [z_∥, z_⊥] = enc(x)
  for r = 1..N_r:
    z_⊥(0) = map(z)_⊥ with z ~ N(0, 1)
    for k = 0..K-1:
      z_⊥(k+1) = proj(z_⊥(k) + alpha * direction(gradient))     # Line 7
    x~ <- dec(z_∥, z_⊥(k)) of the worst k, 0 and K included
    stop where x~ is misclassified

Z_⊥ is the l_inf ball of radius eps around z_⊥(0). With attack.typical_set, the
search runs over z instead of z_⊥: its iterates are projected on the ball around
z(0), then on the typical set of N(0, 1) (Eq. 15).

  attacked, kept_clean = attacks.algorithm2(
    rng, logits_fn, batch, generator, generator_params, attack=config.attack)

`shrinking_pgd` searches; this module gives it the loss, the starts and the set.

Contents: default_config, algorithm2, attack_options.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import types
from advmix_jax.attacks import losses, projections
from advmix_jax.attacks.iterate import Initial
from advmix_jax.attacks.records import kept_initial
from advmix_jax.attacks.shrinking import shrinking_pgd
from advmix_jax.generators import mixing


def default_config() -> ml_collections.ConfigDict:
  """Options of Algorithm 2, with the values for training.

  Returns:
    restarts: N_r (paper: 5 in training, 10 in evaluation). steps: K; one step
    of alpha = eps reaches the corner of the ball. alpha: step size. eps: l_inf
    radius around the random start, in units of w (paper: 0.03). direction:
    'sign' or 'raw' gradient. gradient_at: 'current' iterate (Equation 9) or
    'start' (line 7 as printed). typical_set: search z within the shell of
    Equation 15, in place of z_⊥.
  """
  return ml_collections.ConfigDict(
    {
      'restarts': 5,
      'steps': 1,
      'alpha': 0.03,
      'eps': 0.03,
      'direction': 'sign',
      'gradient_at': 'current',
      'typical_set': False,
    }
  )


def algorithm2(
  rng: jax.Array,
  logits_fn: types.LogitsFn,
  batch: types.Batch,
  generator: types.Generator,
  generator_params: types.Params,
  *,
  attack: ml_collections.ConfigDict,
  draw_fn: Callable[[jax.Array], jax.Array] | None = None,
) -> tuple[types.AttackResult, jax.Array]:
  """Algorithm 2 on a batch: the worst fine latents z_⊥ that it finds.

  Coarse activations are computed once per batch.

  Args:
    rng: Key of the random starts.
    logits_fn: Images [B, H, W, C] -> logits [B, K].
    batch: Images, labels and latents.
    generator: Decodes the latents.
    generator_params: Its parameters.
    attack: config.attack or config.eval.attack.
    draw_fn: key -> z ~ N(0, 1) [B, Z], for the starts; None: mixing.random_z.

  Returns:
    (result, kept_clean). result.x is z_⊥ [B, L-S, D]. kept_clean, [B] bool:
    the clean image itself is the worst found, and z_⊥ is that of its encoding.

  Raises:
    ValueError: An option of `attack` is out of range.
  """
  size = batch.label.shape[0]
  draw_fn = draw_fn or (lambda key: mixing.random_z(generator, key, size))
  start_fn, decode_x, project_fn = _search(
    generator, generator_params, attack, draw_fn
  )
  # [z_∥, z_⊥] = enc(x)
  z_par, z_perp = mixing.split_latents(batch.latents, generator.split)
  activations = generator.coarse(generator_params, z_par)

  def loss_fn(x, label, activations):
    image = generator.fine(generator_params, activations, decode_x(x))
    return losses.cross_entropy_and_logits(logits_fn, image, label)

  # x~ <- x
  initial = _initial(logits_fn, batch, z_perp, generator, attack)
  result = shrinking_pgd(
    loss_fn,
    rng,
    start_fn,
    batch.label,
    activations,
    initial=initial,
    project_fn=project_fn,
    **attack_options(attack),
  )
  kept_clean = kept_initial(result, initial)
  x = jnp.where(kept_clean[:, None, None], z_perp, decode_x(result.x))
  return result._replace(x=x), kept_clean


def _search(generator, generator_params, attack, draw_fn):
  """The variable of the search: z_⊥, or z within its typical set.

  Returns:
    (key -> start [B, ...], x [B, ...] -> z_⊥ [B, L-S, D], projection).
  """
  fine_of = functools.partial(mixing.map_fine, generator, generator_params)
  if attack.typical_set:
    shell = projections.compose(
      projections.linf_ball, projections.typical_set_fn()
    )
    return draw_fn, fine_of, shell
  return lambda key: fine_of(draw_fn(key)), lambda x: x, projections.linf_ball


def _initial(logits_fn, batch, z_perp, generator, attack):
  """The clean example, in the space of the search."""
  # The z of a clean image is unknown. The origin, which is never drawn, marks
  # the clean image.
  shape = (len(batch.label), generator.latent_size)
  clean = jnp.zeros(shape) if attack.typical_set else z_perp
  loss, logits = losses.cross_entropy_and_logits(
    logits_fn, batch.image, batch.label
  )
  return Initial(clean, loss, logits)


def attack_options(attack: ml_collections.ConfigDict) -> dict[str, object]:
  """Keyword arguments of `pgd` and `shrinking_pgd` from a config.

  Args:
    attack: config.attack or config.eval.attack.

  Raises:
    ValueError: A negative step size or radius; the attack checks the rest.
  """
  for name in ('alpha', 'eps'):
    if attack[name] < 0:
      raise ValueError(f'attack.{name} is {attack[name]}, expected >= 0')
  return {
    'restarts': attack.restarts,
    'steps': attack.steps,
    'alpha': attack.alpha,
    'eps': attack.eps,
    'direction': attack.direction,
    'gradient_at': attack.gradient_at,
  }
