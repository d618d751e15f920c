"""Claims about runtime/cpu.py: flags of the user are kept."""

import os

from advmix_jax.runtime import cpu


def test_flags_that_are_there_are_kept(monkeypatch):
  monkeypatch.setenv('XLA_FLAGS', '--xla_force_host_platform_device_count=2')
  cpu.spread_convolutions()
  first, *rest = os.environ['XLA_FLAGS'].split()
  assert first == '--xla_force_host_platform_device_count=2'
  assert cpu.spread_convolutions() is False and len(rest) <= 1
  monkeypatch.setenv('XLA_FLAGS', 'file_of_flags')
  assert cpu.spread_convolutions() is False
  assert os.environ['XLA_FLAGS'] == 'file_of_flags'
