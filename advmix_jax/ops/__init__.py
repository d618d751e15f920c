"""Fast array primitives: convolutions, resampling, norms."""
