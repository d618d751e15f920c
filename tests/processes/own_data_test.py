"""docs/own-data.md, its commands as written, on a small made folder."""

import json
import shlex

import numpy as np
from helpers import compiling, made_images, paths
from PIL import Image
from processes import programs

# Everything smaller: the commands are what is tested.
_SIZE = '--config.data.resolution=32'
_ENCODER = (
  '--config.encoder.steps=1',
  '--config.encoder.start_steps=1',
  '--config.encoder.perceptual_weight=0',
  '--config.encoder.mixing_weight=0',
  '--config.encoder.batch_size=8',  # One program for both parts.
)
_SMALL = {
  'train_stylegan.py': (
    _SIZE,
    '--config.preset=',
    '--config.network.fmaps=(8, 8, 4, 4)',
    '--config.network.latent_size=8',
    '--config.network.mapping_fmaps=8',
    '--config.gan.kimg=0.064',
    '--config.gan.decay_kimg=0',
    '--config.gan.start_resolution=0',
    '--config.gan.batch_size=8',
    '--config.gan.r1_interval=1',  # One program for all steps.
  ),
  'train_judge.py': (_SIZE, '--epochs=1'),
  'probe.py': ('--num_mixes=20',),
  'train_encoder.py': (
    _SIZE,
    '--config.inversion.widths=(4, 4, 4)',
    '--config.inversion.hidden=8',
    '--config.inversion.sample_steps=2',
    '--config.inversion.steps=2',
    '--config.inversion.batch_size=4',
    *_ENCODER,
  ),
  'train.py': (
    _SIZE,
    *_ENCODER,
    '--config.classifier.name=linear',
    '--config.optimizer.epochs=1',
    '--config.eval.num_examples=4',
    '--config.eval.batch_size=4',
    '--config.eval.attack.restarts=1',
    '--config.eval.attack.steps=1',
  ),
}


def _commands(name):
  """The commands of a document, as lists of words."""
  text = (paths.ROOT / name).read_text()
  lines = text.replace('\\\n', ' ').splitlines()
  return [shlex.split(x) for x in lines if x.startswith('    python ')]


def test_the_readme_has_the_three_commands_that_end_in_a_report():
  tutorial, readme = _commands('docs/own-data.md'), _commands('README.md')
  asked = ('experiments/train_judge.py', 'experiments/probe.py')
  three = [command for command in tutorial if command[1] not in asked]
  assert len(three) == 3 and all(command in readme for command in three)


def _write_birds(folder):
  for name in ('owl', 'crow'):
    (folder / name).mkdir(parents=True)
    for i in range(20):
      image = made_images.picture(i + 100 * (name == 'owl'), 40, 36)
      Image.fromarray(image).save(folder / name / f'{i}.png')


def test_the_tutorial_leads_from_a_folder_to_a_report(tmp_path):
  _write_birds(tmp_path / 'birds')
  outputs = {}
  for _, script, *options in _commands('docs/own-data.md'):
    name = script.removeprefix('experiments/')
    done = programs.run(
      paths.ROOT / script,
      *options,
      *_SMALL[name],
      cwd=tmp_path,
      XDG_CACHE_HOME=str(tmp_path / 'cache'),
      XLA_FLAGS=compiling.FASTEST,
    )
    assert done.returncode == 0, done.stderr
    outputs[name] = done.stdout
  assert list(outputs) == list(_SMALL)
  runs = tmp_path / 'runs' / 'birds'
  results = json.loads((runs / 'advmix' / 'results.json').read_text())
  # Of 20 images of each class: 2 to validate, 4 to test.
  assert results['num_train'] == 28 and results['num_test'] == 8
  assert 'split: 10% validation' in results['data_source']
  assert (runs / 'advmix' / 'report.html').stat().st_size > 1000
  # The latents of the second command served: nothing was encoded again.
  assert 'encoding' not in outputs['train.py']
  assert not (runs / 'advmix' / 'latents').exists()
  record = json.loads((runs / 'probe.json').read_text())
  assert record['names'] == ['class'] and len(record['answers'][0]) <= 2
  assert np.isfinite(record['change']).all()
  # Each of two answers would need 20 of the 20 pairs.
  assert 'so nothing can be said' in outputs['probe.py']
