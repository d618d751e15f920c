"""Attacks: projected gradient ascent with restarts, and Algorithm 2.

An attack knows no model. A loss function x -> (loss [B], logits [B, K]) closes
over labels and coarse activations (so the prefix of the generator is computed
once), a start function draws x~(0) of a restart, a projection keeps x in its
set, and the loss is maximised:

  x~(k+1) = proj(x~(k) + alpha * direction(gradient)),   k = 0..K-1

An example is finished at its first misclassified iterate, which is kept; until
then the iterate with the highest loss is kept. With stop_early=False no example
is finished, and the highest loss of all is kept.

Restarts count from 1. Number 0 is the clean example, "x~ <- x" at the start of
Algorithm 2: given as `initial`, it is what the attack has to beat, and where it
is misclassified already the example is broken with first_success = (0, 0). So
an attack of n restarts breaks the examples with 0 <= first_success[:, 0] <= n.

Images are not carried along: decode `x` once after the attack, one forward pass
out of N_r * (K+1), and take the clean image where `kept_initial` holds.

On latents (AdvMix), x = z_⊥, the ball is around each restart's start:

    activations = generator.coarse(params, z_par)
    def loss_fn(z_perp):
      logits = logits_fn(generator.fine(params, activations, z_perp))
      return cross_entropy(logits, labels), logits
    result = attacks.pgd(loss_fn, rng, start_fn, labels, restarts=5, steps=10,
                         alpha=0.006, eps=0.03)

which, with all that belongs to it, is `attacks.algorithm2`. On pixels the ball
is around the image (`center`):

    result = attacks.pgd(loss_fn, rng, attacks.uniform_start_fn(image, eps),
                         labels, restarts=1, steps=7, alpha=eps / 4, eps=eps,
                         center=image, project_fn=attacks.compose(
                           attacks.linf_ball, attacks.box_fn(0.0, 1.0)))
"""

from advmix_jax.attacks.algorithm2 import (
  algorithm2,
  attack_options,
  default_config,
)
from advmix_jax.attacks.grid import grid_search
from advmix_jax.attacks.iterate import Initial, with_gradient
from advmix_jax.attacks.losses import cross_entropy_and_logits, margin
from advmix_jax.attacks.pgd import pgd
from advmix_jax.attacks.projections import (
  ProjectFn,
  box_fn,
  compose,
  linf_ball,
  typical_set_fn,
)
from advmix_jax.attacks.records import accuracy_by_budget, kept_initial
from advmix_jax.attacks.shrinking import shrinking_pgd
from advmix_jax.attacks.starts import StartFn, uniform_start_fn

__all__ = [
  'Initial',
  'ProjectFn',
  'StartFn',
  'accuracy_by_budget',
  'algorithm2',
  'attack_options',
  'box_fn',
  'compose',
  'cross_entropy_and_logits',
  'default_config',
  'grid_search',
  'kept_initial',
  'linf_ball',
  'margin',
  'pgd',
  'shrinking_pgd',
  'typical_set_fn',
  'uniform_start_fn',
  'with_gradient',
]
