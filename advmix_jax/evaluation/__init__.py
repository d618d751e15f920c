"""What a classifier gets right, clean and under perturbation.

run: the evaluation of a run. gates: checks of an evaluation. measures: what becomes of each image. outcomes:
records per image, and the accuracies they add up to. judge and
disentanglement: audits of labels and of generators.
"""
