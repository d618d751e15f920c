"""Claims about runtime/hosts.py within one process."""

import socket

import pytest

from advmix_jax.runtime import hosts


def test_bad_addresses_are_one_line():
  with pytest.raises(ValueError, match='--num_processes=2 .* need'):
    hosts.initialize('', 2, 0)
  with pytest.raises(ValueError, match='--process_id is 2, expected 0 to 1'):
    hosts.initialize('localhost:1', 2, 2)
  for address in ('localhost', ':1', 'localhost:', 'localhost:x', 'a:65536'):
    for index in (0, 1):
      with pytest.raises(ValueError, match=f"'{address}', expected HOST:PORT"):
        hosts.initialize(address, 2, index)


def test_an_address_where_nobody_answers_is_named():
  with socket.socket() as free:  # Bound, but it does not listen.
    free.bind(('localhost', 0))
    address = f'localhost:{free.getsockname()[1]}'
    with pytest.raises(ValueError, match=f'{address}: nobody answers'):
      hosts._wait_for(address, seconds=0.3)
    free.listen()
    assert hosts._wait_for(address, seconds=0.3) is None


def test_an_error_of_the_first_process_is_one_of_all(monkeypatch):
  """The flags of two processes, of which this one is the first or the other."""

  def refuse():
    raise ValueError('in use')

  done = []
  hosts.in_first(lambda: done.append(1), 'the folder')
  assert done == [1]
  with pytest.raises(ValueError, match='in use'):
    hosts.in_first(refuse, 'the folder')
  monkeypatch.setattr(hosts, 'is_first', lambda: False)
  monkeypatch.setattr(hosts, 'largest', lambda flags: [1.0])
  with pytest.raises(ValueError, match='the folder: see the error of'):
    hosts.in_first(refuse, 'the folder')
  monkeypatch.setattr(hosts, 'largest', lambda flags: flags)
  hosts.in_first(refuse, 'the folder')  # Not called here.
