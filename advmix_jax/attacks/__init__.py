"""Attacks: projected gradient ascent with restarts, and Algorithm 2.

An attack does not depend on a model. It gets three functions: a loss,
x -> (loss [B], logits [B, K]), which closes over labels and coarse activations,
so that the coarse layers of the generator run once; a start, which draws x~(0)
of each restart; and a projection, which keeps x in the allowed set. The attack
maximises the loss:

  x~(k+1) = proj(x~(k) + alpha * direction(gradient)),   k = 0..K-1

The attack of an example ends at its first misclassified iterate, which is kept.
Before that, the iterate with the highest loss is kept; keep='misclassified'
keeps the clean example instead. With stop_early=False, no attack ends early,
and the iterate with the highest loss is kept.

Restarts are numbered from 1. Number 0 is the clean example, "x~ <- x" at the
start of Algorithm 2. If `initial` gives it, it is kept until an iterate is
worse, and first_success is (0, 0) where it is misclassified already. So an
attack of n restarts succeeds where 0 <= first_success[:, 0] <= n.

The result holds no images: decode its `x` once after the attack, and use the
clean image where `kept_initial` is True.

`corner_search` has the same results without gradients.

On latents (AdvMix), x = z_⊥, the ball is around each restart's start:

    activations = generator.coarse(params, z_par)
    def loss_fn(z_perp):
      logits = logits_fn(generator.fine(params, activations, z_perp))
      return cross_entropy(logits, labels), logits
    result = attacks.pgd(loss_fn, rng, start_fn, labels, restarts=5, steps=10,
                         alpha=0.006, eps=0.03)

`attacks.algorithm2` is this attack, starting from the clean example. On pixels
the ball is around the image (`center`):

    result = attacks.pgd(loss_fn, rng, attacks.uniform_start_fn(image, eps),
                         labels, restarts=1, steps=7, alpha=eps / 4, eps=eps,
                         center=image, project_fn=attacks.compose(
                           attacks.linf_ball, attacks.box_fn(0.0, 1.0)))
"""

from advmix_jax.attacks.algorithm2 import (
  Cost,
  algorithm2,
  check_attack,
  cost,
  default_config,
)
from advmix_jax.attacks.corner_search import corner_search
from advmix_jax.attacks.grid import grid_search
from advmix_jax.attacks.iterate import Initial, with_gradient
from advmix_jax.attacks.losses import (
  LOSSES,
  cross_entropy_and_logits,
  margin,
  margin_and_logits,
  misclassified,
  named,
)
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
from advmix_jax.attacks.units import w_std

__all__ = [
  'LOSSES',
  'Cost',
  'Initial',
  'ProjectFn',
  'StartFn',
  'accuracy_by_budget',
  'algorithm2',
  'box_fn',
  'check_attack',
  'compose',
  'corner_search',
  'cost',
  'cross_entropy_and_logits',
  'default_config',
  'grid_search',
  'kept_initial',
  'linf_ball',
  'margin',
  'margin_and_logits',
  'misclassified',
  'named',
  'pgd',
  'shrinking_pgd',
  'typical_set_fn',
  'uniform_start_fn',
  'w_std',
  'with_gradient',
]
