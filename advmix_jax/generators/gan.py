"""StyleGAN training: logistic loss, R1, progressive levels, style mixing, EMA.

The losses are those of the official code (Karras et al. 2019, Section 2 and
appendix C; Mescheder et al. 2018 for R1):

  G  E[softplus(-D(G(z)))]
  D  E[softplus(D(G(z)))] + E[softplus(-D(x))] + r1_gamma/2 * E|grad_x D(x)|^2

with images in [-1, 1] for the norm of the gradient. Two things save time: R1
every `r1_interval` steps at `r1_interval` times the weight (lazy R1, Karras et
al. 2020, appendix B), and one batch of fakes for both players: D is updated
first, and then G learns from the new D on the same fakes. The training loop is
in gan_training.py.

Contents: CUTS, GanState, default_config, optimizer, init, reset_optimizers,
mix_styles, r1_penalty, make_step.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax

from advmix_jax import types
from advmix_jax.generators import mixing, stylegan
from advmix_jax.runtime import parallel

CUTS = ('random', 'split')


class GanState(NamedTuple):
  """Everything that GAN training updates."""

  step: jax.Array  # [] int32
  generator: types.Params
  discriminator: types.Params
  average: types.Params  # the generator's exponential moving average (Gs)
  generator_opt: Any
  discriminator_opt: Any


def default_config() -> ml_collections.ConfigDict:
  """Training options of both players.

  Returns:
    learning_rate, beta1, beta2: of Adam. batch_size: images per step.
    kimg: thousands of real images shown in total. decay_kimg: the learning rate
    falls linearly to zero over the last `decay_kimg` (0 = constant). r1_gamma,
    r1_interval: weight and period of R1 (1 = every step, official). ema_kimg:
    half-life of the averaged generator. style_mixing: probability that an image
    mixes two latents (official 0.9), in a conditional network those of one
    class; without classes, mixes are unlike the data if each class has one
    style. mixing_cut: where the second latent begins, at a 'random' layer
    (official) or at the 'split', if the network has grown to it. dlatent_beta:
    decay of the mean w.
    start_resolution: where growing starts (0 = full size at once). phase_kimg:
    length of each fade and of each stable phase. noise: fresh noise while
    training. clip: clips fakes to [0, 1] for both players (ops.clip_towards),
    so that pixels may saturate.
  """
  return ml_collections.ConfigDict(
    {
      'learning_rate': 1.5e-3,
      'beta1': 0.0,
      'beta2': 0.99,
      'batch_size': 32,
      'kimg': 300.0,
      'decay_kimg': 0.0,
      'r1_gamma': 2.0,
      'r1_interval': 8,
      'ema_kimg': 10.0,
      'style_mixing': 0.0,
      'mixing_cut': 'random',
      'dlatent_beta': 0.995,
      'start_resolution': 0,
      'phase_kimg': 60.0,
      'noise': True,
      'clip': False,
    }
  )


def optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam, as both players use it."""
  return optax.adam(
    config.learning_rate, b1=config.beta1, b2=config.beta2, eps=1e-8
  )


def init(
  rng: jax.Array,
  network_config: ml_collections.ConfigDict,
  config: ml_collections.ConfigDict,
) -> GanState:
  """Returns a new state; the average starts as a copy of the generator."""
  g_rng, d_rng = jax.random.split(rng)
  generator = stylegan.make_generator(network_config).init(g_rng)
  discriminator = stylegan.make_discriminator(network_config).init(d_rng)
  adam = optimizer(config)
  return GanState(
    step=jnp.zeros((), jnp.int32),
    generator=generator,
    discriminator=discriminator,
    average=jax.tree.map(jnp.copy, generator),
    generator_opt=adam.init(generator),
    discriminator_opt=adam.init(discriminator),
  )


def reset_optimizers(
  state: GanState, config: ml_collections.ConfigDict
) -> GanState:
  """Resets Adam's moments, as `gan_training` does where a fade begins.

  The official loop resets them where a fade ends, too.
  """
  adam = optimizer(config)
  return state._replace(
    generator_opt=adam.init(state.generator),
    discriminator_opt=adam.init(state.discriminator),
  )


def mix_styles(
  rng: jax.Array,
  w: jax.Array,
  other: jax.Array,
  probability: float,
  *,
  cut: int = 0,
  used: int = 0,
) -> jax.Array:
  """Style-mixing regularisation: mixes some of the latents with others.

  Args:
    rng: key.
    w, other: [B, L, D].
    probability: of mixing, per image.
    cut: first layer of `other`; 0: a random one in 1..U-1, as in the paper.
    used: U, the layers that a growing network uses; 0: all L.

  Returns:
    [B, L, D]. In a mixed image, the layers from the cut on come from `other`;
    all other layers come from `w`.
  """
  b, layers, _ = w.shape
  cut_rng, use_rng = jax.random.split(rng)
  cut = cut or parallel.rows(
    lambda n: jax.random.randint(cut_rng, (n, 1), 1, used or layers), b
  )
  use = parallel.rows(lambda n: jax.random.uniform(use_rng, (n, 1)), b)
  use = use < probability
  keep = (jnp.arange(layers) < cut) | ~use
  return jnp.where(keep[:, :, None], w, other)


def r1_penalty(
  score_fn: Callable[[jax.Array], jax.Array],
  images: jax.Array,
  size: int | None = None,
) -> jax.Array:
  """Mean over the batch of |grad_x D(x)|^2, with x scaled to [-1, 1].

  Args:
    score_fn: images [B, H, W, C] in [0, 1] -> [B].
    images: real images [B, H, W, C] in [0, 1].
    size: examples on all devices, without padding rows; None: B.
  """
  size = size or len(images)
  grad = jax.grad(lambda x: parallel.counted(score_fn(x), size).sum())(images)
  # x = (official + 1) / 2, so the official gradient is half of this one.
  norms = jnp.square(grad / 2).sum((1, 2, 3))
  return parallel.mean(norms, size)


def _fakes_fn(network_config, config):
  """Returns fakes(params, rng, rows, blend, level) -> images, (mean w, labels).

  `rows` is the number of fakes on this device. The labels are None without
  classes.
  """
  if config.mixing_cut not in CUTS:
    raise ValueError(
      f'gan.mixing_cut is {config.mixing_cut!r}, expected one of {CUTS}'
    )
  generator = stylegan.make_generator(network_config)
  if config.clip:
    generator = stylegan.clipped(generator, towards=True)
  size = config.batch_size

  def fakes(params, rng, rows, blend, level):
    z_rng, other_rng, mix_rng, noise_rng = jax.random.split(rng, 4)

    def draw(rng):
      z = mixing.random_z(generator, rng, rows)
      return stylegan.split_z(network_config, z)

    z, labels = draw(z_rng)
    w = generator.map(params, z, labels)
    auxiliary = parallel.mean(w[:, 0], size), labels
    if config.style_mixing:
      other = generator.map(params, draw(other_rng)[0], labels)
      used = w.shape[1] - 2 * level
      grown = config.mixing_cut == 'split' and generator.split < used
      cut = generator.split if grown else 0
      w = mix_styles(mix_rng, w, other, config.style_mixing, cut=cut, used=used)
    noise_rng = noise_rng if config.noise else None
    image = generator.synthesize(params, w, noise_rng, level=level, blend=blend)
    return image, auxiliary

  return fakes


def _discriminator_loss_fn(discriminator, config):
  """Returns (params, real, fake, blend, level, with_r1) -> loss, metrics.

  `real` and `fake` are pairs of images and labels.
  """
  size = config.batch_size

  def loss_fn(params, real, fake, blend, level, with_r1):
    real, labels = real
    fake, fake_labels = fake

    def score(x):
      return discriminator.apply(params, x, labels, level, blend, size)

    real_score = score(real)
    fake_score = discriminator.apply(
      params, fake, fake_labels, level, blend, size
    )
    loss = parallel.mean(jax.nn.softplus(fake_score), size)
    loss += parallel.mean(jax.nn.softplus(-real_score), size)
    metrics = {
      'real_score': parallel.mean(real_score, size),
      'fake_score': parallel.mean(fake_score, size),
    }
    if with_r1:
      metrics['r1'] = r1_penalty(score, real, size)
      loss += config.r1_gamma / 2 * config.r1_interval * metrics['r1']
    return loss, metrics | {'discriminator_loss': loss}

  return loss_fn


def _apply(updates, params, factor):
  updates = jax.tree.map(lambda u: u * factor, updates)
  return optax.apply_updates(params, updates)


def make_step(
  network_config: ml_collections.ConfigDict,
  config: ml_collections.ConfigDict,
  kind: str = 'pmap',
) -> Callable[..., tuple[GanState, dict[str, jax.Array]]]:
  """Returns the compiled update of both players, on all devices.

  step(state, batch, rng, blend, level=, with_r1=) -> state, metrics

  The images of `batch` are real, in [0, 1]; at level > 0 the caller averages
  them down and enlarges them again, so that both players see the same detail.
  A conditional network (label_size > 0) reads the labels of `batch`; its fakes
  have random classes, and D scores them as images of those classes (Karras et
  al. 2019). The named arguments are static: one compilation per combination.

  Args:
    network_config: as `stylegan.default_config` returns.
    config: as `default_config` returns.
    kind: one of parallel.KINDS. If the devices don't divide the batch, padding
      rows complete it, and no loss counts them.

  Raises:
    ValueError: the discriminator's groups don't divide the batch, or
      config.mixing_cut is unknown.
  """
  _check_groups(network_config, config.batch_size)
  step = _step_fn(network_config, config)

  @functools.cache
  def compiled(**static):
    return parallel.compile(
      functools.partial(step, **static),
      kind,
      split=(False, True, False, False),
      out_split=False,
      donate=(0,),
    )

  def run(state, batch, rng, blend, *, level, with_r1):
    run_step = compiled(level=level, with_r1=with_r1)
    return run_step(state, batch, rng, blend)

  return run


def _check_groups(network_config, batch):
  """Raises ValueError if the discriminator's groups don't divide the batch."""
  group = min(network_config.mbstd_group_size, batch)
  by_class = network_config.mbstd_by_class and network_config.label_size
  if batch % group and not by_class:
    raise ValueError(
      f'gan.batch_size is {batch}, expected a multiple of '
      f'network.mbstd_group_size, {group}'
    )


def _step_fn(network_config, config):
  """The update itself, not compiled."""
  discriminator = stylegan.make_discriminator(network_config)
  fakes = _fakes_fn(network_config, config)
  discriminator_loss = _discriminator_loss_fn(discriminator, config)
  adam, size = optimizer(config), config.batch_size
  # Without a half life nothing is averaged, as in the official code.
  ema = config.ema_kimg and 0.5 ** (size / (1000 * config.ema_kimg))
  start = config.start_resolution or network_config.resolution
  growing = start < network_config.resolution

  def step(state, batch, rng, blend, *, level, with_r1):
    # With a plain 0.0, the coarser image layers are not computed.
    blend = blend if growing and level < len(network_config.fmaps) - 1 else 0.0
    factor = _decay(config, state.step)
    fake, vjp, (mean, labels) = jax.vjp(
      lambda p: fakes(p, rng, len(batch.image), blend, level),
      state.generator,
      has_aux=True,
    )
    real = batch.image, _one_hot(network_config, batch.label)
    grads, metrics = jax.grad(discriminator_loss, has_aux=True)(
      state.discriminator, real, (fake, labels), blend, level, with_r1
    )
    grads, metrics = parallel.total((grads, metrics))
    updates, d_opt = adam.update(grads, state.discriminator_opt)
    d_params = _apply(updates, state.discriminator, factor)

    def generator_loss(x):
      scores = discriminator.apply(d_params, x, labels, level, blend, size)
      return parallel.mean(jax.nn.softplus(-scores), size)

    g_loss, pull = jax.value_and_grad(generator_loss)(fake)
    (grads,) = vjp(pull)
    grads, g_loss, mean = parallel.total((grads, g_loss, mean))
    updates, g_opt = adam.update(grads, state.generator_opt)
    g_params = _apply(updates, state.generator, factor)
    average = _average(state.average, g_params, mean, ema, config)
    state = GanState(state.step + 1, g_params, d_params, average, g_opt, d_opt)
    return state, metrics | {'generator_loss': g_loss}

  return step


def _one_hot(network_config, labels):
  """[B] -> [B, classes]; None where the network has no classes."""
  classes = network_config.label_size
  return jax.nn.one_hot(labels, classes) if classes else None


def _decay(config, step):
  """Factor of the learning rate at `step`."""
  if not config.decay_kimg:
    return 1.0
  left = config.kimg - step * config.batch_size / 1000
  return jnp.clip(left / config.decay_kimg, 0, 1)


def _average(average, params, mean, ema, config):
  """Updates the averaged generator, and in place the mean w of both."""
  tracked = params['mapping']['dlatent_avg']
  tracked = optax.incremental_update(mean, tracked, 1 - config.dlatent_beta)
  params['mapping']['dlatent_avg'] = tracked
  average = optax.incremental_update(params, average, 1 - ema)
  average['mapping']['dlatent_avg'] = tracked
  return average
