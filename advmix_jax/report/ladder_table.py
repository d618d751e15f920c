"""The ladder of attacks on one run, as a table and in words.

  rows = ladder_table.rows(record)

where `record` has the values of evaluation's `ladder.summarise`.

Contents: rows, text, notes.
"""

from __future__ import annotations

from advmix_jax.report import rungs, statistics, tables

_LADDER = (
  'All rows are measured on the same images. Brackets: Wilson 95% intervals. '
  'Cost per image, at most: images tested, and forward passes, where a '
  'backward pass counts as two.'
)
_AUDITED = (
  'Audited: a misclassified mix counts only where a judge still names its true '
  'class.'
)


def rows(record: tables.Record) -> list[list[str]]:
  """Table of a run's ladder: a row per rung.

  Args:
    record: With the values of `ladder.summarise`.

  Returns:
    Rows of cells, the header first: rung, accuracy with its interval, the
    audited one where there was a judge, images, passes.
  """
  audit = 'audited_accuracy' in record['ladder'][0]
  head = ['Attack', 'Accuracy', *['Audited'] * audit, 'Images', 'Passes']
  table = [head]
  for rung in record['ladder']:
    cells = [statistics.percent(rung['accuracy'], *rung['ci95'])]
    if audit:
      cells.append(
        statistics.percent(rung['audited_accuracy'], *rung['audited_ci95'])
      )
    cells += [str(rung['images']), str(rung['passes'])]
    title = rungs.TITLES.get(rung['name'], rung['name'])
    table.append([title, *cells])
  return table


def text(record: tables.Record) -> str:
  """What the table of `rows` shows, one paragraph."""
  audit = [_AUDITED] if 'audited_accuracy' in record['ladder'][0] else []
  return ' '.join([_LADDER, *audit, *notes(record)])


def notes(record: tables.Record) -> list[str]:
  """Is the search converged, and what does it add to random mixes?"""
  doubled, gradient = record['doubled'], record['gradient']
  search = tables.search_name(record['perturbed_attack'])
  state = 'converged' if record['converged'] else 'NOT CONVERGED'
  return [
    f'{search}: {state}; {100 * doubled["restarts"]:.1f}% with twice the '
    f'restarts, {100 * doubled["steps"]:.1f}% with twice the steps.',
    f'At equal compute, {gradient["only_gradient"]} images are broken by '
    f'{search} only and {gradient["only_random"]} by random mixes only '
    f"(McNemar's exact test, p = {gradient['p_value']:.2g}).",
    *_random_notes(record.get('random')),
  ]


def _random_notes(random):
  """Would more random mixes break more? Earlier records do not say."""
  if random and not random['converged']:
    yield (
      f'Random mixes: NOT CONVERGED; {100 * random["halved"]:.1f}% with half '
      'of them, so more would break more, and the worst case is an upper bound.'
    )
