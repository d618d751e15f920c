"""AdvMix on faces without a real face: a table and one HTML page.

  python experiments/demo_faces.py
  python experiments/demo_faces.py --attribute=Wearing_Lipstick

The generator that ships draws faces, so their latents are known and nothing is
encoded. The judge that ships, trained on real faces, says who smiles
(--attribute); half of the faces do. Then each method trains a classifier on
1,600 of these faces and is attacked on 200 others, by mixing the fine latents.
So this shows the method at work on images of this generator; it says nothing of
real faces. The same command again goes on where the last one stopped.
"""

import pathlib
import time

import jax
from absl import flags

try:
  import comparison

  from advmix_jax import datasets, generators
  from advmix_jax.evaluation import attributes, drawn
  from advmix_jax.report import pages, tables
  from advmix_jax.runtime import cli, files, locks, shipped
except ModuleNotFoundError as error:
  raise SystemExit(
    f'demo_faces.py: error: {error}; run `make install` or `pip install -e .` '
    "in the project's root, and use that Python."
  ) from None

ROOT = pathlib.Path(__file__).resolve().parent.parent

CONFIG = cli.define_config(__file__, 'configs/drawn_faces.py')
WORKDIR = flags.DEFINE_string(
  'workdir', '', 'Folder of the run; default: runs/faces-<attribute>.'
)
ATTRIBUTE = flags.DEFINE_string('attribute', 'Smiling', 'What to classify.')
METHODS = flags.DEFINE_list(
  'methods', ['nominal', 'randmix', 'advmix'], 'Rows of the table.'
)
JUDGE = flags.DEFINE_string(
  'judge', str(shipped.DATA / 'face_judge.npz'), 'Who labels the faces.'
)
NUM_TRAIN = flags.DEFINE_integer(
  'num_train', 1600, 'Faces to train on.', lower_bound=1
)
NUM_TEST = flags.DEFINE_integer('num_test', 400, 'Others.', lower_bound=1)
SEED = flags.DEFINE_integer('seed', 0, 'Of faces and training.', lower_bound=0)


def _draw(workdir, config):
  """Draws the faces, unless an earlier call did; sets their paths."""
  judge = attributes.load(JUDGE.value)
  config.data.path = str(workdir / 'faces.npz')
  config.encoder.path = str(workdir / 'latents.npz')
  made_by = {
    'generator': files.file_hash(generators.path(config.generator)),
    'judge': files.file_hash(JUDGE.value),
    'attribute': ATTRIBUTE.value,
    'num_train': NUM_TRAIN.value,
    'num_test': NUM_TEST.value,
    'seed': SEED.value,
  }
  if not _is_there(workdir, made_by):
    files.write_json(workdir / 'faces.json', made_by)  # Claims the folder.
    generator, params = generators.load(config.generator)
    faces = drawn.draw(
      jax.random.key(SEED.value),
      generator,
      params,
      judge,
      ATTRIBUTE.value,
      count=NUM_TRAIN.value + NUM_TEST.value,
    )
    drawn.save(
      faces,
      config.data.path,
      config.encoder.path,
      num_test=NUM_TEST.value,
      metadata=made_by,
    )


def _is_there(workdir, made_by):
  """Whether an earlier call drew these very faces.

  Raises:
    ValueError: It drew others.
  """
  path, data = workdir / 'faces.json', workdir / 'faces.npz'
  if not path.exists():
    if data.exists():
      raise ValueError(f'{data}: is not of this demo; expected a new --workdir')
    return False
  if path.read_text() != files.json_text(made_by):
    raise ValueError(
      f'{workdir}: holds faces of other options; expected a new --workdir'
    )
  return data.exists() and (workdir / 'latents.npz').exists()


def _examples(config):
  """A picture of the faces, {heading: PNG}."""
  data = datasets.load(config.data, 'train')
  grid = pages.examples(
    data.image[:200], data.label[:200], num_classes=2, rows=8
  )
  return {f'Drawn faces, without and with {ATTRIBUTE.value}': grid}


def main(argv: list[str]) -> None:
  """Draws the faces, runs what is missing, writes the report."""
  del argv  # cli.run has refused any.
  started = time.monotonic()
  comparison.check(METHODS.value, [SEED.value])  # Before faces are drawn.
  comparison.check_config(
    {
      'seed': '--seed',
      'method': '--methods',
      'data.path': '--workdir, where faces are drawn',
      'encoder.path': '--workdir, where their latents are',
    }
  )
  name = f'faces-{ATTRIBUTE.value}'
  workdir = pathlib.Path(WORKDIR.value or ROOT / 'runs' / name)
  config = CONFIG.value.copy_and_resolve_references()
  with locks.hold(workdir):
    _draw(workdir, config)
  records, pictures = comparison.run_all(
    config, workdir, METHODS.value, [SEED.value]
  )
  comparison.write(
    workdir,
    records,
    pictures,
    title=f'AdvMix on drawn faces: {ATTRIBUTE.value}',
    examples=_examples(config),
  )
  minutes = (time.monotonic() - started) / 60
  print(f'\n{tables.markdown_table(records)}')
  print(f'{minutes:.1f} minutes; pictures: {workdir}/report.html')


if __name__ == '__main__':
  cli.run(main)
