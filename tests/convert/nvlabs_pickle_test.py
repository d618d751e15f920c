"""The pickle reader: fixtures of every protocol, and a malicious corpus."""

import collections
import copyreg
import io
import os
import pickle
import struct
import subprocess
import tracemalloc
import zipfile

import numpy as np
import pytest
from helpers import nvlabs_fixture

from checkpoints_convert import nvlabs_pickle


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_every_protocol_gives_the_same_arrays(protocol):
  made = nvlabs_fixture.generator()
  data = nvlabs_fixture.dumps(made, protocol)
  (network,) = nvlabs_pickle.loads(data).values()
  assert network.name == 'Gs' and network.build_func_name == 'G_style'
  assert network.static_kwargs == made.state['static_kwargs']
  for key, part in made.state['components'].items():
    found = network.components[key].variables
    assert list(found) == [name for name, _ in part.state['variables']]
    for name, value in part.state['variables']:
      np.testing.assert_array_equal(found[name], value)
      assert found[name].dtype == np.float32


@pytest.mark.parametrize('new', [b'numpy.core', b'numpy._core'])
def test_old_and_new_names_of_numpy_are_read(new):
  data = nvlabs_fixture.dumps(nvlabs_fixture.critic(), 2)
  old = b'numpy._core' if b'numpy._core' in data else b'numpy.core'
  (network,) = nvlabs_pickle.loads(data.replace(old, new)).values()
  assert network.variables['4x4/Conv/weight'].shape == (3, 3, 7, 6)


def _text(value):
  return b'U' + bytes([len(value)]) + value


def _number(value):
  return b'J' + struct.pack('<i', value)


def _dtype(kind=b'f4', state=None):
  """A dtype as numpy pickles it; `state` replaces what BUILD is given."""
  plain = b'(K\x03' + _text(b'<') + b'NNN' + _number(-1) * 2 + b'K\x00t'
  return (
    b'cnumpy\ndtype\n'
    + _text(kind)
    + b'\x89\x88\x87R'
    + (state or plain)
    + b'b'
  )


def _array(shape, data, dtype=None):
  """An array; `shape` and `data` are opcodes."""
  start = b'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n'
  state = b'(K\x01' + shape + (dtype or _dtype()) + b'\x89' + data + b't'
  return start + b'K\x00\x85' + _text(b'b') + b'\x87R' + state + b'b'


def _file(value=None, kwargs=b'}', more=b'', tail=b''):
  """A protocol-2 file of one network with one variable, as opcodes."""
  value = _array(b'K\x01\x85', _text(bytes(4))) if value is None else value
  state = b'}(' + _text(b'version') + b'K\x03' + _text(b'name') + _text(b'N')
  state += _text(b'static_kwargs') + kwargs
  state += _text(b'variables') + b'](' + _text(b'x') + value + b'\x86e'
  new = b'cdnnlib.tflib.network\nNetwork\n)\x81'
  return b'\x80\x02' + new + state + more + b'ub' + tail + b'.'


def test_text_of_python_2_is_read():
  values = np.arange(4, dtype='f4')
  data = b'T' + struct.pack('<i', 16) + values.tobytes()
  networks = nvlabs_pickle.loads(_file(_array(b'K\x02K\x02\x86', data)))
  found = networks['N'].variables['x']
  np.testing.assert_array_equal(found, values.reshape(2, 2))


def test_a_tuple_of_three_is_named_by_its_places():
  three = (nvlabs_fixture.critic(),) * 3
  networks = nvlabs_pickle.loads(nvlabs_fixture.dumps(three))
  assert list(networks) == ['G', 'D', 'Gs']


class _Call:
  """Pickles as the call of a function."""

  def __init__(self, function, *arguments):
    self.call = function, arguments

  def __reduce__(self):
    return self.call


class _State(_Call):
  """Pickles as a call and a state for BUILD."""

  def __reduce__(self):
    return (*self.call, {'__setstate__': os.system})


def _dump(value, protocol=4):
  return pickle.dumps(value, protocol)


def _within(value):
  """The value as a variable of a network that is otherwise fine."""
  made = nvlabs_fixture.network('D', 'D_basic', {}, {'x': value})
  return nvlabs_fixture.dumps(made)


def _zip():
  file = io.BytesIO()
  with zipfile.ZipFile(file, 'w') as archive:
    archive.writestr('archive/data.pkl', _dump(_Call(os.system, 'touch bad')))
  return file.getvalue()


def _copies():
  """One long text, encoded again and again."""
  long = b'X' + struct.pack('<I', 2**16) + b'a' * 2**16 + b'q\x00'
  one = b'c_codecs\nencode\nh\x00' + _text(b'latin1') + b'\x86R'
  return b'\x80\x02](' + long + one * 1000 + b'e.'


_TOUCH = _Call(os.system, 'touch bad')
_BIG = struct.pack('<Q', 10 * 2**30)
_HUGE = _number(2**30) + b'K\x0a\x86'
CORPUS = {
  'os.system': (_dump(_TOUCH), 'system'),
  'os.system, protocol 2': (_dump(_TOUCH, 2), 'system'),
  'os.system, protocol 5': (_dump(_TOUCH, 5), 'system'),
  'in a network': (_within(_TOUCH), 'system'),
  'subprocess': (_dump(_Call(subprocess.call, ['touch', 'bad'])), 'subprocess'),
  'eval': (_dump(_Call(eval, 'open("bad", "w")')), 'builtins.eval'),
  'exec': (_dump(_Call(exec, 'open("bad", "w")')), 'builtins.exec'),
  'open': (_dump(_Call(open, 'bad', 'w')), 'open'),
  'import': (_dump(_Call(__import__, 'os')), '__import__'),
  'getattr chain': (
    _dump(_Call(getattr, _Call(getattr, str, 'join'), '__call__')),
    'builtins.getattr',
  ),
  'nested REDUCE': (_dump(_Call(np.dtype, _Call(eval, '1'))), 'eval'),
  'REDUCE of data': (b'\x80\x02' + _text(b'os.system') + b')R.', 'REDUCE'),
  'REDUCE of a network': (
    b'\x80\x02cdnnlib.tflib.network\nNetwork\n)R.',
    'must not be called',
  ),
  'setstate in a state': (_dump(_State(collections.deque)), 'deque'),
  'setstate of a network': (
    _file(more=_text(b'__setstate__') + b'cos\nsystem\n'),
    'os.system',
  ),
  'slots state': (_file(tail=b'N}' + _text(b'x') + b'K\x01s\x86b'), 'no dict'),
  'BUILD twice': (_file(tail=b'}b'), 'twice'),
  'BUILD of a global': (b'\x80\x02cnumpy\ndtype\n}b.', 'BUILD of a Global'),
  'NEWOBJ': (b'\x80\x02cnumpy\nndarray\n)\x81.', 'NEWOBJ'),
  'NEWOBJ with arguments': (
    b'\x80\x02cdnnlib.tflib.network\nNetwork\nK\x01\x85\x81.',
    'NEWOBJ',
  ),
  'NEWOBJ_EX': (b'\x80\x04cnumpy\nndarray\n)}\x92.', 'NEWOBJ_EX'),
  'INST': (b'\x80\x02(ios\nsystem\n.', 'INST'),
  'OBJ': (b'\x80\x02(cnumpy\ndtype\no.', 'OBJ'),
  'EXT1': (b'\x80\x02\x82\x01.', 'EXT1'),
  'EXT2': (b'\x80\x02\x83\x01\x00.', 'EXT2'),
  'EXT4': (b'\x80\x02\x84\x01\x00\x00\x00.', 'EXT4'),
  'copyreg': (
    _dump(_Call(copyreg.add_extension, 'os', 'system', 9)),
    'copyreg',
  ),
  'object array': (_within(np.array([_TOUCH], object)), 'O8'),
  'object dtype': (
    _file(_array(b'K\x01\x85', _text(bytes(8)), _dtype(b'O8'))),
    'O8',
  ),
  'structured dtype': (_within(np.zeros(2, [('a', 'f4')])), 'V4'),
  'fields of a dtype': (
    _file(_array(b'K\x01\x85', b'N', _dtype(state=b'(K\x03U\x01<N}}t'))),
    'fields',
  ),
  'metadata of a dtype': (
    _within(np.zeros(2, np.dtype('f4', metadata={'a': 1}))),
    'metadata',
  ),
  'dtype of a name': (
    _dump(_Call(np.dtype, 'float32,object')),
    'float32,object',
  ),
  'big-endian dtype': (_within(np.zeros(2, '>f4')), "byte order '>'"),
  'times': (_within(np.zeros(2, 'M8[s]')), 'M8'),
  'persistent id': (b'\x80\x02Pos.system\n.', 'PERSID'),
  'binary persistent id': (b'\x80\x02K\x01Q.', 'BINPERSID'),
  'torch zip': (_zip(), 'byte 0'),
  '10 GB shape': (_file(_array(_HUGE, _text(bytes(4)))), 'needs 42949672960'),
  '10 GB of bytes': (b'\x80\x04\x8e' + _BIG + b'abc.', 'byte 2'),
  '10 GB of bytearray': (b'\x80\x05\x96' + _BIG + b'abc.', 'byte 2'),
  '10 GB of text': (b'\x80\x04\x8d' + _BIG + b'abc.', 'byte 2'),
  'negative shape': (_file(_array(_number(-1) + b'\x85', b'N')), 'bytes'),
  'many copies': (_copies(), 'more copies'),
  'deep recursion': (b'\x80\x02)' + b'\x85' * 150_000 + b'.', 'holds a tuple'),
  'many steps': (b'\x80\x02' + b'N' * 300_000 + b'.', 'opcodes'),
  'list in itself': (b'\x80\x02]q\x00h\x00a.', 'holds a list'),
  'network in itself': (
    _file(more=_text(b'components') + b'}' + _text(b'c') + b'h\x00s').replace(
      b'\x81}', b'\x81q\x00}', 1
    ),
    'a component that has components',
  ),
  'tuple as a key': (b'\x80\x02})' + b'\x85' * 9 + b'Ns.', 'a key of type'),
  'kwarg that is no value': (_file(kwargs=b'}' + _text(b'k') + b'}s'), "'k'"),
  'numpy.load': (_dump(_Call(np.load, 'bad')), 'numpy.load'),
  'dotted name': (
    b'\x80\x04\x8c\x05numpy\x8c\x0adtype.type\x93.',
    "'numpy.dtype.type'",
  ),
  'name of two lines': (
    b'\x80\x04\x8c\x02os\x8c\x08sys\n\rtem\x93.',
    r"'os.sys\n\rtem'",
  ),
  'harmless class': (_dump(collections.OrderedDict(a=1)), 'OrderedDict'),
  'out-of-band buffer': (b'\x80\x05\x97.', 'NEXT_BUFFER'),
  'frozenset': (b'\x80\x04(\x91.', 'FROZENSET'),
  'text number': (b'\x80\x02I' + b'9' * 5000 + b'\n.', 'byte 2'),
  'no mark': (b'\x80\x02t.', 'no mark'),
  'no memo': (b'\x80\x02h\x07.', 'memo 7'),
  'empty stack': (b'\x80\x02\x85.', 'stack is empty'),
  'below the mark': (b'\x80\x02N(\x85.', 'stack is empty'),
  'two values': (b'\x80\x02NN.', 'stack is not empty'),
  'protocol 0': (_dump(_TOUCH, 0), 'byte 0'),
  'protocol 6': (b'\x80\x06N.', 'protocol 6'),
  'unknown opcode': (b'\x80\x02\xff.', 'unknown'),
  'empty file': (b'', 'nothing'),
  'text file': (b'import os', 'byte 0'),
}


def _refuse(data, expected):
  """Asserts a refusal in one line, without much memory."""
  tracemalloc.start()
  try:
    with pytest.raises(ValueError) as caught:
      nvlabs_pickle.loads(data)
    peak = tracemalloc.get_traced_memory()[1]
  finally:
    tracemalloc.stop()
  message = str(caught.value)
  assert expected in message and len(message) < 400
  assert len(message.splitlines()) == 1 and message.isprintable()
  # Some machinery, and for one byte at most one object on the stack.
  assert peak < 2**21 + 80 * len(data)


@pytest.mark.parametrize('name', CORPUS)
def test_malice_is_refused_without_effect(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  _refuse(*CORPUS[name])
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('tenth', range(10))
def test_a_cut_file_is_refused(tenth):
  data = nvlabs_fixture.dumps(nvlabs_fixture.critic())
  _refuse(data[: len(data) * tenth // 10], 'byte')


def test_any_changed_byte_is_refused_or_stays_data():
  data = bytearray(_file())
  for at in range(len(data)):
    for value in (0, ord('.'), ord('R'), ord('c'), 255):
      changed = bytes(data[:at]) + bytes([value]) + bytes(data[at + 1 :])
      try:
        networks = nvlabs_pickle.loads(changed)
      except ValueError:
        continue
      for network in networks.values():
        assert isinstance(network, nvlabs_pickle.Network)


def test_a_file_is_named_in_its_error(tmp_path):
  path = tmp_path / 'a.pkl'
  with pytest.raises(FileNotFoundError, match='a.pkl: no such file'):
    nvlabs_pickle.load(path)
  path.write_bytes(b'\x80\x02\x82\x01.')
  with pytest.raises(ValueError, match=r'a\.pkl: refused at byte 2: .*EXT1'):
    nvlabs_pickle.load(path)


def test_python_would_have_run_the_corpus(tmp_path, monkeypatch):
  """The corpus bites: the same bytes have effect in Python's unpickler."""
  monkeypatch.chdir(tmp_path)
  pickle.loads(CORPUS['os.system'][0])
  assert (tmp_path / 'bad').exists()
