"""Encodes images by Algorithm 1 and writes their latents to one file.

  python experiments/encode.py --config=configs/colored_mnist.py --split=train \
    --output=latents.npz
  python experiments/encode.py --split=test --output=latents.npz \
    --config.data.source=idx --config.data.data_dir=mnist

Prints a histogram of the errors and the images that fit worst. Beside
latents.npz, latents.png shows these images, latents.csv has the error of every
image, and --max_error flags those above it. The same command again goes on
after a kill. `--compare=N` encodes only the first N images, from both starts,
and prints and plots (latents.png) error against steps.
"""

import pathlib

import numpy as np
from absl import flags

try:
  import jax

  from advmix_jax import datasets, generators
  from advmix_jax.encoder import pipeline
  from advmix_jax.report import fit
  from advmix_jax.runtime import cli, files, untrusted
except ModuleNotFoundError as error:
  raise SystemExit(
    f'encode.py: error: {error}; run `make install` or `pip install -e .` in '
    "the project's root, and use that Python."
  ) from None

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
SPLIT = flags.DEFINE_list(
  'split',
  ['train'],
  'Which images: train, valid or test; several: in one file.',
)
OUTPUT = flags.DEFINE_string('output', 'latents.npz', 'The file to write.')
MAX_ERROR = flags.DEFINE_float(
  'max_error', 0, 'Flag images whose mean squared error is above; 0: none.'
)
COMPARE = flags.DEFINE_integer(
  'compare', 0, 'Images to compare starts on; 0: encode.', lower_bound=0
)


def _encode(setting, images, names, output) -> bytes:
  """Encodes the images; prints and returns the report."""
  latents, errors = pipeline.encode_to_file(setting, images, output)
  print(fit.histogram(errors))
  worst = [index for index, _ in fit.worst(errors)]
  print('worst:', *(f'{names[i]} ({errors[i]:.4f})' for i in worst))
  table = fit.table(errors, MAX_ERROR.value, names)
  files.write_text(_beside(output, '.csv'), table)
  if MAX_ERROR.value:
    print(fit.flagged(errors, MAX_ERROR.value))
  decode = jax.jit(setting.generator.synthesize)
  decoded = decode(setting.params, latents[worst])
  return fit.worst_grid(
    errors[worst], datasets.to_float(images[worst]), decoded
  )


def _names(dataset):
  """What the user calls each image: its file, or its place in the part."""
  names = dataset.names or range(len(dataset.label))
  return [untrusted.printable(str(name)) for name in names]


def _beside(output, ending):
  """The file beside the output, whose name may have other dots."""
  return output.with_name(output.name.removesuffix('.npz') + ending)


def _check_output(config, output):
  """Raises ValueError for an output that a file beside it would overwrite."""
  if output.suffix in ('.csv', '.png'):
    raise ValueError(
      f'--output={output}: {output.suffix} is of a file beside it, expected '
      'another suffix, such as .npz'
    )
  sources = [generators.path(config.generator), config.encoder.path]
  for path in (output, _beside(output, '.csv'), _beside(output, '.png')):
    files.check_output(path, *filter(None, sources))


def main(argv: list[str]) -> None:
  """Encodes one split, or compares the two starts on a part of it."""
  del argv  # cli.run has refused any.
  config, output = CONFIG.value, pathlib.Path(OUTPUT.value)
  _check_output(config, output)
  generators.check_named(config.generator, config.data.name)
  parts = [datasets.load(config.data, split) for split in SPLIT.value]
  images = parts[0].image  # May be a file that is larger than the memory.
  if len(parts) > 1:
    images = np.concatenate([part.image for part in parts])
  names = [name for part in parts for name in _names(part)]
  setting = pipeline.load_setting(config)
  if COMPARE.value > 0:
    curves = pipeline.compare_starts(setting, images[: COMPARE.value])
    print(fit.curves_table(curves))
    png = fit.curves_plot(curves)
  else:
    png = _encode(setting, images, names, output)
    print(f'{output}: latents of {len(images)} images')
  picture = _beside(output, '.png')
  files.write_bytes(picture, png)
  print(f'{picture}: {"error against steps" if COMPARE.value else "worst fit"}')


if __name__ == '__main__':
  cli.run(main)
