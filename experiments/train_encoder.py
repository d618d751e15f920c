"""Trains what Algorithm 1 leans on: perceptual network and learned start.

  python experiments/train_encoder.py --generator=generator.npz \
    --output_dir=advmix_jax/data

Writes features.npz and judge.npz, unless the folder or the project has them,
and encoder.npz, which belongs to the generator, so it is always made anew. For
a generator of one's own the output folder is that of the generator.
"""

import pathlib

import jax
from absl import flags

try:
  from advmix_jax import (
    cli,
    datasets,
    encoding,
    inversion,
    judge,
    stylegan,
    vgg,
  )
except ModuleNotFoundError as error:
  raise SystemExit(
    f'train_encoder.py: error: {error}; run `make install` or `pip install -e '
    ".` in the project's root, and use that Python."
  ) from None

CONFIG = cli.define_config(__file__, 'configs/encoder.py')
GENERATOR = flags.DEFINE_string(
  'generator', str(encoding.DATA / 'generator.npz'), 'The generator to invert.'
)
OUTPUT_DIR = flags.DEFINE_string(
  'output_dir', str(encoding.DATA), 'Where the three files go.'
)


def main(argv: list[str]) -> None:
  """Makes the files that are missing, and the learned start."""
  del argv  # cli.run has refused any.
  config, output = CONFIG.value, pathlib.Path(OUTPUT_DIR.value)
  generator, params = stylegan.load(GENERATOR.value)
  provenance = {'config': config.to_dict()}
  train = datasets.load(config.data, 'train')
  rngs = jax.random.split(jax.random.key(config.seed))
  if not encoding.features_path(output).exists():
    digits = datasets.load_digits(
      config.data.source,
      'train',
      data_dir=config.data.data_dir,
      limit=config.data.num_train,
    )
    trunk = vgg.train(rngs[0], digits, config=config.features)
    vgg.save(output / 'features.npz', trunk, provenance)
  if not judge.SHIPPED.exists():
    judge.save(output / 'judge.npz', judge.train(train), provenance)
  start = inversion.train(
    rngs[1],
    train.image,
    generator=stylegan.clipped(generator, towards=True),
    generator_params=params,
    features_fn=vgg.load(encoding.features_path(output)),
    config=config.inversion,
    encoder_config=config.encoder,
  )
  provenance['generator'] = encoding.fingerprint(GENERATOR.value)
  inversion.save(output / 'encoder.npz', start, provenance)
  print(f'{output / "encoder.npz"}: inverts {GENERATOR.value}')


if __name__ == '__main__':
  cli.run(main)
