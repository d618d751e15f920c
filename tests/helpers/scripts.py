"""Scripts of experiments/ as modules, whose flags are plain values.

  script = scripts.load('probe', monkeypatch, SIZE=64)
  script.main([])

Contents: load.
"""

import importlib
import sys
import types

from absl import flags

from helpers import paths


def _plain(flag, value):
  """What stands for a flag, which absl forgets."""
  name, default = flag.name, flag.default
  delattr(flags.FLAGS, name)
  return types.SimpleNamespace(name=name, value=value, default=default)


def load(name, monkeypatch, **values):
  """Imports a script anew; its flags have their defaults, or these values.

  absl knows a name once in a process, and scripts share names. So the flags are
  taken from absl again; the module keeps what has a `value`.

  Args:
    name: of the script, without '.py'.
    monkeypatch: of pytest.
    **values: of flags, by the names of their constants.
  """
  monkeypatch.syspath_prepend(paths.EXPERIMENTS)
  monkeypatch.delitem(sys.modules, name, raising=False)
  module = importlib.import_module(name)
  for constant, flag in list(vars(module).items()):
    if isinstance(flag, flags.FlagHolder):
      value = values.pop(constant, flag.default)
      setattr(module, constant, _plain(flag, value))
    elif isinstance(flag, dict):  # Of evaluate.py.
      for name, inner in flag.items():
        if isinstance(inner, flags.FlagHolder):
          flag[name] = _plain(inner, inner.default)
  assert not values, f'{name} has no {list(values)}'
  return module
