"""What a classifier gets right, clean and under perturbation.

run: the evaluation of a run. measures: what becomes of each image. outcomes:
records per image, and the accuracies they add up to. gates: is an evaluation
sound? leaks: test images that training has seen. judge and disentanglement:
audits of labels and of generators.
"""
