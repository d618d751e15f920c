"""What every recipe does with its classifier: it is evaluated on digits.

Contents: evaluate.
"""

import advmix_jax


def evaluate(logits_fn):
  """Attacks a classifier on 100 digits that ship, and returns the report.

  The images' latents are not known here: `evaluate` finds them first, with the
  generator that ships (''). Put your own images, labels and generator here.
  """
  test = advmix_jax.load_dataset(advmix_jax.default_config().data, 'test')
  images, labels = test.image[:100], test.label[:100]
  return advmix_jax.evaluate(logits_fn, images, labels, generator='')
