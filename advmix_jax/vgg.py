"""The published name of encoder/perceptual.py."""

from advmix_jax.encoder.perceptual import *  # noqa: F403
