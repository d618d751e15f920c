"""Which runs of a plan one call does: a part of the cells, or of n machines.

  keys = selection.part(runs, columns=['Smiling'], rows=['AdvMix'], seeds=[0])
  keys = selection.shard(runs, keys, '1/4')

Contents: part, check, shard.
"""

from collections.abc import Collection, Iterable, Mapping

from plan import Run


def part(
  runs: Mapping[str, Run],
  *,
  columns: Collection[str] = (),
  rows: Collection[str] = (),
  seeds: Collection[int] = (),
) -> list[str]:
  """The keys of the classifiers of some cells; an empty wish allows all.

  What measures their generators is among them; what they need is not:
  `schedule.missing` adds it. Without any wish, the keys of all runs.

  Raises:
    ValueError: a name or a seed is in none of the runs, or no run has all.
  """
  if not (columns or rows or seeds):
    return list(runs)
  made = {key: run for key, run in runs.items() if run.kind == 'classifier'}
  cells = [cell for run in made.values() for cell in run.cells]
  check('column', columns, (column for _, _, column in cells))
  check('row', rows, (row for _, row, _ in cells))
  check('seeds', seeds, (run.seed for run in made.values()))
  keys = [
    key
    for key, run in made.items()
    if (not seeds or run.seed in seeds)
    and any(
      (not columns or column in columns) and (not rows or row in rows)
      for _, row, column in run.cells
    )
  ]
  if not keys:
    raise ValueError('--column, --row and --seeds: no run has all of these')
  return keys + _measuring(runs, keys)


def _measuring(runs, keys):
  """The keys of what measures the generators that these runs need."""
  made = {runs[key].needs.get('generator') for key in keys} - {None}
  return [
    key
    for key, run in runs.items()
    if run.kind == 'measure' and run.needs.get('generator') in made
  ]


def check(flag: str, wanted: Iterable, known: Iterable) -> None:
  """Raises ValueError where a flag has a value that isn't known."""
  known = tuple(dict.fromkeys(known))
  for value in wanted:
    if value not in known:
      expected = f'some of {known}' if known else f'no --{flag}: there is none'
      expected += ' at this --scale' if flag != 'only' else ''
      raise ValueError(f'--{flag} has {value!r}, expected {expected}')


def shard(runs: Mapping[str, Run], keys: Iterable[str], text: str) -> list[str]:
  """The keys of one shard; a generator and all that needs it stay together.

  One that ships is not trained: what needs it is split, and each shard makes
  its learned start and its latents.

  Args:
    runs: The plan.
    keys: Those to split.
    text: 'i/n'.

  Raises:
    ValueError: `text` isn't i/n with 1 <= i <= n.
  """
  number, _, count = text.partition('/')
  good = number.isdecimal() and count.isdecimal()
  if not good or not 1 <= int(number) <= int(count):
    raise ValueError(f'--shard is {text!r}, expected i/n, 1 <= i <= n')
  return [
    key
    for key in keys
    if int(_first_need(runs, key), 16) % int(count) == int(number) - 1
  ]


def _first_need(runs: Mapping[str, Run], key: str) -> str:
  """What shards split by: the trained generator, if any."""
  return runs[key].needs.get('generator', key)
