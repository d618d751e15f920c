"""What a classifier gets right, clean and under perturbation."""
