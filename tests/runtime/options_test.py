"""Claims about runtime/options.py: numbers in range, types as declared."""

import ml_collections
import numpy as np
import pytest
from absl import flags

from advmix_jax import training
from advmix_jax.runtime import options


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('eps', float('nan'), 'a.eps is nan, expected >= 0 and <= 1e'),
    ('eps', float('inf'), 'a.eps is inf'),
    ('eps', -1e-9, 'a.eps is -1e-09'),
    ('eps', np.float64(-1), 'a.eps is -1.0'),
    ('eps', np.float64('nan'), 'a.eps is nan'),
    ('seed', 2**32, 'a.seed is 4294967296, expected >= 0 and <= 4294967295'),
    ('seed', -1, 'a.seed is -1, expected >= 0'),
    ('steps', 2**31, 'a.steps is 2147483648, expected >= 0 and <= 2147483647'),
    ('log_every', 0, 'a.log_every is 0, expected >= 1'),
    ('batch_size', 0, 'a.batch_size is 0, expected >= 1'),
    ('shares', (0.5, float('nan')), 'a.shares is nan'),
    ('fmaps', (8, 0), 'a.fmaps is 0, expected >= 1'),
    ('phase_kimg', 0.0, 'a.phase_kimg is 0.0, expected > 0'),
    ('beta2', 1.0, 'a.beta2 is 1.0, expected >= 0 and < 1'),
  ],
)
def test_numbers_out_of_range_are_named(field, value, message):
  good = {'eps': 0.1, 'steps': 0, 'seed': 2**32 - 1, 'on': False, 'name': '-1'}
  options.check(ml_collections.ConfigDict({'a': good, 'none': None}))
  bad = ml_collections.ConfigDict({'a': good | {field: value}})
  with pytest.raises(ValueError, match=message):
    options.check(bad)


def test_a_seed_flag_is_in_range():
  values = flags.FlagValues()
  flags.DEFINE_integer('seed', 0, '', flag_values=values)
  values(['script', f'--seed={2**32 - 1}'])
  options.check_flags(values)
  values(['script', f'--seed={2**32}'])
  with pytest.raises(ValueError, match='--seed is 4294967296, expected at'):
    options.check_flags(values)


def test_the_defaults_of_a_run_are_in_range():
  options.check(training.default_config())


DEFAULT = ml_collections.ConfigDict(
  {'a': {'on': False, 'n': 1, 'x': 0.5, 's': 'b', 't': (), 'maybe': None}}
)


def test_values_of_a_file_take_the_types_of_the_defaults():
  values = {'a': {'x': 1, 't': [1, 2.5], 'maybe': 0.1}, 'old': '/../..'}
  found = options.fill(DEFAULT, values, ignore=True)
  want = {'on': False, 'n': 1, 'x': 1.0, 's': 'b', 't': (1, 2.5), 'maybe': 0.1}
  assert found.to_dict() == {'a': want}
  assert DEFAULT.a.x == 0.5
  with pytest.raises(ValueError, match='unknown option old'):
    options.fill(DEFAULT, values)
  nested = {'a': {'x': 1, 'old': 2}}
  assert options.fill(DEFAULT, nested, ignore=True).to_dict()['a']['x'] == 1
  with pytest.raises(ValueError, match='unknown option a.old'):
    options.fill(DEFAULT, nested)


@pytest.mark.parametrize(
  ('field', 'value'),
  [
    *(('on', x) for x in (1, '/../..', None, [])),
    *(('n', x) for x in (True, 1.0, '1', None, {})),
    *(('x', x) for x in (True, '1', None, float('nan'))),
    pytest.param('x', 10**400, id='x-huge'),
    *(('s', x) for x in (1, None, ['a'], {'b': 1})),
    *(('t', x) for x in ('a', 1, ['a'], [[1]], None)),
    *(('maybe', x) for x in ('a', True, [])),
  ],
)
def test_values_of_another_type_are_named(field, value):
  with pytest.raises(ValueError, match=rf'f\.a\.{field} is ') as e:
    options.fill(DEFAULT, {'a': {field: value}}, 'f')
  assert '\n' not in str(e.value)
  with pytest.raises(ValueError, match='f.a is 3, expected a dict'):
    options.fill(DEFAULT, {'a': 3}, 'f')
