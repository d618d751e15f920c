"""Which split of a generator keeps the label? Measures it, at every layer.

  python experiments/probe.py --generator=runs/faces/generator.npz \
    --judge=runs/face_judge.npz --attribute=Smiling

Mixes pairs of samples at every layer; a judge, trained on real images alone
(train_judge.py), answers its questions about both and about the mix. Prints,
for each attribute, how often a mix keeps the answer that is kept least often,
and how often all of 5 mixes of a sample do (--worst_of), for AdvMix trains on
the worst of them; the judge's own accuracy beside it, and a recommended split:
the first one from which on each answer is kept in 90% of the mixes (--keep),
and by all 5 in 75% of the samples (--keep_all); '-' where the judge is hardly
ever sure of one of the answers. A judge of classes has one question,
which class? So the class that is kept least often decides; each class that the
judge is sure of has a line. Writes OUTPUT.json and OUTPUT.png. If no split
comes near, AdvMix is the wrong tool.

  python experiments/probe.py --generator=ffhq.npz --size=64 --microbatch=4

An official generator draws 1024x1024 pixels, the judge sees fewer: --size
resizes the images for it, and --microbatch limits the memory.
"""

import pathlib
import shlex
import sys

import jax
from absl import flags

from advmix_jax import generators
from advmix_jax.evaluation import attributes, probing
from advmix_jax.report import figures
from advmix_jax.runtime import cli, files, run_folder, shipped

GENERATOR = flags.DEFINE_string(
  'generator',
  str(shipped.DATA / 'face_generator.npz'),
  'The file of a StyleGAN.',
)
JUDGE = flags.DEFINE_string(
  'judge',
  str(shipped.DATA / 'face_judge.npz'),
  'The file of a judge of attributes or of classes, from train_judge.py.',
)
SIZE = flags.DEFINE_integer(
  'size',
  0,
  "Height and width to which the generator's images are resized; 0: its own.",
  lower_bound=0,
)
MICROBATCH = flags.DEFINE_integer(
  'microbatch',
  0,
  'Images that the generator draws at a time; 0: a whole batch.',
  lower_bound=0,
)
ATTRIBUTE = flags.DEFINE_list(
  'attribute',
  [],
  'Attributes to plot and to recommend for; default: Smiling, or else all.',
)
NUM_MIXES = flags.DEFINE_integer(
  'num_mixes', 1000, 'How many pairs.', lower_bound=20
)
KEEP = flags.DEFINE_float(
  'keep', 0.9, 'Share of kept answers that is enough.', 0, 1
)
WORST_OF = flags.DEFINE_integer(
  'worst_of',
  5,
  "Mixes of each sample, all of which should keep the answer: AdvMix's N_r.",
  lower_bound=1,
  upper_bound=100,
)
KEEP_ALL = flags.DEFINE_float(
  'keep_all',
  0.75,
  'Share of samples all of whose mixes keep the answer that is enough.',
  0,
  1,
)
SEED = flags.DEFINE_integer('seed', 0, 'Of the samples.', lower_bound=0)
OUTPUT = flags.DEFINE_string(
  'output', 'runs/probe', 'Path of the record and the plot, without ending.'
)


def _cell(least):
  return f'{100 * least["share"]:>6.1f}' if least else f'{"-":>6}'


def _table(record, names, accuracy):
  """Per attribute, the answer kept least often, by one mix and by all."""
  splits = ''.join(f'{s:>6}' for s in record['splits'])
  title = (
    'samples, in %, that keep the answer kept least often, by split: in one mix'
  )
  if record['worst_of'] > 1:
    title += f'; below it, in all of {record["worst_of"]}'
  lines = [title, f'{"attribute":<21}{"judge":>6}{"chance":>8}{splits}  split']
  for a, name in enumerate(names):
    right = accuracy.get(name)
    judge = f'{100 * right:>6.1f}' if right is not None else f'{"":>6}'
    split = _recommended(record, a) or 'none'
    cells = _cells(record, a, 'kept', 'by_chance')
    lines.append(f'{name:<21}{judge}{cells}  {split}')
    if record['worst_of'] > 1 and probing.least_kept(record['by_chance'][a]):
      lines.append(' ' * 27 + _cells(record, a, 'kept_by_all', 'by_chance_all'))
  change = ''.join(f'{255 * c:>6.1f}' for c in record['change'])
  lines.append(f'{"change, of 255":<35}{change}')
  return '\n'.join(lines)


def _cells(record, question, kept, by_chance):
  """What chance keeps, and what each split does."""
  chance = _cell(probing.least_kept(record[by_chance][question]))
  return f'{chance:>8}' + ''.join(
    _cell(probing.least_kept(row[question])) for row in record[kept]
  )


def _recommended(record, question):
  return probing.recommend(
    record, question, keep=KEEP.value, keep_all=KEEP_ALL.value
  )


def _classes(record, count):
  """A line for each class: what mixes keep, or that it was not measured."""
  yield f'{"of it, class":<21}{"pairs":>6}'
  chance, answers = record['by_chance'][0], record['answers'][0]
  for value in range(count):
    i = answers.index(value) if value in answers else None
    pairs = 0 if i is None else chance[i]['pairs']
    if pairs < probing.FEW:
      yield f'{value:<21}{pairs:>6}  not measured: fewer than {probing.FEW}'
    else:
      rows = [chance[i], *(row[0][i] for row in record['kept'])]
      first, *cells = (f'{100 * r["share"]:>6.1f}' for r in rows)
      yield f'{value:<21}{pairs:>6}{first:>8}{"".join(cells)}'


def _questions(judge):
  """The names of the judge's questions, and the function that answers them."""
  if not attributes.has_classes(judge):
    return judge.names, lambda images: attributes.answer(judge, images)

  def which_class(images):
    label, probability = attributes.name_class(judge, images)
    return label[:, None], probability[:, None]

  return ('class',), which_class


def _chosen(names):
  """The attributes of --attribute, or its default."""
  default = ['Smiling'] if 'Smiling' in names else list(names)
  return ATTRIBUTE.value or default


def _plot(record, names):
  curves = {}
  for name in _chosen(names):
    a = names.index(name)
    kinds = [(name, 'kept')]
    if record['worst_of'] > 1:
      label = f'{name}, all of {record["worst_of"]} mixes'
      kinds.append((label, 'kept_by_all'))
    for label, kept in kinds:
      rows = [probing.least_kept(row[a]) for row in record[kept]]
      pairs = zip(record['splits'], rows, strict=True)
      points = [(split, row['share']) for split, row in pairs if row]
      curves[label] = tuple(zip(*points, strict=True)) or ((), ())
  whole = record['change_whole']
  change = [c / whole for c in record['change']]
  curves['change of the image (1: the other image)'] = record['splits'], change
  return figures.line_plot(
    curves,
    x_label='split: first layer of the other image',
    y_label='share of the mixes, or change',
  )


def _how_sure(record, question, split):
  """On how many pairs the advice rests, and whether more are needed."""
  place = record['splits'].index(split)
  words, unsure = [], False
  for kept, enough, what in (
    ('kept', KEEP.value, 'one mix'),
    ('kept_by_all', KEEP_ALL.value, f'all {record["worst_of"]}'),
  ):
    least = probing.least_kept(record[kept][place][question])
    low, high = (100 * end for end in least['interval'])
    words.append(
      f'{what} {100 * least["share"]:.1f}% [{low:.1f}, {high:.1f}] of '
      f'{least["pairs"]} pairs'
    )
    unsure |= low < 100 * enough
  more = '; not certain: try more --num_mixes' if unsure else ''
  return f': {", ".join(words)}{more}'


def _advice(record, names):
  """One line per chosen attribute."""
  for name in _chosen(names):
    a = names.index(name)
    split = _recommended(record, a)
    if split:
      yield f'{name}: split {split} keeps it{_how_sure(record, a, split)}'
    elif probing.least_kept(record['by_chance'][a]) is None:
      yield (
        f'{name}: the judge is hardly ever sure of two answers, so nothing can '
        'be said; try more --num_mixes, or a generator that was trained longer'
      )
    else:
      split, one, all_ = probing.nearest(record, a)
      yield (
        f'{name}: there is no split from which on {100 * KEEP.value:g}% of the '
        f'mixes keep it, and all {record["worst_of"]} mixes of '
        f'{100 * KEEP_ALL.value:g}% of the samples; the nearest is {split}, '
        f'with {100 * one:.1f}% and {100 * all_:.1f}%. Far below, mixing '
        'changes what a judge says: AdvMix is the wrong tool.'
      )


def _generator():
  """The generator of the flags, and its parameters."""
  config = generators.default_config()
  config.update(
    path=GENERATOR.value, size=SIZE.value, microbatch=MICROBATCH.value
  )
  return generators.load(config)


def main(argv: list[str]) -> None:
  """Prints the table and the advice, writes the record and the plot."""
  del argv  # cli.run has refused any.
  path = pathlib.Path(OUTPUT.value)
  for ending in ('.json', '.png'):
    files.check_output(f'{path}{ending}', GENERATOR.value, JUDGE.value)
  generator, params = _generator()
  judge = attributes.load(JUDGE.value)
  print(f'the judge is {JUDGE.value}; --judge names another')
  attributes.check_generator(judge, generator, params, option='--size')
  names, answer_fn = _questions(judge)
  for name in ATTRIBUTE.value:
    attributes.index(names, name)  # Raises for an unknown one.
  accuracy = files.load_npz(JUDGE.value)[1].get('accuracy', {})
  record = probing.measure(
    jax.random.key(SEED.value),
    generator,
    params,
    answer_fn,
    num_mixes=NUM_MIXES.value,
    worst_of=WORST_OF.value,
  )
  if not record['change_whole']:
    raise ValueError(f'{GENERATOR.value} draws one image alone')
  print(_table(record, names, accuracy))
  if attributes.has_classes(judge):
    print(*_classes(record, len(judge.names)), sep='\n')
  print(*_advice(record, names), sep='\n')
  record |= {
    'names': list(names),
    'judge_accuracy': accuracy,
    'generator_sha256': files.file_hash(GENERATOR.value),
    'judge_sha256': files.file_hash(JUDGE.value),
    **({'size': SIZE.value} if SIZE.value else {}),
    'seed': SEED.value,
    'commit': run_folder.commit(),
    'command': shlex.join(['python', *sys.argv]),
  }
  files.write_json(f'{path}.json', record)
  files.write_bytes(f'{path}.png', _plot(record, names))
  print(f'{path}.json, {path}.png')


if __name__ == '__main__':
  cli.run(main)
