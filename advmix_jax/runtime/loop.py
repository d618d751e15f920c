"""The training loop shared by classifiers, generators, encoders and judges.

  plan = loop.Plan(name='train', description='train advmix', steps=785,
                   log_every=10, save_every=157)
  state = loop.run(workdir, state, step_fn, plan)

`step_fn(step, state)` does one step, numbered from 0, and returns the new state
and a record {name: scalar}. It must be a pure function of its arguments: then
a run that was killed and resumed gives the same bits as an uninterrupted run.

The loop restores the newest checkpoint, shows progress, writes the means of the
records to metrics.jsonl and TensorBoard, checks that the means are finite and
saves checkpoints. On SIGTERM it saves one more checkpoint and exits, and keeps
the records since the last line: the next run writes the line of all steps.

Contents: Record, StepFn, Plan, run, seconds_so_far.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from advmix_jax.runtime import (
  checkpoints,
  files,
  metrics,
  preemption,
  untrusted,
)

Record = dict[str, jax.Array]  # {name: scalar}
_UNFINISHED = 'unfinished_line.json'  # Records of a stop between two lines.
StepFn = Callable[[int, Any], tuple[Any, Record]]


class Plan(NamedTuple):
  """Length of a training, and how often it logs and saves."""

  name: str  # Metrics are named '<name>/<metric>'.
  description: str  # Text of the progress bar.
  steps: int  # In total, with the steps before a resume.
  log_every: int  # Steps per line of metrics.jsonl.
  save_every: int  # Steps per checkpoint.
  unit: str = 'step'  # What the progress bar counts.
  per_step: int = 1  # Units per step.
  hint: str = ''  # Advice in the error if a metric is not finite.


def run(
  workdir: str | os.PathLike,
  state: Any,
  step_fn: StepFn,
  plan: Plan,
  *,
  after_fn: Callable[[int, Any], None] | None = None,
) -> Any:
  """Runs the steps that follow the newest checkpoint in WORKDIR.

  Args:
    workdir: The run's folder, with checkpoints/, metrics.jsonl, tensorboard/.
    state: The state before step 0, a nested tuple or dict of arrays; the newest
      checkpoint replaces it.
    step_fn: (step, state) -> (state, record).
    plan: Length, and periods of logging and saving.
    after_fn: Called as after_fn(steps done, state) after each step, for example
      to write pictures. It comes before the step's checkpoint, so that a kill
      between the two repeats it and does not lose it.

  Returns:
    The final state, which has been saved.

  Raises:
    ValueError: A metric or the state is not finite (the checkpoints before it
      are kept), no checkpoint in WORKDIR fits `state`, or the newest one has
      more steps than the plan.
  """
  manager = checkpoints.make_manager(workdir)
  first, state = _restored(manager, state, plan)
  before = seconds_so_far(workdir, plan.name) - time.monotonic()
  pending = _read_unfinished(workdir, first)
  metrics.truncate(workdir, first - bool(pending))
  with (
    metrics.writer(workdir) as write,
    _bar(plan, first - len(pending)) as bar,
    preemption.saving(),
  ):
    for step in range(first, plan.steps):
      state, record = step_fn(step, state)
      pending.append(record)
      done = step + 1
      stop_now = preemption.asked(done, every=plan.log_every)
      save_now = done == plan.steps or not done % plan.save_every
      log_now = save_now or not done % plan.log_every
      if stop_now and not log_now:
        _save_unfinished(workdir, done, pending)
      if stop_now or log_now:
        means = _finite_means(pending, done, plan, manager)
        write(done, _named(plan, means, before + time.monotonic()))
        _show(bar, plan, len(pending), means)
        pending = []
      if after_fn is not None:
        after_fn(done, state)
      if stop_now or save_now:
        _check_finite(state, done, plan, manager)
        checkpoints.save(manager, done, state)
      if stop_now:
        preemption.stop()
  return state


def _restored(manager: Any, state: Any, plan: Plan) -> tuple[int, Any]:
  """Steps done and the state after them, of the newest checkpoint if any."""
  first, state = checkpoints.restore(manager, state) or (0, state)
  if first > plan.steps:
    raise ValueError(
      f'{manager.directory}: {plan.name} has done {first} steps, expected at '
      f'most the {plan.steps} that are asked for'
    )
  return first, state


def _save_unfinished(
  workdir: str | os.PathLike, step: int, records: list[Record]
) -> None:
  """Keeps the records since the last line, in their bits."""
  arrays = [{k: np.asarray(v) for k, v in r.items()} for r in records]
  kept = [
    {k: [v.dtype.name, v.item()] for k, v in record.items()}
    for record in arrays
  ]
  path = pathlib.Path(workdir) / _UNFINISHED
  files.write_json(path, {'step': step, 'records': kept})


def _read_unfinished(workdir: str | os.PathLike, step: int) -> list[Record]:
  """What `_save_unfinished` kept up to that step; [] if nothing.

  A stop that was killed before it had its checkpoint has kept more steps.
  """
  path = pathlib.Path(workdir) / _UNFINISHED
  if not path.is_file():
    return []
  records = []

  def add(found):
    records.extend(
      {k: np.asarray(value, dtype) for k, (dtype, value) in record.items()}
      for record in found['records'][: max(0, step - _before(found))]
      if step <= found['step']
    )

  try:
    untrusted.read_json(path, 'not the records of a stopped run', add)
  except ValueError as error:  # Of one line of metrics.jsonl alone.
    print(f'warning: {error}; a line has fewer steps', file=sys.stderr)
    return []
  return records


def _before(found):
  """The step of the line before the records of an unfinished one."""
  return found['step'] - len(found['records'])


def _bar(plan: Plan, first: int) -> Any:
  return metrics.progress(
    description=plan.description,
    total=plan.steps * plan.per_step,
    initial=first * plan.per_step,
    unit=plan.unit,
  )


def _show(bar: Any, plan: Plan, steps: int, means: dict[str, float]) -> None:
  """Advances the progress bar, which shows the first two metrics."""
  shown = [f'{name} {value:.3f}' for name, value in list(means.items())[:2]]
  bar.set_postfix_str(', '.join(shown), refresh=False)
  bar.update(steps * plan.per_step)


def _named(
  plan: Plan, means: dict[str, float], seconds: float
) -> dict[str, float]:
  values = means | {'wall_seconds': seconds}
  return {f'{plan.name}/{name}': value for name, value in values.items()}


def _finite_means(
  records: list[Record], done: int, plan: Plan, manager: Any
) -> dict[str, float]:
  """Means over the latest steps; ValueError if one is not finite.

  A metric may be missing from some of the records.
  """
  names = dict.fromkeys(name for record in records for name in record)
  means = {
    name: float(np.mean([r[name] for r in records if name in r]))
    for name in names
  }
  for name, value in means.items():
    if not np.isfinite(value):
      first = done - len(records) + 1
      raise ValueError(
        f'{plan.name}: the {name} is {value} in steps {first}..{done}; '
        f'{_last_good(plan, manager)}'
      )
  return means


def _check_finite(state: Any, done: int, plan: Plan, manager: Any) -> None:
  """Raises ValueError rather than save a state with NaN or infinity.

  The loss of a step is that before its update, which may still overflow.
  """
  if not all(map(_is_finite, jax.tree.leaves(state))):
    raise ValueError(
      f'{plan.name}: numbers of the state are not finite after step {done}; '
      f'{_last_good(plan, manager)}'
    )


def _is_finite(leaf):
  kind = leaf.dtype if hasattr(leaf, 'dtype') else np.result_type(leaf)
  return not jnp.issubdtype(kind, jnp.inexact) or np.isfinite(leaf).all()


def _last_good(plan, manager):
  step = manager.latest_step()
  good = 'none yet' if step is None else f'step {step}'
  return (
    f'the last good checkpoint, {good}, is kept in {manager.directory}'
    f'{plan.hint and "; "}{plan.hint}'
  )


def seconds_so_far(workdir: str | os.PathLike, name: str) -> float:
  """Training time in seconds before this process resumed the run.

  Args:
    workdir: The run's folder.
    name: `Plan.name` of the training.
  """
  records = metrics.read(workdir)
  return records[-1].get(f'{name}/wall_seconds', 0.0) if records else 0.0
