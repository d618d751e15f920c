"""Gives each of several processes its own cores.

  parts = cores.parts(2)
  cores.give(process.pid, parts[0])

Programs of XLA have a thread for each core that they may use, and these wait
by spinning. So two of them on the same cores slow each other down by far more
than half (docs/performance.md); each on its own cores, they do not.

Contents: parts, give.
"""

import contextlib
import os
from collections.abc import Sequence


def parts(count: int) -> list[Sequence[int]]:
  """The cores that this process may use, in `count` parts.

  Returns:
    `count` parts, of the same number of cores but for one more in the first
    ones. Empty parts, which `give` leaves out, where there is one process only,
    where there are fewer cores than processes, or where the system cannot say.
  """
  if not hasattr(os, 'sched_getaffinity'):  # macOS and Windows.
    return [()] * count
  cores = sorted(os.sched_getaffinity(0))
  if not 1 < count <= len(cores):
    return [()] * count
  cuts = [-(-i * len(cores) // count) for i in range(count + 1)]
  return [cores[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]


def give(pid: int, part: Sequence[int]) -> None:
  """Lets a process use these cores only, before it starts its threads."""
  if part:
    with contextlib.suppress(ProcessLookupError):  # It has ended.
      os.sched_setaffinity(pid, part)
