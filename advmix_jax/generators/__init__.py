"""Generators: StyleGAN v1, exact ones, mixing of latents, GAN training."""
