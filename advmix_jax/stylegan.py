"""The published name of generators/stylegan.py."""

from advmix_jax.generators.stylegan import *  # noqa: F403
