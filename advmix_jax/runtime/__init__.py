"""Devices, processes, files, checkpoints and the command line."""
