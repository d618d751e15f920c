"""Fields of a config that the key of a run leaves out, plan.py.

  wanted = {name: value for name, value in flat.items()
            if not key_fields.left_out(name, value)}

**A new field of any config goes into ADDED**, with the value that does what was
done before. Otherwise all records count as missing.

Contents: PATHS, MEMORY, ADDED, left_out.
"""

from typing import Any

# No result depends on where files are, or on what saves memory.
PATHS = ('data.data_dir', 'generator.path', 'encoder.path')
MEMORY = ('generator.microbatch', 'generator.remat')
# Fields that came when there were records already. With these values a run does
# what it did before, and keeps its key.
ADDED = {
  'generator.split': 0,
  'generator.size': 0,
  'network.use_noise': True,
  'network.split_bounded': False,
  'network.grey': False,
  'preset': '',
  'generator.dtype': 'float32',
  'pixel_attack.ramp_steps': 0,
}


def left_out(name: str, value: Any) -> bool:
  """Whether a key says nothing of a field with this value."""
  same = name in ADDED and value == ADDED[name]
  return name in PATHS or name in MEMORY or same
