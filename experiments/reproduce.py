"""Runs what is missing of the paper's tables and figures, and makes the page.

  python experiments/reproduce.py --only=table_2 --scale=quick
  python experiments/reproduce.py --scale=full --data_dir=mnist --jobs=2
  python experiments/reproduce.py --list

sweeps.py has every item. Each run is resumable, in a folder of runs/reproduce,
and leaves one record in experiments/results/<scale>.jsonl. Then docs/results.md
and the pictures in docs/figures are made from the records of both scales alone.
The same call again goes on where the last one stopped. Tables 3 and 4 need
CelebA, and take any generator of faces:

  python experiments/reproduce.py --only=table_3,table_4 --celeba_dir=celeba \
    --celeba_generator=ffhq.npz --celeba_options=size=64,split=10

--column, --row and --seeds do a part of a table, with all that it needs:

  python experiments/reproduce.py --only=figure_7 --scale=full \
    --data_dir=mnist --column=0.2 --row=RandMix --row=AdvMix --seeds=0
"""

import pathlib

from absl import flags

try:
  import layouts
  import own_faces
  import plan
  import schedule
  import selection

  from advmix_jax.datasets import celeba, digits
  from advmix_jax.report import curves, records, results
  from advmix_jax.runtime import cli, files
except ModuleNotFoundError as error:
  raise SystemExit(
    f'reproduce.py: error: {error}; run `make install` or `pip install -e .` '
    "in the project's root, and use that Python."
  ) from None

ROOT = plan.HERE.parent

ONLY = flags.DEFINE_multi_string(
  'only',
  [],
  'Items, such as table_1,figure_7; default: all, without --celeba_dir all but '
  'Tables 3 and 4.',
)
SCALE = flags.DEFINE_enum('scale', 'quick', plan.SCALES, 'How much work.')
JOBS = flags.DEFINE_integer('jobs', 1, 'Runs at a time.', lower_bound=1)
SHARD = flags.DEFINE_string(
  'shard', '1/1', 'i/n: the i-th of n parts of the runs, for n machines.'
)
COLUMN = flags.DEFINE_multi_string(
  'column', [], 'Only classifiers of this column; may be given several times.'
)
ROW = flags.DEFINE_multi_string(
  'row', [], 'Only classifiers of this row; may be given several times.'
)
SEEDS = flags.DEFINE_multi_string(
  'seeds', [], 'Only classifiers of these seeds, such as 0,1.'
)
LIST = flags.DEFINE_bool('list', False, 'Only list the runs and their cost.')
RUN = flags.DEFINE_bool('run', True, 'False: only make the page.')
DATA_DIR = flags.DEFINE_string(
  'data_dir', '', 'The folder of the IDX files of MNIST.'
)
CELEBA_DIR = flags.DEFINE_string(
  'celeba_dir',
  '',
  'The folder of CelebA, for Tables 3 and 4, which are left out without it.',
)
CELEBA_GENERATOR = flags.DEFINE_string(
  'celeba_generator',
  '',
  'A StyleGAN of faces, own or converted; default: the one that ships.',
)
CELEBA_OPTIONS = flags.DEFINE_multi_string(
  'celeba_options',
  [],
  'Fields of config.generator for it, such as size=64,split=10,microbatch=4.',
)
SWEEPS = flags.DEFINE_string(
  'sweeps', str(plan.HERE / 'sweeps.py'), 'The file of the items.'
)
WORKDIR = flags.DEFINE_string(
  'workdir', str(ROOT / 'runs' / 'reproduce'), "Folder of the runs' folders."
)
RECORDS = flags.DEFINE_string(
  'records', str(plan.HERE / 'results'), 'Folder of the records.'
)
DOCS = flags.DEFINE_string(
  'docs', str(ROOT / 'docs'), 'Folder of results.md and of the pictures.'
)


def _words(flag):
  """The words of a flag that takes some, divided by commas, several times."""
  words = [word.strip() for text in flag.value for word in text.split(',')]
  return list(filter(None, words))


def _names(items):
  """The items of `--only`; by default all that there are images for.

  Raises:
    ValueError: one is unknown, or needs a folder that isn't given.
  """
  only = _words(ONLY)
  selection.check('only', only, items)
  of_faces = [n for n, item in items.items() if own_faces.is_of_faces(item)]
  if CELEBA_DIR.value:
    return only or list(items)
  asked = [name for name in only if name in of_faces]
  if asked and RUN.value:
    raise ValueError(
      f'--celeba_dir is missing, the folder of CelebA; {", ".join(asked)} '
      'cannot be made without it'
    )
  if RUN.value and not only and of_faces:
    print(f'{", ".join(of_faces)}: left out, they need --celeba_dir')
  return only or [name for name in items if name not in of_faces]


def _items():
  """The items of `--sweeps`, with the user's faces.

  Raises:
    FileNotFoundError, ValueError: as own_faces.
  """
  if (CELEBA_GENERATOR.value or CELEBA_OPTIONS.value) and not CELEBA_DIR.value:
    raise ValueError('--celeba_dir is missing, which --celeba_generator needs')
  found = plan.read(SWEEPS.value, 'ITEMS')
  for name, item in found.items():
    if lacking := {'title', 'text'} - {*item}:
      raise ValueError(
        f'--sweeps={SWEEPS.value}: item {name!r} has no {min(lacking)!r}'
      )
  items = own_faces.replaced(
    found,
    generator=CELEBA_GENERATOR.value,
    options=_words(CELEBA_OPTIONS),
  )
  if CELEBA_DIR.value:
    if not pathlib.Path(CELEBA_DIR.value).is_dir():
      raise FileNotFoundError(
        f'--celeba_dir={CELEBA_DIR.value}: no such folder'
      )
    items = own_faces.identified(items, CELEBA_DIR.value)
  return items


def _keys(runs):
  """The runs of the cells, the seeds and the shard that are asked for.

  Raises:
    ValueError: as selection.part and selection.shard, or a seed is no number.
  """
  seeds = _words(SEEDS)
  for seed in seeds:
    if not seed.isdecimal():
      raise ValueError(f'--seeds has {seed!r}, expected whole numbers >= 0')
  chosen = selection.part(
    runs,
    columns=COLUMN.value,
    rows=ROW.value,
    seeds=[int(seed) for seed in seeds],
  )
  return selection.shard(runs, chosen, SHARD.value)


def _list(work, keys, todo):
  """Prints every run, whether it is done, and what it should cost."""
  for key in keys:
    run = work.runs[key]
    state = 'missing' if key in todo else 'done   '
    print(f'{key}  {state}  {results.duration(run.seconds):>8}  {run.name()}')
  seconds = sum(work.runs[key].seconds for key in todo)
  print(
    f'{len(keys)} runs, {len(todo)} missing: about '
    f'{results.duration(seconds)} on two idle cores'
  )


def _recorded():
  """The records of each scale, oldest first."""
  folder = pathlib.Path(RECORDS.value)
  return {s: records.read_runs(folder / f'{s}.jsonl') for s in plan.SCALES}


def _check_folders():
  """Checks the folders that are written to, before anything long.

  Raises:
    ValueError: one is a file or can't be written, the records are no records,
      or the page of own records would replace the project's.
  """
  flags_of = {'workdir': WORKDIR, 'records': RECORDS, 'docs': DOCS}
  for name, flag in flags_of.items():
    files.check_folder(flag.value, f'--{name}=')
  _recorded()
  own = pathlib.Path(RECORDS.value).resolve() != plan.HERE / 'results'
  if own and pathlib.Path(DOCS.value).resolve() == ROOT / 'docs':
    raise ValueError(
      f"--docs is missing: {ROOT / 'docs'} has the page of the project's "
      f'records; expected a folder for that of --records={RECORDS.value}'
    )


def _write_page(items):
  """Makes the page and its plots from the records."""
  docs = pathlib.Path(DOCS.value)
  found = _recorded()
  faces = {
    'generator': CELEBA_GENERATOR.value,
    'options': _words(CELEBA_OPTIONS),
  }
  shown = layouts.make(items, **faces)
  for parts in shown:
    for scale, layout in parts.items():
      _plot(layout, found[scale], docs / 'figures' / scale)
  files.write_text(docs / 'results.md', results.page(shown, found))


def _plot(layout, found, folder):
  """Writes <item>.png and .svg, where there is something to draw."""
  drawn = results.curves(layout, found) if layout.x else {}
  if not drawn:
    return
  pictures = curves.plot(
    drawn,
    x_label=layout.x_label,
    y_label='accuracy on unbiased colours, %',
    bold='AdvMix',
  )
  for data, kind in zip(pictures, ('png', 'svg'), strict=True):
    files.write_bytes(folder / f'{layout.name}.{kind}', data)


def _keep_pictures(work, keys):
  """Copies what the runs of figures have drawn to the page's pictures."""
  folder = pathlib.Path(DOCS.value) / 'figures' / work.scale
  recorded = records.read(work.records)
  for key in keys:
    if work.runs[key].kind == 'figure' and work.done(key) and key in recorded:
      for name in recorded[key]['results']['pictures']:
        source = work.folder(key) / name
        files.write_bytes(folder / name, source.read_bytes())


def _without_picture(work, keys):
  """Figures that are recorded, but whose pictures are nowhere at hand."""
  folder = pathlib.Path(DOCS.value) / 'figures' / work.scale
  found = records.read(work.records)
  return [
    key
    for key in keys
    if work.runs[key].kind == 'figure' and key in found and not work.done(key)
    for name in found[key]['results']['pictures']
    if not (folder / name).exists()
  ]


def _check_digits(runs, keys):
  """Checks that the digits of --data_dir are MNIST's, whose records count.

  The keys of runs do not tell digits of IDX files apart. A user's own --sweeps
  may be of any.

  Raises:
    FileNotFoundError, ValueError: as digits.idx_hash, or they are others.
  """
  own = pathlib.Path(SWEEPS.value).resolve() != plan.HERE / 'sweeps.py'
  of_idx = any(
    runs[key].config.get('data.source') == 'idx'
    for key in plan.with_needs(runs, keys)
  )
  if own or not (of_idx and DATA_DIR.value):
    return
  if digits.idx_hash(DATA_DIR.value) != digits.MNIST_HASH:
    raise ValueError(
      f'--data_dir={DATA_DIR.value}: has other digits than MNIST, of which '
      'these tables are; expected those, or your own --sweeps with its own '
      '--records and --workdir, or train.py, which takes any'
    )


def _check_data(work, todo):
  """Checks the folders of data that runs need, before anything long.

  Raises:
    FileNotFoundError, ValueError: a folder is missing, or not what it should
      be.
  """
  folders = {
    'idx': (DATA_DIR, 'the IDX files of MNIST', _find_digits),
    'celeba': (CELEBA_DIR, 'CelebA', _check_faces),
  }
  for source, (flag, what, check) in folders.items():
    of_source = [
      k for k in todo if work.runs[k].config.get('data.source') == source
    ]
    if of_source and not flag.value:
      raise ValueError(
        f'--{flag.name} is missing, the folder of {what}; {len(of_source)} of '
        'the runs need it'
      )
    if of_source:
      check(flag.value)


def _find_digits(folder):
  for split in digits.SPLITS:
    digits.find_idx(folder, split)


def _check_faces(folder):
  celeba.check_folder(folder, ('train', 'test'))


def main(argv: list[str]) -> None:
  """Lists, or runs what is missing and makes the page."""
  del argv  # cli.run has refused any.
  items = _items()
  names = _names(items)
  runs = plan.expand(items, names, SCALE.value)
  work = schedule.Work(
    runs=runs,
    root=pathlib.Path(WORKDIR.value).resolve(),
    scale=SCALE.value,
    records=pathlib.Path(RECORDS.value) / f'{SCALE.value}.jsonl',
    data_dirs={'idx': DATA_DIR.value, 'celeba': CELEBA_DIR.value},
    jobs=JOBS.value,
  )
  keys = _keys(runs)
  if RUN.value:
    _check_digits(runs, keys)
  todo = schedule.missing(work, keys, again=_without_picture(work, keys))
  if LIST.value:
    _list(work, plan.with_needs(runs, keys), todo)
    return
  _check_folders()
  failed = {}
  if RUN.value:
    _check_data(work, todo)
    failed = schedule.run(work, todo, say=lambda s: print(s, flush=True))
    known = [key for key in keys if key in records.read(work.records)]
    cells = {key: runs[key].cells for key in known}
    records.relabel(work.records, cells, names)
    _keep_pictures(work, keys)
  _write_page(items)
  print(f'{DOCS.value}/results.md')
  if failed:
    name, error = next((runs[k].name(), e) for k, e in failed.items())
    raise ValueError(f'{len(failed)} runs failed; the first: {name}, {error}')


if __name__ == '__main__':
  cli.run(main)
