"""Checks an official network's kwargs: applied, ignored, or refused.

A pickle lists only the kwargs that its training script passed. Sizes must agree
with the variables. Kwargs that change the forward pass must have a value in
_ALLOWED, which the conversion supports; others are refused. Kwargs in _FREE
don't change the conversion.

Contents: merge, number, check.
"""

from checkpoints_convert import nvlabs_pickle

_SIZES = (
  'resolution',
  'num_channels',
  'label_size',
  'latent_size',
  'dlatent_size',
  'mapping_fmaps',
  'mapping_layers',
  'mapping_lrmul',
  'mbstd_group_size',
)
_FMAPS = ('fmap_base', 'fmap_decay', 'fmap_max')
# Values for which the converted network computes the same forward pass.
_ALLOWED = {
  'fused_scale': ('auto', True, False),
  'blur_filter': ([1, 2, 1],),
  'nonlinearity': ('lrelu',),
  'mapping_nonlinearity': ('lrelu',),
  'use_wscale': (True,),
  'use_styles': (True,),
  'const_input_layer': (True,),
  'use_noise': (True,),
  'use_pixel_norm': (False,),
  'use_instance_norm': (True,),
  'normalize_latents': (True,),
  'dtype': ('float32',),
  'mbstd_num_features': (1,),
  # 'fixed' ones lack the image layers of lower resolutions.
  'structure': ('auto', 'linear', 'recursive'),
  'is_training': (False,),
  'synthesis_func': ('G_synthesis',),
  'mapping_func': ('G_mapping',),
}
# For training only, or chosen by the caller (truncation, fresh noise).
_FREE = (
  'truncation_psi',
  'truncation_cutoff',
  'truncation_psi_val',
  'truncation_cutoff_val',
  'dlatent_avg_beta',
  'style_mixing_prob',
  'randomize_noise',
  'is_validation',
  'is_template_graph',
  'force_clean_graph',
)


def _text(value):
  """A value from the file as one short line."""
  return ascii(value)[:80]


def merge(network: nvlabs_pickle.Network) -> dict:
  """Kwargs of a network and its components; ValueError if they contradict."""
  merged = dict(network.static_kwargs)
  for part in network.components.values():
    for key, value in part.static_kwargs.items():
      if merged.setdefault(key, value) != value:
        raise ValueError(
          f'kwarg {_text(key)} is {_text(merged[key])} and, in a component, '
          f'{_text(value)}'
        )
  return merged


def number(kwargs: dict, key: str, default: float, *, least: float) -> float:
  """Returns a kwarg as a number of the default's type.

  Args:
    kwargs: From `merge`.
    key: Name of the kwarg.
    default: Value if the kwarg is missing.
    least: Smallest allowed value.

  Raises:
    ValueError: The kwarg has another type or is too small or too large.
  """
  value = kwargs.get(key, default)
  kinds = (int, float) if isinstance(default, float) else (int,)
  if type(value) not in kinds or not least <= value < 1e6:
    raise ValueError(
      f'kwarg {key} is {_text(value)}, expected a number >= {least}'
    )
  return type(default)(value)


def check(kwargs: dict, facts: dict) -> None:
  """Refuses kwargs that do not fit.

  Args:
    kwargs: From `merge`.
    facts: Values that follow from the variables, by kwarg, and `fmaps`.

  Raises:
    ValueError: A kwarg is unknown, has a value that our networks do not
      support, or contradicts the variables; the message names it.
  """
  known = (*_SIZES, *_FMAPS, *_ALLOWED, *_FREE, 'dlatent_broadcast')
  for key, value in kwargs.items():
    if key not in known:
      raise ValueError(
        f'unknown kwarg {_text(key)}, expected one of {", ".join(known)}'
      )
    if key in _ALLOWED:
      _check_choice(key, value)
    expected = facts.get(key, value)
    if value != expected:
      raise ValueError(
        f'kwarg {key} is {_text(value)}, but the variables say {expected}'
      )
  _check_fmaps(kwargs, facts['fmaps'])


def _check_choice(key, value):
  allowed = _ALLOWED[key]
  if not any(type(value) is type(x) and value == x for x in allowed):
    raise ValueError(
      f'kwarg {key}={_text(value)} is not supported, expected '
      f'{" or ".join(map(repr, allowed))}'
    )


def _check_fmaps(kwargs, found):
  """Checks widths by the official formula, if its kwargs are given."""
  if not any(key in kwargs for key in _FMAPS):
    return
  base, decay, limit = (
    kwargs.get(key, default)
    for key, default in zip(_FMAPS, (8192, 1.0, 512), strict=True)
  )
  try:
    fmaps = tuple(
      min(int(base / 2.0 ** (i * decay)), limit)
      for i in range(1, len(found) + 1)
    )
  except (TypeError, OverflowError, ZeroDivisionError):
    raise ValueError(
      f'kwargs fmap_base, fmap_decay, fmap_max: {_text((base, decay, limit))}'
    ) from None
  if fmaps != found:
    raise ValueError(
      f'kwargs fmap_base, fmap_decay and fmap_max give widths {fmaps}, but the '
      f'variables say {found}'
    )
