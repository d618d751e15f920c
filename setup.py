"""Packaging of advmix_jax: `pip install -e .[dev]`, or simply `make test`.

Ranges are pinned from below, at versions the tests have run with. Python 3.11
resolves to jax 0.10, later ones to a newer jax without 3.11. The tests of
`make check` have passed with jax 0.12.0.1 on Python 3.13, too.
"""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).resolve().parent


def read_version():
  """Returns the version string written in advmix_jax/__init__.py."""
  text = (ROOT / 'advmix_jax' / '__init__.py').read_text()
  return re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE).group(1)


setuptools.setup(
  name='advmix_jax',
  version=read_version(),
  description='AdvMix (arXiv:1912.03192) in JAX and Haiku.',
  long_description=(ROOT / 'README.md').read_text(),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  python_requires='>=3.11',
  packages=setuptools.find_packages(
    include=['advmix_jax', 'advmix_jax.*', 'checkpoints_convert']
  ),
  package_data={
    'advmix_jax': ['data/*'],
    'advmix_jax.report': ['templates/*'],
  },
  entry_points={
    'console_scripts': [
      'advmix-convert = checkpoints_convert.convert:entry',
      'advmix-convert-vgg = checkpoints_convert.convert_vgg:entry',
      'advmix-evaluate = advmix_jax.evaluation.command:entry',
    ]
  },
  install_requires=[
    'absl-py>=2.1',
    'chex>=0.1.90',
    'dm-haiku>=0.0.16',
    'filelock>=3.12',
    'jinja2>=3.1',
    'jax>=0.10',
    'jaxlib>=0.10',
    'matplotlib>=3.9',
    'ml-collections>=1.0',
    'numpy>=2.0',
    'optax>=0.2.5',
    'orbax-checkpoint>=0.11.30',
    'pillow>=11.0',
    'scipy>=1.14',
    'tensorboardX>=2.6.2',
    'tqdm>=4.66',
  ],
  extras_require={
    'dev': [
      'h5py>=3.10',
      'hypothesis>=6.100',
      'import-linter>=2.0',
      'pytest>=8.0',
      'pytest-xdist>=3.6',
      'ruff>=0.8',
    ],
    'keras': ['h5py>=3.10'],  # Reading Keras' weights of VGG-16.
    # Preparing MNIST needs TensorFlow; tfds 4.9.10 does not declare
    # importlib_resources, which it imports.
    'tfds': [
      'importlib_resources>=6.0',
      'tensorflow>=2.18',
      'tensorflow-datasets>=4.9.7',
    ],
    # What examples/ use; none of it is needed by the package.
    'flax': ['flax>=0.12'],
    'keras3': ['keras>=3.10'],
    'notebook': ['ipykernel>=6.29', 'nbclient>=0.10', 'nbformat>=5.10'],
    'onnx': ['jaxonnxruntime>=0.3.0', 'onnx>=1.18'],
    'torch': ['torch>=2.6', 'torch2jax>=0.1.0'],
    'cuda': ['jax[cuda12]>=0.10'],
    'tpu': ['jax[tpu]>=0.10'],
  },
)
