"""The converter's commands, and a picture of what they convert."""

import numpy as np
from helpers import nvlabs_fixture, paths
from processes import programs

from advmix_jax.generators import stylegan
from checkpoints_convert import convert


def test_commands(tmp_path):
  source, target = tmp_path / 'a.pkl', tmp_path / 'a.npz'
  source.write_bytes(nvlabs_fixture.dumps(nvlabs_fixture.critic()))
  module, script = (
    ['-m', 'checkpoints_convert.convert'],
    paths.ROOT / 'checkpoints_convert',
  )
  result = programs.run(*module, f'--input={source}', '--inspect')
  assert result.returncode == 0 and 'num_channels = 3' in result.stdout
  assert '4x4/Dense0/weight                float32 [96, 10]' in result.stdout
  assert sorted(tmp_path.iterdir()) == [source]
  arguments = [f'--input={source}', f'--output={target}']
  result = programs.run(script / 'convert.py', *arguments, '--network=D')
  assert result.returncode == 0 and 'CC BY-NC 4.0' in result.stdout
  discriminator, params = stylegan.load_discriminator(target)
  images = np.zeros((1, 16, 16, 3), 'f4')
  assert discriminator.apply(params, images).shape == (1,)
  source.write_bytes(b'\x80\x02cos\nsystem\n.')
  result = programs.run(*module, *arguments)
  assert result.returncode == 1 and result.stderr.count('\n') == 1
  assert "global 'os.system' is not allowed" in result.stderr


def test_a_grid_is_drawn(tmp_path):
  source, target = tmp_path / 'a.pkl', tmp_path / 'a.npz'
  source.write_bytes(nvlabs_fixture.dumps(nvlabs_fixture.generator(labels=2)))
  convert.convert_file(source, target)
  picture = tmp_path / 'grid.png'
  arguments = (f'--checkpoint={target}', f'--output={picture}')
  for label in (1, -1):  # Given, and drawn by each seed.
    result = programs.run_script(
      *('generate.py', *arguments, f'--label={label}'),
      *('--seeds=0,1', '--mix_seeds=5-7'),
    )
    assert '64x48 pixels' in result.stdout, result.stderr
  assert picture.read_bytes().startswith(b'\x89PNG')
  source.write_bytes(nvlabs_fixture.dumps(nvlabs_fixture.generator()))
  convert.convert_file(source, target)  # Without classes.
  result = programs.run_script('generate.py', *arguments, '--label=1')
  assert result.returncode == 1
  assert '--label=1, expected -1: it has no classes' in result.stderr
