"""AdvMix in JAX and Haiku: adversarial mixing with disentangled latents.

Reproduces Gowal et al., "Achieving Robustness in the Wild via Adversarial
Mixing with Disentangled Representations", CVPR 2020, arXiv:1912.03192.
Start with README.md (how to run it) and WORKSPACE.md (where things are).
"""

__version__ = '0.1.0'
