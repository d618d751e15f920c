"""Trains what Algorithm 1 needs beside a generator: the learned start.

  python experiments/train_encoder.py --generator=runs/stylegan/generator.npz

A generator of larger images than the data set needs `--config.generator.size`,
and other fields of config.generator, as the classifiers' configs do.

Writes encoder.npz, which belongs to this very generator (face_encoder.npz to a
face_generator.npz), to the generator's own folder, where every other script
looks for it, or else to --output_dir. With --encode=train,test it then encodes
these images, to latents_train.npz and latents_test.npz there, which all methods
share. The same command resumes what was stopped.
"""

import pathlib

import jax
import ml_collections
from absl import flags

try:
  from advmix_jax import datasets, generators
  from advmix_jax.datasets import image_hash, splits
  from advmix_jax.encoder import (
    algorithm1,
    latents_file,
    learned_start,
    lookup,
    perceptual,
    pipeline,
  )
  from advmix_jax.generators import stylegan
  from advmix_jax.report import fit
  from advmix_jax.runtime import (
    cli,
    files,
    locks,
    options,
    run_folder,
    shipped,
    untrusted,
  )
except ModuleNotFoundError as error:
  raise SystemExit(
    f'train_encoder.py: error: {error}; run `make install` or `pip install -e '
    ".` in the project's root, and use that Python."
  ) from None

CONFIG = cli.define_config(__file__, 'configs/encoder.py')
GENERATOR = flags.DEFINE_string(
  'generator', str(shipped.DATA / 'generator.npz'), 'The generator to invert.'
)
OUTPUT_DIR = flags.DEFINE_string(
  'output_dir',
  '',
  "Where the learned start goes; default: the generator's folder.",
)
WORKDIR = flags.DEFINE_string(
  'workdir',
  '',
  "The run's folder; default: runs/encoder-<the generator's hash>.",
)
ENCODE = flags.DEFINE_list(
  'encode', [], 'Parts of the data set to encode, e.g. train,test.'
)


def _start(rng, workdir, output, config, dataset):
  """Trains the learned start of the generator."""
  generator, params = generators.load_stylegan(_named(config))
  shape = dataset.image.shape[1:]
  generators.check_shape(
    generator,
    params,
    shape,
    why='as the data set has',
    option='--config.generator.size',
  )
  learned_start.check(config.inversion, shape[0])
  features_fn = perceptual.load(config.encoder.features)
  run_folder.claim_workdir(config, workdir, image_hash.data_hash(dataset))
  run_folder.claim_file(workdir, 'generator', GENERATOR.value)
  start = learned_start.train(
    rng,
    dataset.image,
    workdir,
    generator=stylegan.clipped(generator, towards=True),
    generator_params=params,
    features_fn=features_fn,
    config=config.inversion,
    encoder_config=config.encoder,
  )
  metadata = {
    'config': config.to_dict(),
    'generator': files.file_hash(GENERATOR.value),
  }
  learned_start.save(output, start, metadata)


def _named(config):
  """The section of the generator, with its path."""
  named = config.generator.copy_and_resolve_references()
  named.path = GENERATOR.value
  return named


def _setting(config):
  """What Algorithm 1 needs, with the start that has just been trained."""
  sections = {'generator': _named(config), 'encoder': config.encoder}
  return pipeline.load_setting(
    ml_collections.ConfigDict(sections | {'parallel': 'pmap'})
  )


def _latents_path(output, split):
  return output / f'latents_{split}.npz'


def _check_latents(path, config):
  """Raises ValueError for latents of another generator, split or size."""
  if not path.exists():
    return
  found = latents_file.load_metadata(path)
  if found.get('generator') != files.file_hash(GENERATOR.value):
    raise ValueError(
      f'{path}: latents of another generator, which --encode would '
      'overwrite; expected a folder for each generator'
    )
  changed = pipeline.changed(_named(config))
  for name in ('split', 'size'):
    theirs, ours = found.get(name, 0), changed.get(name, 0)
    if theirs != ours:
      raise ValueError(
        f'{path}: latents of generator.{name}={theirs} (now {ours}), which '
        '--encode would overwrite; copy the generator to another folder, and '
        'give another --workdir'
      )


def _images(config, split):
  """One part of the data set, without mirror images."""
  data = config.data.copy_and_resolve_references()
  if 'mirror' in data:
    data.mirror = False  # Classifiers see each image once.
  return datasets.load(data, split).image


def _encode(setting, config, output, split):
  """Writes the latents of one part of the data set beside the generator."""
  images = _images(config, split)
  path = _latents_path(output, split)
  if lookup.made_as(path, images, setting.provenance):
    print(f'{path}: has the latents of {len(images)} images already')
    return
  _, errors = pipeline.encode_to_file(setting, images, path)
  print(f'{path}: latents of {len(images)} images')
  print(fit.histogram(errors))


def _check_flags(config):
  """Raises ValueError for a generator that is not named, or a bad part."""
  if config.generator.path:
    raise ValueError(
      '--config.generator.path does nothing here, expected --generator='
      f'{config.generator.path}'
    )
  untrusted.check_file(GENERATOR.value, '--generator=')
  home = pathlib.Path(GENERATOR.value).resolve().parent
  if home == shipped.DATA.resolve() and not OUTPUT_DIR.value:
    raise ValueError(
      f'--output_dir is missing: {GENERATOR.value} ships, and its learned '
      'start would be overwritten; expected --generator of your own'
    )
  if unknown := [s for s in ENCODE.value if s not in splits.SPLITS]:
    raise ValueError(
      f'--encode has {unknown[0]!r}, expected some of {splits.SPLITS}'
    )


def main(argv: list[str]) -> None:
  """Trains the learned start of one generator."""
  del argv  # cli.run has refused any.
  config, home = CONFIG.value, pathlib.Path(GENERATOR.value).parent
  output = pathlib.Path(OUTPUT_DIR.value or home)
  options.check(config)
  algorithm1.check(config.encoder)
  _check_flags(config)
  path = output / pipeline.start_name(GENERATOR.value)
  files.check_output(path, GENERATOR.value)
  if ENCODE.value and output.resolve() != home.resolve():
    raise ValueError(
      f'--output_dir is {output}, expected the folder of {GENERATOR.value}, '
      f'where --encode and all other scripts look for {path.name}'
    )
  for split in ENCODE.value:
    _check_latents(_latents_path(output, split), config)
    _images(config, split)  # A part that is missing fails before the training.
  name = f'encoder-{files.file_hash(GENERATOR.value)[:8]}'
  root = pathlib.Path(__file__).resolve().parent.parent
  workdir = pathlib.Path(WORKDIR.value or root / 'runs' / name)
  run_folder.check_workdir(config, workdir)  # Before anything long.
  run_folder.claim_file(workdir, 'generator', GENERATOR.value, note=False)
  dataset = datasets.load(config.data, 'train')
  rng = jax.random.split(jax.random.key(config.seed))[1]
  with locks.hold(workdir):
    _start(rng, workdir, path, config, dataset)
  print(f'{path}: inverts {GENERATOR.value}')
  setting = _setting(config) if ENCODE.value else None
  for split in ENCODE.value:
    _encode(setting, config, output, split)


if __name__ == '__main__':
  cli.run(main)
