"""The encoder, from images to latents: Algorithm 1 and what it needs."""
