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
  from advmix_jax.datasets import colored_mnist as datasets
  from advmix_jax.encoder import learned_start, perceptual, pipeline
  from advmix_jax.evaluation import judge
  from advmix_jax.generators import stylegan
  from advmix_jax.runtime import cli, files
except ModuleNotFoundError as error:
  raise SystemExit(
    f'train_encoder.py: error: {error}; run `make install` or `pip install -e '
    ".` in the project's root, and use that Python."
  ) from None

CONFIG = cli.define_config(__file__, 'configs/encoder.py')
GENERATOR = flags.DEFINE_string(
  'generator', str(pipeline.DATA / 'generator.npz'), 'The generator to invert.'
)
OUTPUT_DIR = flags.DEFINE_string(
  'output_dir', str(pipeline.DATA), 'Where the three files go.'
)


def main(argv: list[str]) -> None:
  """Makes the files that are missing, and the learned start."""
  del argv  # cli.run has refused any.
  config, output = CONFIG.value, pathlib.Path(OUTPUT_DIR.value)
  generator, params = stylegan.load(GENERATOR.value)
  provenance = {'config': config.to_dict()}
  train = datasets.load(config.data, 'train')
  rngs = jax.random.split(jax.random.key(config.seed))
  if not pipeline.features_path(output).exists():
    digits = datasets.load_digits(
      config.data.source,
      'train',
      data_dir=config.data.data_dir,
      limit=config.data.num_train,
    )
    trunk = perceptual.train(rngs[0], digits, config=config.features)
    perceptual.save(output / 'features.npz', trunk, provenance)
  if not judge.SHIPPED.exists():
    judge.save(output / 'judge.npz', judge.train(train), provenance)
  start = learned_start.train(
    rngs[1],
    train.image,
    generator=stylegan.clipped(generator, towards=True),
    generator_params=params,
    features_fn=perceptual.load(pipeline.features_path(output)),
    config=config.inversion,
    encoder_config=config.encoder,
  )
  provenance['generator'] = files.file_hash(GENERATOR.value)
  learned_start.save(output / 'encoder.npz', start, provenance)
  print(f'{output / "encoder.npz"}: inverts {GENERATOR.value}')


if __name__ == '__main__':
  cli.run(main)
