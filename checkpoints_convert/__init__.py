"""Turns checkpoints of other projects into portable `.npz` files.

nvlabs_pickle reads NVlabs' StyleGAN v1 pickles as data, without running
anything in them; convert maps their variables onto this project's networks.
torch_file does the same for PyTorch's state dicts; convert_vgg makes VGG-16 the
perceptual network of Algorithm 1.
"""
