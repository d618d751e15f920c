"""Runs methods one after another and writes one report: demo.py's and others'.

Contents: check, check_config, run_all, write.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from advmix_jax import methods, training
from advmix_jax.report import pages, tables
from advmix_jax.runtime import cli, files


def check(names: Sequence[str], seeds: Sequence[int]) -> None:
  """Checks what is compared, before anything is made or written.

  Raises:
    ValueError: There is no method or seed, one is given twice, or a method is
      unknown.
  """
  for flag, values in (('methods', names), ('seeds', seeds)):
    if not values:
      raise ValueError(f'--{flag} is empty, expected one or more')
    for value in values:
      if list(values).count(value) > 1:
        raise ValueError(f'--{flag} has {value} twice, expected each one once')
  for name in names:
    methods.check_name(name)


def check_config(made: Mapping[str, str]) -> None:
  """Refuses fields of --config that the script sets itself.

  Args:
    made: {field: what sets it}.

  Raises:
    ValueError: One of them is given, and would be overwritten.
  """
  for name in cli.given_fields():
    if name in made:
      raise ValueError(
        f'--config.{name} does nothing here, expected {made[name]}'
      )


def run_all(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  names: Sequence[str],
  seeds: Sequence[int],
) -> tuple[list[dict[str, Any]], list[Any]]:
  """Trains and evaluates; returns records and pictures, in order.

  Each run has the folder WORKDIR/<method>, or WORKDIR/<method>-seed<seed> with
  several seeds. Finished runs are not run again.

  Raises:
    ValueError: As `check`; no run has started then.
  """
  check(names, seeds)
  records, pictures = [], []
  for seed in seeds:
    for method in names:
      run_config = config.copy_and_resolve_references()
      run_config.method, run_config.seed = method, seed
      name = method if len(seeds) == 1 else f'{method}-seed{seed}'
      results = training.train_and_evaluate(run_config, workdir / name)
      print(tables.summary(results, workdir / name), flush=True)
      records.append(results)
      pictures.append(files.load_npz(workdir / name / 'pictures.npz')[0])
  return records, pictures


def write(
  workdir: pathlib.Path,
  records: Sequence[dict[str, Any]],
  pictures: Sequence[Any],
  *,
  title: str,
  examples: Mapping[str, bytes],
) -> None:
  """Writes the table, the records, the page, and its pictures one by one.

  Args:
    workdir: Gets table.md, records.jsonl, report.html and pictures/.
    records: Of the runs.
    pictures: Of each run.
    title: Of the page.
    examples: {heading: PNG} of the data set.
  """
  lines = ''.join(json.dumps(record) + '\n' for record in records)
  files.write_text(workdir / 'records.jsonl', lines)
  files.write_text(workdir / 'table.md', tables.markdown_table(records))
  page = pages.comparison(records, pictures, title=title, examples=examples)
  files.write_text(workdir / 'report.html', page)
  grids = dict(examples, mixes=pages.mixes(pictures[0]))
  for record, shown in zip(records, pictures, strict=True):
    grids[f'{record["method"]}-seed{record["seed"]}'] = pages.attacked(shown)
  for name, png in grids.items():
    path = workdir / 'pictures' / f'{name.lower().replace(" ", "-")}.png'
    files.write_bytes(path, png)
