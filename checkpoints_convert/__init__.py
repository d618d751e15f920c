"""Turns checkpoints of other projects into portable `.npz` files.

nvlabs_pickle reads NVlabs' StyleGAN v1 pickles as data, without running any
code in them; convert maps their variables to this project's networks.
torch_file reads PyTorch's state dicts in the same way; convert_vgg turns VGG-16
into the perceptual network of Algorithm 1.
"""
