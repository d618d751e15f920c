"""Turns checkpoints of other projects into portable `.npz` files.

nvlabs_pickle reads NVlabs' StyleGAN v1 pickles as data, without running
anything in them; convert maps their variables onto this project's networks.
"""
