"""Training methods: a batch becomes training examples."""
