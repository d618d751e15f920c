"""From images to latents: Algorithm 1 and what it needs.

algorithm1: the descent. learned_start: where it starts. perceptual: the
activations it compares. pipeline: from a config and images to a file of
latents. latents_file: that file. lookup: the latents of a data set. shards:
finished batches on disk.
"""
