"""Claims about the profile that experiments/benchmark prints."""

import importlib

import pytest
from helpers import paths


@pytest.fixture
def operations(monkeypatch):
  monkeypatch.syspath_prepend(paths.EXPERIMENTS / 'benchmark')
  return importlib.import_module('operations')


def test_time_is_shared_among_the_operations_at_work(operations):
  events = [
    (0.0, 'while.1'),  # The loop around all.
    (1.0, 'a'),
    (3.0, 'b'),
    (4.0, 'never ended'),
    (7.0, 'end: a'),
    (8.0, 'end: b'),
    (8.0, 'end: while.1'),
    (9.0, 'a'),
    (9.5, 'end: a'),
  ]
  seconds, runs = operations._spans(events)
  assert seconds == {'a': 2 + 2 + 0.5, 'b': 2 + 1}
  assert runs == {'a': 2, 'b': 1}


def test_convolutions_are_named_by_layer_and_direction(operations):
  program = '\n'.join(
    f'  %{name} = f32[1]{{0}} {kind}(%x), metadata={{op_name="{path}"}}'
    for name, kind, path in (
      ('conv.1', 'convolution', 'jit(f)/jvp(vgg)/conv1_2/conv'),
      ('conv.2', 'convolution', 'jit(f)/transpose(jvp(vgg))/conv1_2/conv'),
      ('ynn_fusion.3', 'fusion', 'while/body/jvp(fine)/b32_conv1/dot_general'),
      ('pad.4', 'fusion', 'transpose(jvp(vgg))/x/conv2_1/while/body/pad'),
      ('add.5', 'fusion', 'jit(f)/jvp(vgg)/conv1_2/add'),
      ('dot.6', 'dot', 'jvp(fine)/y/b32_conv1/style/dot_general'),
    )
  )
  assert dict(operations._operations(program)) == {
    'conv.1': 'conv1_2, forward',
    'conv.2': 'conv1_2, of input',
    'ynn_fusion.3': 'b32_conv1, forward',
    'pad.4': 'conv2_1, of weights',
  }
