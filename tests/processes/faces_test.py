"""The demo on drawn faces, as typed, with few faces and a linear classifier."""

import json

import numpy as np
from helpers import compiling
from processes import programs

from advmix_jax.runtime import files

SMALL = (
  '--num_train=24',
  '--num_test=12',
  '--methods=randmix',
  '--config.classifier.name=linear',
  '--config.optimizer.batch_size=8',
  '--config.optimizer.epochs=1',
  '--config.eval.num_examples=4',
  '--config.eval.batch_size=4',
  '--config.eval.attack.restarts=1',
  '--config.eval.attack.steps=1',
)


def _demo(workdir, *options):
  return programs.run(
    *('experiments/demo_faces.py', f'--workdir={workdir}', *SMALL, *options),
    XLA_FLAGS=compiling.FASTEST,
  )


def test_the_demo_draws_faces_trains_and_reports(tmp_path):
  workdir = tmp_path / 'faces'
  process = _demo(workdir)
  assert process.returncode == 0, process.stderr
  assert 'RandMix' in process.stdout and 'report.html' in process.stdout
  (line,) = (workdir / 'records.jsonl').read_text().splitlines()
  record = json.loads(line)
  assert record['num_train'] == 24 and record['num_test'] == 12
  shown, _ = files.load_npz(workdir / 'randmix' / 'pictures.npz')
  image, again = (
    shown['images'][kind].astype(int) for kind in ('image', 'reconstruction')
  )
  assert np.abs(image - again).max() <= 1  # The latents are known.
  pictures = sorted(p.name for p in (workdir / 'pictures').iterdir())
  assert pictures == [
    'drawn-faces,-without-and-with-smiling.png',
    'mixes.png',
    'randmix-seed0.png',
  ]

  other = _demo(workdir, '--attribute=Young')
  assert other.returncode == 1
  assert 'holds faces of other options' in other.stderr
