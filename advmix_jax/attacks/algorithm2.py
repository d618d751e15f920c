"""Algorithm 2: the fine latents z_⊥ that fool a classifier most.

The inner maximisation of AdvMix (Equation 4),

  max_{z_⊥ in Z_⊥} L(f(dec(enc(x)_∥, z_⊥)), y),

is approximated by gradient ascent from N_r random draws, with K projected steps
from each (Equation 9):

  x~ <- x;  [z_∥, z_⊥] = enc(x)                                 # Lines 1, 2
  for r = 1..N_r:
    z_⊥(0) = map(z)_⊥ with z ~ N(0, 1)
    for k = 0..K-1:
      z_⊥(k+1) = proj(z_⊥(k) + alpha * direction(gradient))     # Line 7
    x~ <- dec(z_∥, z_⊥(k)) of the worst k, 0 and K included     # Line 9
    stop where x~ is misclassified

Z_⊥ is the l_inf ball of radius eps around z_⊥(0). With attack.typical_set, the
search runs over z instead of z_⊥: its iterates are projected on the ball around
z(0), then on the typical set of N(0, 1) (Eq. 15).

What x~ is in the end decides what AdvMix trains on, and three lines can be read
in two ways. Each is an option; its first value is the default:

  attack.keep = 'highest_loss' | 'misclassified'. Both return the first
    misclassified iterate. Where there is none, the first returns the candidate
    with the highest loss. The second returns x itself: Algorithm 2 as printed,
    where line 9 compares the 0-1 loss, which no candidate raises. Then AdvMix
    trains on x wherever the classifier withstands the attack, so on fewer mixes
    the better it gets.
  attack.test_start = True | False. Whether x~(0) is a candidate. As printed,
    the loop tests x~(1)..x~(K). x~(0) is evaluated anyway, for its gradient.
  attack.clean_fallback = True | False. Whether x is a candidate (line 1,
    x~ <- x). True, as printed: a misclassified x is returned as it is, and a
    correct one competes with the mixes by its loss. False: x~ is always a mix.

So Algorithm 2 as printed is keep='misclassified', test_start=False,
gradient_at='start' and direction='raw'. The defaults are the maximisation of
Equation 4 instead, which asks for the worst mix, misclassified or not.

  attacked, kept_clean = attacks.algorithm2(
    rng, logits_fn, batch, generator, generator_params, attack=config.attack)

`shrinking_pgd` or `corner_search` searches; this module gives it the loss, the
starts and the set.

Contents: SEARCHES, default_config, algorithm2, check_attack, Cost, cost.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from advmix_jax import types
from advmix_jax.attacks import iterate, projections, units
from advmix_jax.attacks.corner_search import corner_search
from advmix_jax.attacks.iterate import Initial
from advmix_jax.attacks.losses import LOSSES
from advmix_jax.attacks.records import kept_initial
from advmix_jax.attacks.shrinking import shrinking_pgd
from advmix_jax.generators import mixing
from advmix_jax.runtime import options as option_checks

SEARCHES = (*iterate.DIRECTIONS, 'corners')


def default_config() -> ml_collections.ConfigDict:
  """Options of Algorithm 2, with the values for training.

  Returns:
    restarts: N_r (paper: 5 in training, 10 in evaluation). steps: K; one step
    of alpha = eps reaches the corner of the ball. alpha: step size. eps: l_inf
    radius around the random start (paper: 0.03). unit: of alpha and eps; 'w',
    or 'w_std': the standard deviation of each coordinate of w (`units.w_std`).
    loss: what is maximised, 'cross_entropy' or 'margin' (the best wrong logit
    minus the right one). direction: 'sign' or 'raw' gradient, 'adam' (Adam's
    steps, alpha its learning rate), or 'corners': no gradient, random search
    over the corners of the ball, which needs no alpha. gradient_at: 'current'
    iterate (Equation 9) or 'start' (line 7 as printed). typical_set: search z
    within the shell of Equation 15, in place of z_⊥; alpha and eps are in units
    of z then. keep, test_start, clean_fallback: what x~ is in the end, see the
    top of this file.
  """
  return ml_collections.ConfigDict(
    {
      'restarts': 5,
      'steps': 1,
      'alpha': 0.03,
      'eps': 0.03,
      'unit': 'w',
      'loss': 'cross_entropy',
      'direction': 'sign',
      'gradient_at': 'current',
      'typical_set': False,
      'keep': 'highest_loss',
      'test_start': True,
      'clean_fallback': True,
    }
  )


class _Space(NamedTuple):
  """The variable x of the search: z_⊥, or z within its typical set."""

  start_fn: Callable[[jax.Array], jax.Array]  # key -> start [B, ...]
  decode_x: Callable[[jax.Array], jax.Array]  # x [B, ...] -> z_⊥ [B, L-S, D]
  project_fn: projections.ProjectFn
  unit: float | jax.Array  # Of alpha and eps; a scalar, or one per coordinate.


def algorithm2(
  rng: jax.Array,
  logits_fn: types.LogitsFn,
  batch: types.Batch,
  generator: types.Generator,
  generator_params: types.Params,
  *,
  attack: ml_collections.ConfigDict,
  draw_fn: Callable[[jax.Array], jax.Array] | None = None,
  uniform_fn: Callable[[jax.Array, tuple[int, ...]], jax.Array] | None = None,
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
    uniform_fn: Draws of direction 'corners', as in `corner_search`.

  Returns:
    (result, kept_clean). result.x is z_⊥ [B, L-S, D]. kept_clean, [B] bool:
    the clean image itself is returned, and z_⊥ is that of its encoding.

  Raises:
    ValueError: An option of `attack` is out of range, the batch has no latents,
      or its images are no floats.
  """
  options = _options(attack)
  _check_batch(batch)
  size = batch.label.shape[0]
  draw_fn = draw_fn or (lambda key: mixing.random_z(generator, key, size))
  space = _space(generator, generator_params, attack, draw_fn)
  z_par, z_perp = mixing.split_latents(batch.latents, generator.split)
  activations = generator.coarse(generator_params, z_par)

  def loss_fn(x, label, activations):
    image = generator.fine(generator_params, activations, space.decode_x(x))
    return LOSSES[attack.loss](logits_fn, image, label)

  initial = _initial(logits_fn, batch, z_perp, generator, attack)
  result = _search(
    loss_fn, rng, space, batch.label, activations, initial, options, uniform_fn
  )
  if initial is None:
    kept_clean = jnp.zeros(size, bool)
  else:
    kept_clean = kept_initial(result, initial)
  decoded = space.decode_x(result.x)
  x = jnp.where(kept_clean[:, None, None], z_perp, decoded)
  return result._replace(x=x), kept_clean


def _check_batch(batch):
  """Raises ValueError for what a batch made by hand easily lacks."""
  if batch.latents is None:
    raise ValueError('the batch has no latents, expected [B, L, D]')
  if not jnp.issubdtype(batch.image.dtype, jnp.floating):
    raise ValueError(
      f'images are {batch.image.dtype}, expected floats in [0, 1]'
    )


def _search(
  loss_fn, rng, space, label, activations, initial, options, uniform_fn
):
  """Runs the search that options['direction'] names; returns its result."""
  options = options | {'eps': options['eps'] * space.unit}
  shared = {'initial': initial, 'project_fn': space.project_fn}
  if options['direction'] == 'corners':
    for name in ('direction', 'alpha', 'gradient_at'):
      del options[name]
    return corner_search(
      lambda x: loss_fn(x, label, activations),
      rng,
      space.start_fn,
      label,
      uniform_fn=uniform_fn,
      **shared,
      **options,
    )
  options['alpha'] *= space.unit
  return shrinking_pgd(
    loss_fn, rng, space.start_fn, label, activations, **shared, **options
  )


def _space(generator, generator_params, attack, draw_fn):
  """The variable of the search, a _Space."""
  fine_of = functools.partial(mixing.map_fine, generator, generator_params)
  if attack.typical_set:
    shell = projections.compose(
      projections.linf_ball, projections.typical_set_fn()
    )
    return _Space(draw_fn, fine_of, shell, 1.0)
  unit = 1.0
  if attack.unit == 'w_std':
    unit = units.w_std(generator, generator_params)
  return _Space(
    lambda key: fine_of(draw_fn(key)), lambda x: x, projections.linf_ball, unit
  )


def _initial(logits_fn, batch, z_perp, generator, attack):
  """The clean example, in the space of the search (x~ <- x); None without."""
  if not attack.clean_fallback:
    return None
  # The z of a clean image is unknown. The origin, which is never drawn, marks
  # the clean image.
  shape = (len(batch.label), generator.latent_size)
  clean = jnp.zeros(shape) if attack.typical_set else z_perp
  return Initial(
    clean, *LOSSES[attack.loss](logits_fn, batch.image, batch.label)
  )


def check_attack(attack: ml_collections.ConfigDict) -> None:
  """Checks config.attack or config.eval.attack, before anything long.

  Raises:
    ValueError: An option is out of range, or two contradict each other.
  """
  option_checks.check(attack, 'attack')
  choices = {
    'unit': units.UNITS,
    'loss': tuple(LOSSES),
    'direction': SEARCHES,
    'gradient_at': iterate.GRADIENTS_AT,
    'keep': iterate.KEEP,
  }
  for name, valid in choices.items():
    if attack[name] not in valid:
      raise ValueError(
        f'attack.{name} is {attack[name]!r}, expected one of {valid}'
      )
  if attack.typical_set and attack.unit != 'w':
    raise ValueError(
      f"attack.unit is {attack.unit!r}, expected 'w' with attack.typical_set: "
      'z has a standard deviation of 1 already'
    )
  iterate.check_search(attack.restarts, attack.steps)
  iterate.check_record(
    attack.keep, attack.test_start, attack.steps, attack.clean_fallback
  )


def _options(attack):
  """Keyword arguments of a search; alpha and eps are in units of attack.unit.

  Raises:
    ValueError: As `check_attack`.
  """
  check_attack(attack)
  names = ('restarts', 'steps', 'alpha', 'eps', 'direction', 'gradient_at')
  return {name: attack[name] for name in (*names, 'keep', 'test_start')}


class Cost(NamedTuple):
  """What an attack spends on an example that it does not break."""

  images: int  # Candidates that it tests, without x.
  passes: int  # Forward passes; a backward pass counts as two.


def cost(attack: ml_collections.ConfigDict) -> Cost:
  """The cost of Algorithm 2 per example, an upper bound: it stops early.

  Args:
    attack: config.attack or config.eval.attack.

  Returns:
    images: N_r * (K + 1), or N_r * K without test_start. passes:
    N_r * (K + 1) forward ones, and two for each gradient: N_r * K, or N_r with
    gradient_at='start', or none with direction 'corners'.
  """
  gradients = attack.steps
  if attack.direction == 'corners':
    gradients = 0
  elif attack.gradient_at == 'start':
    gradients = min(attack.steps, 1)
  return Cost(
    images=attack.restarts * (attack.steps + bool(attack.test_start)),
    passes=attack.restarts * (attack.steps + 1 + 2 * gradients),
  )
