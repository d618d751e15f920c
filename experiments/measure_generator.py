"""Measures whether a generator separates a digit's shape from its colour.

  python experiments/measure_generator.py
  python experiments/measure_generator.py --generator=runs/gan/generator.npz

Prints one JSON object: how often the colour of a mix follows its fine latents
and its shape the coarse ones, and the shares of digits and colours among the
samples. The judge is the shipped colour-blind classifier; its own accuracy on
the test digits is printed too.
"""

import json

import jax
from absl import flags

from advmix_jax import datasets
from advmix_jax.datasets import colored_mnist
from advmix_jax.evaluation import disentanglement, judge
from advmix_jax.generators import stylegan
from advmix_jax.runtime import cli, shipped

GENERATOR = flags.DEFINE_string(
  'generator',
  str(shipped.DATA / 'generator.npz'),
  'Which generator, an .npz file.',
)
NUM_MIXES = flags.DEFINE_integer('num_mixes', 2000, 'How many mixes.')
SEED = flags.DEFINE_integer('seed', 0, 'Of the mixes.')


def main(argv: list[str]) -> None:
  """Prints the measures."""
  del argv  # cli.run has refused any.
  generator, params = stylegan.load(GENERATOR.value)
  digits_judge = judge.load(view_fn=colored_mnist.brightness)
  colors = disentanglement.Style(
    measure_fn=colored_mnist.ink_color,
    tolerance=0.15,
    prototypes=colored_mnist.COLOR_MEANS,
  )
  record = disentanglement.measure(
    jax.random.key(SEED.value),
    generator,
    params,
    digits_judge,
    colors,
    num_mixes=NUM_MIXES.value,
  )
  test = datasets.load(datasets.default_config(), 'test')
  record['judge_accuracy'] = judge.accuracy(digits_judge, test)
  print(json.dumps(record, indent=2))


if __name__ == '__main__':
  cli.run(main)
