"""Draws one of the paper's pictures, as reproduce.py calls it.

  python experiments/draw_figure.py --figure=figure_4 --output_dir=runs/figure_4

Calls `make` of experiments/figures/<figure>.py, and writes the names of its
pictures to OUTPUT_DIR/pictures.json.
"""

import importlib
import pathlib

from absl import flags

from advmix_jax.runtime import cli, files

FIGURE = flags.DEFINE_string('figure', '', 'Which one, e.g. figure_4.')
OUTPUT_DIR = flags.DEFINE_string('output_dir', '', 'Where the pictures go.')


def main(argv: list[str]) -> None:
  """Draws the figure."""
  del argv  # cli.run has refused any.
  name = FIGURE.value
  try:
    module = importlib.import_module(f'figures.{name}')
  except ModuleNotFoundError as error:
    if error.name not in ('figures', f'figures.{name}'):
      raise
    raise ValueError(
      f'--figure is {name!r}, but there is no experiments/figures/{name}.py'
    ) from error
  output = pathlib.Path(OUTPUT_DIR.value)
  names = [pathlib.Path(path).name for path in module.make(output)]
  files.write_json(output / 'pictures.json', {'pictures': names})
  print(f'{output}: {", ".join(names)}')


if __name__ == '__main__':
  cli.run(main)
