"""What the page of results has to know about the items of sweeps.py.

  layouts.make(items)  # [{'quick': Layout, 'full': Layout}], one per item

Contents: make.
"""

import pathlib
from collections.abc import Sequence

import own_faces
import plan

from advmix_jax.report import results


def make(
  items: own_faces.Items, *, generator: str = '', options: Sequence[str] = ()
) -> list[dict[str, results.Layout]]:
  """The layouts of each item, one for each scale.

  Args:
    items: As in sweeps.py.
    generator: A user's own StyleGAN of faces, '' = the one that ships.
    options: Fields of config.generator for it, such as 'size=64'.
  """
  made = []
  for name, item in items.items():
    whole, parts = _layout(name, item), item.get('scales', {})
    flags = {
      scale: _folders(item, parts.get(scale, {}), generator, options)
      for scale in plan.SCALES
    }
    made.append(
      {s: _of_scale(whole, parts.get(s, {}), flags[s]) for s in plan.SCALES}
    )
  return made


def _layout(name, item):
  """The whole item."""
  columns = item.get('columns', {})
  plotted = 'plot' in item
  return results.Layout(
    name=name,
    title=item['title'],
    text=item['text'],
    rows=tuple(item.get('rows', ())),
    columns=tuple(columns),
    papers={
      measure: _paper(item.get(name, {}))
      for measure, name in (
        ('clean', 'paper'),
        ('perturbed', 'paper_perturbed'),
      )
    },
    measures=item.get('measures', ()),
    x=tuple(c['x'] for c in columns.values()) if plotted else (),
    x_label=item['plot']['x_label'] if plotted else '',
  )


def _paper(values):
  """{row: {column: percent}} as {(row, column): percent}."""
  return {
    (row, column): value
    for row, columns in values.items()
    for column, value in columns.items()
  }


def _of_scale(layout, part, flags):
  """The layout with the rows, columns and flags of one scale."""
  keep = part.get('columns', layout.columns)
  x = dict(zip(layout.columns, layout.x, strict=False))
  return layout._replace(
    rows=tuple(part.get('rows', layout.rows)),
    columns=tuple(keep),
    x=tuple(x[column] for column in keep) if x else (),
    flags=flags,
  )


def _folders(item, part, generator, options):
  """The flags of the folders that a scale of an item needs."""
  if own_faces.is_of_faces(item):
    words = ' --celeba_dir=celeba_10000'  # As docs/faces.md makes it.
    if own_faces.has_own_size(item):  # And so a generator of its own.
      return words
    if generator:
      words += f' --celeba_generator={pathlib.Path(generator).name}'
    if options:
      words += f' --celeba_options={",".join(options)}'
    return words
  data = part.get('data', {}) | part.get('generator', {})
  return ' --data_dir=mnist' if 'idx' in data.values() else ''
