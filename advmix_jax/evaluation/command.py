"""Measures how robust your classifier is to adversarial mixing.

  advmix-evaluate --model=my_model:logits --data=cells.npz \\
    --generator=generator.npz --output=runs/cells

MODEL is module:function, looked up in the current folder first. The function
gets images [B, H, W, C], floats in [0, 1], and returns logits [B, K], for any
B. A function of JAX is attacked with its gradients. Any other one gets and
returns NumPy arrays, and is attacked without; examples/ shows how PyTorch, ONNX
and Keras become functions of JAX. The module is imported, so it runs.

DATA is one of
  an .npz file with test_image, uint8 [N, H, W, C], and test_label, [N];
  a folder or zip of images with labels.csv: file,label,split, or with a folder
  for each class (the test split, a made one where none is given);
  colored_mnist or rgb_mnist, the digits that ship.

GENERATOR is the file of a StyleGAN that makes such images (train_stylegan.py);
without it, the one of coloured digits that ships; 'ideal': their exact one.
--size makes the images of a larger one smaller, --microbatch limits its memory,
--split says how many of its layers are coarse, as probe.py recommends.

A judge (--judge, of train_judge.py; coloured digits have one that ships) audits
the mixes: in the column "Audited" an error counts only where it still names the
label.

The latents of your images are found by Algorithm 1 and kept in OUTPUT/latents,
so a second call is fast. Prints the ladder of attacks with intervals and gates,
and writes report.html, report.json (with the accuracy of each class) and
per_example.csv to OUTPUT, which is for one classifier and one set of all other
flags. With --latents=OTHER/latents/....npz another OUTPUT takes the latents of
the same images from there. The last columns of
per_example.csv say which image a row is of: image, the hash of its pixels, and
source, its file or its row in the .npz file.

Exit code: 0; 1 after bad input; 3 if a gate failed: report.json then has
"valid": false, and "failed_gates" names them.

Contents: entry.
"""

import importlib
import os
import pathlib
import sys
import tempfile

import ml_collections
from absl import flags

from advmix_jax import attacks, datasets, generators
from advmix_jax.encoder import lookup, pipeline
from advmix_jax.evaluation import (
  audits,
  foreign,
  gates,
  inputs,
  leaks,
  run,
  standard,
)
from advmix_jax.runtime import cli, files, locks, run_folder

_FILES = ('report.html', 'report.json', 'per_example.csv')
_IDEAL = 'ideal'
_GENERATOR = ('size', 'split', 'microbatch')
_ATTACK = ('restarts', 'steps', 'alpha', 'eps', 'unit')


def _model(value):
  """The function that module:function names."""
  module, _, name = value.partition(':')
  if not module or not name:
    raise ValueError(f'--model is {value!r}, expected module:function')
  sys.path.insert(0, os.getcwd())
  try:
    found = getattr(importlib.import_module(module), name, None)
  except (Exception, SystemExit) as error:  # A user's module may raise any.
    kind = type(error).__name__
    raise ValueError(f'--model={value}: {kind}: {error}') from error
  if found is None:
    raise ValueError(f'--model={value}: no {name} in {module}')
  return found


def _data_config(value, resolution):
  """The data that --data names."""
  if not value:
    raise ValueError('--data is missing, expected an .npz file or a folder')
  if value in datasets.REPAINTABLE:  # Those that ship.
    return datasets.default_config(value)
  if value.endswith('.npz'):
    config = datasets.default_config('arrays')
    config.path = value
    return config
  config = datasets.default_config('folder')
  config.update(data_dir=value, resolution=resolution)
  return config


def _test_set(config, value, count):
  """The first images of the test set of `_data_config`; count 0: all."""
  found = datasets.load(config, 'test')
  if 'split: ' in found.source:
    print(f'{value}: {found.source}; its test part is evaluated')
  return datasets.first(found, count or len(found.label))


def _attack(values):
  """The standard attack, with the options that flags give; checked."""
  attack = run.default_config().attack
  given = {name: values[name].value for name in _ATTACK}
  attack.update({n: v for n, v in given.items() if v is not None})
  attacks.check_attack(attack)
  return attack


def _config(values):
  """What `lookup.load_latents` reads."""
  if values.generator == _IDEAL:
    for name in (*_GENERATOR, 'latents'):
      if values[name].value:
        raise ValueError(f'--{name} does nothing with --generator={_IDEAL}')
    config = pipeline.config_for('')
    config.generator.name = _IDEAL
    return config
  fields = {name: values[name].value for name in _GENERATOR}
  config = pipeline.config_for(values.generator, **fields)
  config.encoder.path = values.latents
  return config


def _judge_fn(values, data, num_classes):
  """The judge of the data, who audits the ladder; None: there is none."""
  if not values.ladder:
    if values.judge:
      raise ValueError('--judge audits the ladder, expected no --noladder')
    return None
  return audits.judge_fn(data, values.judge, num_classes=num_classes)


def _save(report, values, output):
  """Prints the report and writes its files."""
  try:  # A full disk does not lose what is printed, nor a pipe what is saved.
    print(report, flush=True)
  finally:
    run_folder.claim_workdir(_subject(values), output)
    report.save(output)


def _check_output(folder):
  """Raises ValueError unless OUTPUT can be made and written; makes nothing."""
  try:
    there = next(f for f in (folder, *folder.parents) if f.exists())
    tempfile.TemporaryFile(dir=there).close()
  except OSError as error:
    raise ValueError(
      f'--output={folder}: {error.strerror}, expected a folder to write to'
    ) from error
  for name in _FILES:
    files.check_output(folder / name)


def _subject(values):
  """What a report depends on: another one belongs in another folder."""
  names = ('model', 'data', 'generator', 'size', 'split', 'latents')
  names += (*_ATTACK, 'num_examples', 'seed', 'ladder')
  names += ('judge',) if values.judge else ()  # Earlier versions had none.
  return ml_collections.ConfigDict({n: values[n].value for n in names})


def _main(argv):
  del argv  # Empty: cli.run refuses arguments.
  values, output = flags.FLAGS, pathlib.Path(flags.FLAGS.output)
  _check_output(output)
  run_folder.check_workdir(_subject(values), output, option='--output')
  attack = _attack(values)
  model, config = _model(values.model), _config(values)
  if values.data:  # Else `_test_set` asks for it.
    generators.check_named(config.generator, values.data, '--generator')
  generator = generators.load(config.generator)
  made = generators.image_shape(*generator)
  data = _data_config(values.data, made[0])
  test = _test_set(data, values.data, values.num_examples)
  inputs.check_size(test.image, made)
  leaks.warn(config.generator, test.image)
  # A bad classifier fails before images are encoded.
  adapted = foreign.adapt(model, datasets.to_float(test.image[:1]))
  inputs.check_classes(test.label, adapted.num_classes)
  judge_fn = _judge_fn(values, data, adapted.num_classes)
  options = {
    'attack': attack,
    'name': values.model,
    'seed': values.seed,
    'sources': test.names,
    'batch_size': values.batch_size,
    'with_ladder': values.ladder,
    'judge_fn': judge_fn,
  }
  with locks.hold(output):  # Bad input has made no folder before.
    run_folder.check_workdir(_subject(values), output, option='--output')
    report = standard.evaluate(
      model,
      test.image,
      test.label,
      generator=generator,
      latents=lookup.load_latents(config, test, *generator, output),
      **options,
    )
    _save(report, values, output)
  print(output / _FILES[0])
  return 0 if report.valid else gates.EXIT_CODE


def entry() -> None:
  """The console command. It defines its flags here, not on import."""
  holders = [
    flags.DEFINE_string('model', '', 'module:function.'),
    flags.DEFINE_string('data', '', 'Images and labels.'),
    flags.DEFINE_string('generator', '', "The file of a StyleGAN, or 'ideal'."),
    flags.DEFINE_integer('size', 0, 'Of its images; 0: its own.', 0),
    flags.DEFINE_integer('split', 0, "Its coarse layers; 0: the file's.", 0),
    flags.DEFINE_integer('microbatch', 0, 'Images at a time; 0: all.', 0),
    flags.DEFINE_string('latents', '', 'File of finished latents.'),
    flags.DEFINE_string('output', 'runs/evaluation', 'The folder to write to.'),
    flags.DEFINE_integer(
      'num_examples', 500, 'Images to attack, from the first; 0: all.', 0
    ),
    flags.DEFINE_integer('batch_size', 100, 'Images in one call.', 1),
    flags.DEFINE_integer('seed', 0, 'Of all draws.', 0),
    flags.DEFINE_bool(
      'ladder', True, 'Run every attack; --noladder: Algorithm 2 alone.'
    ),
    flags.DEFINE_string(
      'judge', '', 'File of train_judge.py: audits the mixes; digits have one.'
    ),
    flags.DEFINE_integer('restarts', None, 'N_r; standard: 10.'),
    flags.DEFINE_integer('steps', None, 'K; standard: 5.'),
    flags.DEFINE_float('alpha', None, 'Step size; standard: 0.01.'),
    flags.DEFINE_float('eps', None, 'Radius of the ball; standard: 0.03.'),
    flags.DEFINE_string('unit', None, 'Of alpha and eps: w (standard), w_std.'),
  ]
  for holder in holders:  # So that --help shows them, after the text above.
    flags.FLAGS.register_key_flag_for_module(
      sys.argv[0], flags.FLAGS[holder.name]
    )
  sys.modules['__main__'].__doc__ = __doc__.partition('\nContents:')[0]
  cli.run(_main)


if __name__ == '__main__':
  entry()
