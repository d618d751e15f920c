"""How often several processes exchange whether one received a signal."""

import itertools

import jax
import pytest

from advmix_jax.runtime import hosts, preemption


@pytest.mark.parametrize(
  ('seconds', 'steps'),
  [
    (0.001, 62),  # After `every` steps at the latest.
    (0.1, 15),
    (0.5, 3),  # Well before the program is ended, after SECONDS.
    (5.0, 1),
  ],
)
def test_slow_steps_exchange_often_and_fast_ones_seldom(
  seconds, steps, monkeypatch
):
  clock, exchanges = [0.0], []

  def largest(values):
    exchanges.append(clock[0])
    return values

  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  monkeypatch.setattr(hosts, 'largest', largest)
  monkeypatch.setattr(preemption.time, 'monotonic', lambda: clock[0])
  with preemption.saving():
    for step in range(101, 500):  # A resumed run.
      clock[0] += seconds
      assert not preemption.asked(step, every=62)
  gaps = [b - a for a, b in itertools.pairwise(exchanges)]
  assert gaps == pytest.approx([seconds * steps] * len(gaps), rel=0.07)
  assert len(gaps) > 2


def test_a_signal_in_another_process_counts(monkeypatch):
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  monkeypatch.setattr(hosts, 'largest', lambda values: [1.0, values[1]])
  with preemption.saving():
    assert preemption.asked(7, every=62)
