"""A classifier of your own images: command 3 of docs/own-data.md.

  python experiments/train.py --config=configs/folder.py \
    --config.data.data_dir=birds \
    --config.generator.path=runs/birds/generator.npz \
    --workdir=runs/birds/advmix

`configs/folder.py:arrays` reads `--config.data.path=cells.npz`. The attack is
that of the paper: N_r = 5 restarts in training and 10 in evaluation.
"""

import ml_collections

from advmix_jax import training


def get_config(source: str = 'folder') -> ml_collections.ConfigDict:
  """Returns the config of a classifier; `source` is a name of data sets."""
  config = training.default_config(source)
  config.optimizer.epochs = 20
  return config
