"""AdvMix in JAX and Haiku: adversarial mixing with disentangled latents.

Reproduces Gowal et al., "Achieving Robustness in the Wild via Adversarial
Mixing with Disentangled Representations", CVPR 2020, arXiv:1912.03192.
README.md says how to run it, WORKSPACE.md where things are.

These names are the public API; everything else may change:

  default_config      ('celeba') -> the config of a run on that data set
  load_dataset        (config.data, 'train' or 'test') -> Dataset
  load_generator      (config.generator) -> Generator, its parameters
  load_classifier     (path) -> Classifier, its parameters
  encode              (images, config) -> latents, errors: Algorithm 1
  attack              (rng, logits_fn, batch, generator, params, attack=...)
                      -> AttackResult, which images stay clean: Algorithm 2
  evaluate            (logits_fn, images, labels, generator=...) -> Report:
                      any classifier, on the ladder of attacks
  train_and_evaluate  (config, workdir) -> results, JSON values
  METHODS             {name: builder}, what `config.method` may be
  stylegan, vgg       StyleGAN v1, and the perceptual network
  configure_cpu       () faster XLA on a CPU; call it before JAX's first use
"""

from advmix_jax import stylegan, vgg
from advmix_jax.attacks import algorithm2 as attack
from advmix_jax.classifiers import Classifier
from advmix_jax.classifiers import load as load_classifier
from advmix_jax.datasets import load as load_dataset
from advmix_jax.encoder.pipeline import encode
from advmix_jax.evaluation.standard import Report, evaluate
from advmix_jax.generators import load as load_generator
from advmix_jax.methods import METHODS
from advmix_jax.runtime.cpu import configure as configure_cpu
from advmix_jax.training import default_config, train_and_evaluate
from advmix_jax.types import (
  AttackResult,
  Batch,
  Dataset,
  Examples,
  Generator,
  Method,
)

__version__ = '0.1.0'

__all__ = [
  'AttackResult',
  'Batch',
  'Classifier',
  'Dataset',
  'Examples',
  'Generator',
  'METHODS',
  'Method',
  'Report',
  'attack',
  'configure_cpu',
  'default_config',
  'encode',
  'evaluate',
  'load_classifier',
  'load_dataset',
  'load_generator',
  'stylegan',
  'train_and_evaluate',
  'vgg',
]
