"""Measures the encoder on validation images, never on test images.

  python experiments/measure_encoder.py --config.data.data_dir=mnist
  python experiments/measure_encoder.py --config=configs/celeba.py \
    --config.data.data_dir=celeba --config.generator.path=faces/generator.npz
  python experiments/measure_encoder.py --config.data.data_dir=mnist \
    --config.encoder.steps=50 --config.encoder.start=average
  python experiments/measure_encoder.py --config.data.data_dir=mnist \
    --ablation=all --output=runs/encoder.jsonl

Encodes images of the validation part, from --first on. Of digits: training
digits from 10,000 on, which no shipped network was trained on, from MNIST's
four IDX files in config.data.data_dir. Prints one JSON object per setting:
errors of reconstructions, how often the judge names the label in mixes of the
encoded images, and for digits how often colour follows the fine latents. The
judge is --judge, or the one that ships; for digits it is colour-blind. With
--drawn the images are the generator's own, which tells an encoder that finds
too little from a generator that cannot draw real images. With --ablation, every
setting of `SETTINGS` (or those that are named, with commas) is measured, digits
in biased and in unbiased colours; those that --output holds already are not
repeated. At the end a table of the records is printed.
"""

import contextlib
import itertools
import json
import pathlib
import time

import jax
from absl import flags

from advmix_jax import datasets, generators, types
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import Digits, load_digits
from advmix_jax.encoder import algorithm1, pipeline
from advmix_jax.evaluation import (
  attributes,
  audits,
  digit_generators,
  drawn,
  encoded,
  judge,
)
from advmix_jax.report import statistics
from advmix_jax.runtime import cli, files, locks, run_folder, untrusted

CONFIG = cli.define_config(__file__, 'configs/colored_mnist.py')
FIRST = flags.DEFINE_integer(
  'first',
  None,
  'First image to encode; default: 0, of digits 10,000.',
  lower_bound=0,
)
NUM = flags.DEFINE_integer('num', 300, 'How many images.', lower_bound=2)
COLORS = flags.DEFINE_list(
  'colors', 'unbiased,biased', 'Which colours; for digits.'
)
DRAWN = flags.DEFINE_bool(
  'drawn',
  False,
  'Encode images that the generator draws and of whose label the judge is '
  'sure. What these lose is lost by the encoder; what only real images lose, '
  'by the generator, which cannot draw them. For data with an attribute.',
)
JUDGE = flags.DEFINE_string(
  'judge', '', 'From train_judge.py, for faces or classes; default: what ships.'
)
ABLATION = flags.DEFINE_list('ablation', '', "Names of settings, or 'all'.")
OUTPUT = flags.DEFINE_string('output', '', 'A file of records to extend.')

# Changes of config.encoder: start, steps on pixels, β, steps.
SETTINGS = {
  name: {
    'start': start,
    'start_steps': pixels,
    'mixing_weight': beta,
    'steps': steps,
  }
  | more
  for name, start, pixels, beta, steps, more in (
    ('average_beta0_100', 'average', 0, 0.0, 100, {}),
    ('average_beta0.2_100', 'average', 0, 0.2, 100, {}),
    ('learned_0', 'network', 0, 0.0, 0, {}),
    ('learned_beta0_10', 'network', 0, 0.0, 10, {}),
    ('learned_beta0.2_10', 'network', 0, 0.2, 10, {}),
    ('learned_beta0.2_20', 'network', 0, 0.2, 20, {}),
    ('pixels10_0', 'network', 10, 0.0, 0, {}),
    ('pixels_0', 'network', 50, 0.0, 0, {}),
    ('pixels200_0', 'network', 200, 0.0, 0, {}),
    ('pixels_beta0_5', 'network', 50, 0.0, 5, {}),
    ('pixels_beta0_10', 'network', 50, 0.0, 10, {}),
    ('pixels_beta0.2_5', 'network', 50, 0.2, 5, {}),
    ('pixels_beta0.2_10', 'network', 50, 0.2, 10, {}),
    ('pixels_beta0.2_20', 'network', 50, 0.2, 20, {}),
    ('pixels_beta0.2_10_sum', 'network', 50, 0.2, 10, {'distance': 'sum'}),
    ('average_beta0.2_100_sum', 'average', 0, 0.2, 100, {'distance': 'sum'}),
  )
}


def _has_digits(config):
  return config.data.name in colored_mnist.NAMES


def _first(config):
  """The index of the first image."""
  usual = 10_000 if _has_digits(config) else 0
  return usual if FIRST.value is None else FIRST.value


def _digits(config, colors: str) -> types.Dataset:
  """Validation digits: those of the training split from --first on.

  Raises:
    ValueError: They are red, green and blue, which nothing here measures, or
      `colors` are unknown.
  """
  if config.data.name == 'rgb_mnist':
    raise ValueError(
      "config.data.name is 'rgb_mnist', expected 'colored_mnist' for digits"
    )
  if colors not in ('biased', 'unbiased'):
    raise ValueError(f"colors are {colors!r}, expected 'biased', 'unbiased'")
  kept = slice(_first(config), _first(config) + NUM.value)
  found = load_digits(
    'idx', 'train', data_dir=config.data.data_dir, limit=kept.stop
  )
  part = Digits(found.image[kept], found.label[kept], 'idx')
  return colored_mnist.make(
    part,
    sigma=config.data.sigma,
    seed=config.data.seed,
    biased=colors == 'biased',
  )


def _drawn(config):
  """Images that the generator draws, half of them with the attribute.

  Raises:
    ValueError: the label is no attribute, or the judge is hardly ever sure.
  """
  if 'attribute' not in config.data:
    raise ValueError('drawn is True, expected data with an attribute for it')
  generator, params = generators.load(config.generator)
  path = JUDGE.value or audits.face_judge(config.data.resolution)
  found = drawn.draw(
    jax.random.key(config.seed),
    generator,
    params,
    attributes.load(path),
    config.data.attribute,
    count=NUM.value,
  )
  return types.Dataset(found.image, found.label, 2, {}, 'drawn')


def _dataset(config, colors):
  """The images to encode; `colors` is '' for all but digits.

  Raises:
    ValueError: there are fewer.
  """
  first, num = _first(config), NUM.value
  if DRAWN.value:
    return _drawn(config)
  if _has_digits(config):
    found = _digits(config, colors)
  else:
    found = datasets.load(config.data, 'valid')
    kept = slice(first, first + num)
    found = found._replace(image=found.image[kept], label=found.label[kept])
  if len(found.image) < num:
    raise ValueError(
      f'num is {num}, expected at most {len(found.image)}, the number of '
      f'validation images from {first} on'
    )
  return found


def _judge_fn(config, num_classes=0):
  """The judge of the data, or of --judge.

  Raises:
    ValueError: none ships, and none is given; it knows other classes.
  """
  found = audits.judge_fn(config.data, JUDGE.value, num_classes=num_classes)
  if found is None:
    raise ValueError('judge is missing, expected a file from train_judge.py')
  return found


def _made_with(config):
  """What else a record depends on: seed, judge, and data without folders."""
  path = judge.SHIPPED if _has_digits(config) else JUDGE.value
  path = path or audits.face_judge(config.data.resolution)
  data = {'data': run_folder.plain(config)['data']}
  return {
    'seed': config.seed,
    'judge_sha256': files.file_hash(path),
    'data': run_folder.digest(run_folder.without_folders(data)),
  }


def _measure(config, dataset, judge_fn):
  """The record of one setting on these images."""
  style = None
  if _has_digits(config):
    style = digit_generators.style_of(config.data.name)
  setting = pipeline.load_setting(config)
  begin = time.time()
  latents, _ = algorithm1.encode(
    dataset.image,
    generator=setting.generator,
    generator_params=setting.params,
    features_fn=setting.features_fn,
    config=setting.config,
    start_fn=setting.start_fn,
    rng=jax.random.key(config.seed),
    kind=setting.parallel,
  )
  seconds = time.time() - begin
  record = encoded.measure(
    jax.random.key(config.seed),
    setting.generator,
    setting.params,
    judge_fn,
    style,
    dataset=dataset,
    latents=latents,
  )
  return {'seconds': round(seconds, 1)} | record


_HEAD = """
| setting | colours | error | label in reconstructions | label in mixes with \
samples | colour follows | label in mixes of images | colour follows |
|---|---|---|---|---|---|---|---|"""


def _row(record):
  """One line of the table: shares in percent."""

  def percent(part, name):
    if name not in record[part]:
      return '-'
    share, (low, high) = record[part][name]
    return statistics.percent(share, low, high)

  cells = [
    record['setting'] + (', drawn' if 'drawn' in record else ''),
    record['colors'] or '-',
    f'{record["squared_error"]["mean"]:.4f}',
    percent('reconstructions', 'names_label'),
    percent('sample_mixes', 'names_label'),
    percent('sample_mixes', 'style_follows'),
    percent('image_mixes', 'names_label'),
    percent('image_mixes', 'style_follows'),
  ]
  return f'| {" | ".join(cells)} |'


def _settings():
  """(name, changes of config.encoder) of each setting to measure."""
  names = list(SETTINGS) if ABLATION.value == ['all'] else ABLATION.value
  unknown = sorted(set(names) - set(SETTINGS))
  if unknown:
    raise ValueError(f'ablation is {unknown}, expected all or {[*SETTINGS]}')
  return [(name, SETTINGS[name]) for name in names] or [('config', {})]


def _read(path):
  """The records of a file; [] where there is none yet."""
  if not path.name or not path.exists():
    return []
  with untrusted.reading(path, 'not the records of this script'):
    lines = path.read_text(encoding='utf-8').splitlines()
    found = [untrusted.parse_json(line) for line in lines]
    for record in found:
      _row(record)
    return found


def _is_of(record, key):
  """Whether a record is that of a key."""
  return key.items() <= record.items() and DRAWN.value == ('drawn' in record)


def _wanted(config):
  """(first fields of its record, config) of everything that is asked for."""
  every = COLORS.value if _has_digits(config) else ('',)
  shared = _made_with(config)
  for (name, changes), colors in itertools.product(_settings(), every):
    changed = config.copy_and_resolve_references()
    changed.encoder.update(changes)
    key = {'setting': name, 'colors': colors, 'first': _first(config)}
    key |= {'num_images': NUM.value, 'made_by': pipeline.provenance(changed)}
    key |= {'drawn': True} if DRAWN.value else {}
    yield key | shared, changed


def _measure_all(config, path):
  """Adds the missing records to those of a file, if any; returns all."""
  records = _read(path)
  _judge_fn(config)  # It is there.
  missing = [
    (key, changed)
    for key, changed in _wanted(config)
    if not any(_is_of(record, key) for record in records)
  ]
  needed = dict.fromkeys(key['colors'] for key, _ in missing)
  parts = {colors: _dataset(config, colors) for colors in needed}
  for dataset in parts.values():  # Of the same classes.
    judge_fn = _judge_fn(config, dataset.num_classes)
    judge_fn(dataset.image[:1])  # Of this size, before anything long.
  for key, changed in missing:
    records.append(key | _measure(changed, parts[key['colors']], judge_fn))
    print(json.dumps(records[-1]), flush=True)
    if path.name:
      text = ''.join(json.dumps(r) + '\n' for r in records)
      files.write_text(path, text)
  return records


def main(argv: list[str]) -> None:
  """Prints and stores the records, then the table."""
  del argv  # cli.run has refused any.
  path = pathlib.Path(OUTPUT.value)
  held = contextlib.nullcontext()
  if OUTPUT.value:
    files.check_output(path)
    held = locks.hold(path.with_name(f'{path.name}.lock'))
  with held:
    records = _measure_all(CONFIG.value, path)
  print(_HEAD, *map(_row, records), sep='\n')


if __name__ == '__main__':
  cli.run(main)
